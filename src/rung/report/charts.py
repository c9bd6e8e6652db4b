"""The charts of a run: quality against cost, cost against volume, differences, losses."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Protocol

from rung.economics.breakeven import BreakEven
from rung.money import count, money_tick
from rung.records.results import CandidateResult, Comparison
from rung.report.figures import (
    Axis,
    Bar,
    Curve,
    Plot,
    Point,
    Scale,
    Strip,
    Tick,
    line_path,
    linear,
    logarithmic,
    place_labels,
    spread,
)
from rung.report.reading import FinishedRun
from rung.report.rows import places
from rung.report.spending import Cost, crossing, measured_rows, undominated
from rung.report.words import number, usd

LEFT, RIGHT, TOP = 46.0, 424.0, 14.0
HEIGHT, BOTTOM = 316.0, 268.0
SAMPLES = 48
DASHES = ("", "7 4", "2 4", "10 3 2 3", "4 2 1 2")
DECADES = 100.0
"""Volumes shown: from a hundredth of the workload to a hundred times it."""


class Monthly(Protocol):
    """Anything that says what a month costs."""

    def month(self, requests: float) -> tuple[float, float, float]:
        """USD at a volume: value, low, high."""


def quality_cost(run: FinishedRun, costs: Mapping[str, Monthly]) -> Plot | None:
    """Score against cost a month, intervals both ways, the frontier and the target."""
    result = run.result
    rows = [r for r in measured_rows(run) if r.key in costs]
    if not rows:
        return None
    requests = result.workload.get("requests_per_month", 0)
    months = {r.key: costs[r.key].month(requests) for r in rows}
    x = logarithmic([v for m in months.values() for v in m if v > 0 or m[0] <= 0],
                    (LEFT, RIGHT), money_tick)  # fmt: skip
    y = _score_axis(rows, result.target)
    named = places(result)
    points = [
        _point(
            r,
            f"{named[r.key]}: {run.label(r)}",
            months[r.key],
            (x.scale, y.scale),
            chosen=r.key == result.verdict.choice,
        )
        for r in rows
    ]
    spots = place_labels([(p.x, p.y) for p in points], RIGHT + 12, BOTTOM)
    best = undominated([(r.key, months[r.key][0], _value(r)) for r in rows])
    by_key = dict(zip((r.key for r in rows), points, strict=True))
    return Plot(
        title="Quality against cost a month",
        x=replace(x, label=f"USD a month at {requests:,} requests, set-up included (log)"),
        y=replace(y, label=result.metric),
        height=HEIGHT,
        points=tuple(_labelled(p, at) for p, at in zip(points, spots, strict=True)),
        frontier=_steps([(by_key[k].x, by_key[k].y) for k in best]),
        target_y=y.scale.at(result.target),
        target_text=f"target {result.target:g}",
    )


def _labelled(point: Point, at: tuple[float, float]) -> Point:
    """The label of the choice stands outside its ring."""
    far = 1.4 if point.chosen else 1.0
    x, y = at
    return replace(
        point,
        label=(round(point.x + (x - point.x) * far, 1), round(point.y + (y - point.y) * far, 1)),
    )


def _value(row: CandidateResult) -> float:
    return (row.score.value if row.score else None) or 0.0


def _score_axis(rows: Sequence[CandidateResult], target: float) -> Axis:
    """From 0, or from a marked 0.5 where every interval lies above it."""
    lows = [target, *((r.score.low if r.score else 0) or 0 for r in rows)]
    low = 0.5 if min(lows) > 0.5 else 0.0
    axis = linear(low, 1.0, (BOTTOM, TOP), 0.1 if low else 0.2)
    return replace(axis, broken=low > 0)


def _point(
    row: CandidateResult,
    name: str,
    months: tuple[float, float, float],
    scales: tuple[Scale, Scale],
    *,
    chosen: bool,
) -> Point:
    x, y = scales
    score = row.score
    assert score is not None and score.value is not None
    low = score.value if score.low is None else score.low
    high = score.value if score.high is None else score.high
    return Point(
        place=name.partition(":")[0],
        technique=row.technique,
        x=x.at(months[0]),
        y=y.at(score.value),
        xs=(x.at(months[1]), x.at(months[2])),
        ys=(y.at(low), y.at(high)),
        title=(
            f"{name}. {score.split} {score.value:.3f} "
            f"[{number(score.low, 2)}–{number(score.high, 2)}], {usd(months[0])} a month "
            f"({usd(months[1])} to {usd(months[2])})"
        ),
        chosen=chosen,
        hollow=score.split == "dev",
    )


def _steps(points: Sequence[tuple[float, float]]) -> str:
    """The frontier as stairs: between two candidates one pays for the cheaper one's quality."""
    if len(points) < 2:
        return ""
    stairs = [points[0]]
    for (_, before), (x, y) in pairwise(points):
        stairs += [(x, before), (x, y)]
    return line_path(stairs)


