"""The learning curve: the score on dev by training size, and what more examples would do."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from rung.evidence.intervals import binomial_interval
from rung.records.results import CandidateResult
from rung.report.figures import Axis, Curve, Plot, Point, Scale, Tick, line_path, linear
from rung.report.reading import FinishedRun
from rung.report.words import number

LEFT, RIGHT, TOP, BOTTOM = 46.0, 424.0, 14.0, 190.0


@dataclass(frozen=True)
class Size:
    """One row of the table: measured, or forecast with its interval."""

    n: int
    forecast: bool
    score: float
    low: float
    high: float
    says: str


@dataclass(frozen=True)
class Learning:
    """The curve of one tuned candidate."""

    label: str
    sizes: tuple[Size, ...]
    plot: Plot
    reason: str
    """Why there is no forecast; empty where there is one."""


def learning(run: FinishedRun, row: CandidateResult, place: str) -> Learning | None:
    """The curve, where a climb with `--learning-curve` drew one."""
    curve = row.learning
    if not curve.get("sizes"):
        return None
    asked = row.dev.n if row.dev and row.dev.n else 0
    sizes = [
        *([_measured(0, curve["untrained"], asked)] if "untrained" in curve else []),
        *(_measured(n, s, asked) for n, s in zip(curve["sizes"], curve["scores"], strict=True)),
        *(_forecast(p) for p in curve.get("points", ())),
    ]
    plot = _plot(run, row, place, sizes)
    return Learning(run.label(row), tuple(sizes), plot, str(curve.get("reason", "")))


def _measured(n: int, score: float, asked: int) -> Size:
    """The interval is that of right or wrong answers: graded scores spread less."""
    if not asked:
        return Size(n, False, score, score, score, "measured; how many were asked is not known")
    ends = binomial_interval(round(score * asked), asked, 0.95)
    says = f"measured on {asked} dev examples" if n else f"untrained, {asked} dev examples"
    return Size(n, False, score, min(ends.low, score), max(ends.high, score), says)


def _forecast(point: dict[str, Any]) -> Size:
    says = f"{point['outlook']} the target ({point['chance']:.0%})"
    return Size(point["n"], True, point["median"], point["low"], point["high"], says)


def _plot(run: FinishedRun, row: CandidateResult, place: str, sizes: Sequence[Size]) -> Plot:
    most = max(s.n for s in sizes) or 1
    x = Scale(0, most, LEFT + 8, RIGHT - 14)
    y = linear(0.0, 1.0, (BOTTOM, TOP), 0.2)
    points = [_point(row, place, s, x, y.scale, run.label(row)) for s in sizes]
    known = [(p.x, p.y) for p, s in zip(points, sizes, strict=True) if not s.forecast]
    curve = Curve(
        place="", technique=row.technique, line=line_path(known), band="", dash="",
        title=f"Scores of {run.label(row)} by training size", chosen=False, end=known[-1],
        label_y=known[-1][1],
    )  # fmt: skip
    return Plot(
        title=f"Score on dev of {run.label(row)} by training examples",
        x=Axis(x, _ticks(sizes, x), "training examples"),
        y=replace(y, label=run.result.metric),
        height=236.0,
        points=tuple(points),
        curves=(curve,),
        target_y=y.scale.at(run.result.target),
        target_text=f"target {run.result.target:g}",
    )


def _point(row: CandidateResult, place: str, size: Size, x: Scale, y: Scale, label: str) -> Point:
    at = x.at(size.n)
    kind = "forecast " if size.forecast else ""
    return Point(
        place="", technique=row.technique, x=at, y=y.at(size.score), xs=(at, at),
        ys=(y.at(size.low), y.at(size.high)),
        title=f"{place}: {label}. {size.n:,} training examples: {kind}{size.score:.3f} "
        f"[{number(size.low, 2)}–{number(size.high, 2)}], {size.says}",
        hollow=size.forecast,
    )  # fmt: skip


def _ticks(sizes: Sequence[Size], x: Scale) -> tuple[Tick, ...]:
    """Ticks where something was tried; too close a pair keeps the larger one."""
    kept: list[Tick] = []
    for size in reversed(sizes):
        at = x.at(size.n)
        if not kept or kept[-1].at - at >= 22:
            kept.append(Tick(at, f"{size.n:,}"))
    return tuple(reversed(kept))