def cost_volume(run: FinishedRun, costs: Mapping[str, Cost]) -> Plot | None:
    """Cost a month against requests a month, with bands, and where lines cross the choice's."""
    return cost_lines(run, costs, lambda shown, scales: _crossings(run, costs, shown, scales))


Rings = Callable[[tuple[float, float], tuple[Scale, Scale]], tuple[tuple[float, float, str], ...]]
"""From the volumes shown and both scales: where to draw a ring, and what it says."""


def cost_lines(run: FinishedRun, costs: Mapping[str, Monthly], rings: Rings) -> Plot | None:
    """A line with its band for every candidate that costs anything."""
    now = run.result.workload.get("requests_per_month", 0)
    rows = [r for r in measured_rows(run) if r.key in costs]
    drawn = [r for r in rows if costs[r.key].month(max(now, 1))[0] > 0]
    if not drawn or now <= 0:
        return None
    volumes = _volumes(now)
    monthly = {r.key: [costs[r.key].month(v) for v in volumes] for r in drawn}
    ends = [v[0] for line in monthly.values() for v in (line[0], line[-1])]
    x = logarithmic([volumes[0], volumes[-1]], (LEFT, RIGHT - 14), count)
    y = logarithmic(ends, (BOTTOM, TOP), money_tick)
    return Plot(
        title="Cost a month against volume",
        x=replace(x, label="requests a month (log)"),
        y=replace(y, label="USD a month (log)"),
        height=HEIGHT,
        curves=_curves(run, drawn, volumes, monthly, (x.scale, y.scale)),
        now_x=x.scale.at(now),
        crossings=rings((volumes[0], volumes[-1]), (x.scale, y.scale)),
    )


def _volumes(now: int) -> list[float]:
    low, high = max(1.0, now / DECADES), now * DECADES
    low, high = 10 ** math.floor(math.log10(low)), 10 ** math.ceil(math.log10(high))
    return [low * (high / low) ** (i / SAMPLES) for i in range(SAMPLES + 1)]


def _curves(
    run: FinishedRun,
    rows: Sequence[CandidateResult],
    volumes: Sequence[float],
    monthly: Mapping[str, list[tuple[float, float, float]]],
    scales: tuple[Scale, Scale],
) -> tuple[Curve, ...]:
    x, y = scales
    xs = [x.at(v) for v in volumes]
    labels = spread([y.at(monthly[r.key][-1][0]) for r in rows], 12, TOP, BOTTOM)
    seen: Counter[str] = Counter()
    named, curves = places(run.result), []
    for row, label_y in zip(rows, labels, strict=True):
        line = [(px, y.at(m[0])) for px, m in zip(xs, monthly[row.key], strict=True)]
        low = [(px, y.at(m[1])) for px, m in zip(xs, monthly[row.key], strict=True)]
        high = [(px, y.at(m[2])) for px, m in zip(xs, monthly[row.key], strict=True)]
        dash = DASHES[seen[row.technique] % len(DASHES)]
        seen[row.technique] += 1
        curves.append(
            Curve(
                place=named[row.key],
                technique=row.technique,
                line=line_path(line),
                band=line_path([*low, *reversed(high)]) + "Z",
                dash=dash,
                title=f"{named[row.key]}: {run.label(row)}",
                chosen=row.key == run.result.verdict.choice,
                end=line[-1],
                label_y=label_y,
            )
        )
    return tuple(curves)


def _crossings(
    run: FinishedRun,
    costs: Mapping[str, Cost],
    shown: tuple[float, float],
    scales: tuple[Scale, Scale],
) -> tuple[tuple[float, float, str], ...]:
    choice = run.result.verdict.choice
    if choice is None or choice not in costs:
        return ()
    spots = []
    for row in measured_rows(run):
        if row.key == choice or row.key not in costs:
            continue
        met = crossing(choice, row.key, dict(costs))
        at = met.requests_per_month
        if at is not None and shown[0] <= at <= shown[1]:
            spot = (scales[0].at(at), scales[1].at(costs[choice].month(at)[0]))
            spots.append((*spot, f"Break-even with {run.label(row)}: {rounded(at)}"))
    return tuple(spots)


def differences(compared: Sequence[Comparison]) -> tuple[list[tuple[Comparison, Strip]], Axis]:
    """Each difference to the choice with its interval, on one axis around 0."""
    most = max((max(abs(c.low), abs(c.high)) for c in compared), default=0.1)
    end = math.ceil(most * 10 - 1e-9) / 10 or 0.1
    scale = Scale(-end, end, 6.0, 214.0)
    rows = [
        (
            c,
            Strip(
                (Bar(scale.at(c.difference), scale.at(c.low), scale.at(c.high), 14.0, "test"),),
                (scale.at(0.0),),
                title=f"{c.difference:+.3f} [{c.low:+.3f}, {c.high:+.3f}]",
            ),
        )
        for c in compared
    ]
    ticks = tuple(Tick(scale.at(v), f"{v:+g}" if v else "0") for v in (-end, 0.0, end))
    return rows, Axis(scale, ticks, "choice minus other")


def losses(run: FinishedRun, row: CandidateResult) -> Plot | None:
    """Loss on dev and on train, epoch by epoch; the axis starts at 0."""
    dev = [float(v) for v in row.training.get("dev_losses", ())]
    train = [float(v) for v in row.training.get("train_losses", ())]
    if len(dev) + len(train) < 2:
        return None
    epochs = max(len(dev) - 1, len(train), 1)
    top = max([*dev, *train, 0.1])
    step = 10 ** math.floor(math.log10(top))
    step = step if top / step >= 3 else step / 2 if top / step >= 1.5 else step / 5
    y = linear(0.0, math.ceil(top / step) * step, (150.0, TOP), step)
    x = Scale(0, epochs, LEFT, RIGHT - 34)
    curves = []
    for name, start, values, dash in (("dev", 0, dev, ""), ("train", 1, train, "4 3")):
        if values:
            line = [(x.at(start + i), y.scale.at(v)) for i, v in enumerate(values)]
            title = f"{name}: " + ", ".join(f"{v:.3f}" for v in values)
            curves.append(
                Curve(name, row.technique, line_path(line), "", dash, title, False, line[-1],
                      line[-1][1])
            )  # fmt: skip
    apart = spread([c.label_y for c in curves], 12, TOP, 150.0)
    ticks = tuple(Tick(x.at(i), str(i)) for i in range(epochs + 1))
    return Plot(
        title=f"Loss of {run.label(row)}",
        x=Axis(x, ticks, "epoch"),
        y=replace(y, label="nats a token of the answer"),
        height=196.0,
        curves=tuple(replace(c, label_y=at) for c, at in zip(curves, apart, strict=True)),
    )


def break_evens(run: FinishedRun, costs: Mapping[str, Cost]) -> list[tuple[str, str]]:
    """(candidate, where it and the choice cost the same) for every measured candidate."""
    choice = run.result.verdict.choice
    if choice is None or choice not in costs:
        return []
    return [
        (run.label(row), crossing_text(crossing(choice, row.key, dict(costs)), row.key))
        for row in measured_rows(run)
        if row.key != choice and row.key in costs
    ]


def crossing_text(met: BreakEven, other: str) -> str:
    """From which volume on another candidate is the cheaper one, and how sure that is."""
    if met.requests_per_month is None:
        if not met.cheaper_above:
            return "never: the same at every volume"
        dearer = met.cheaper_above != other
        return "never: dearer at every volume" if dearer else "never: cheaper at every volume"
    side = "above" if met.cheaper_above == other else "below"
    at, sure = rounded(met.requests_per_month), f"{met.confidence:.0%} interval"
    low = "0" if met.low is None else rounded(met.low)
    high = "no limit" if met.high is None else rounded(met.high)
    return f"cheaper {side} {at} requests a month ({sure}: {low} to {high})"


def rounded(volume: float) -> str:
    """A volume with two digits: no break-even is known better."""
    return count(float(f"{volume:.2g}"))
