"""Two runs beside each other: what each names, what each candidate scored, what was different."""

from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request

from rung.climbing.summary import value_of
from rung.evidence import paired_comparison
from rung.records.results import CandidateResult, Measured, RunResult
from rung.report.figures import Bar, Strip
from rung.report.reading import FinishedRun
from rung.report.rows import STRIP, seconds
from rung.report.sections import strip_ticks
from rung.report.words import (
    assumed_note,
    describe,
    month_cell,
    score_text,
    signed,
    state_text,
)
from rung.ui.pages import Page
from rung.ui.projects import NotFound, Project
from rung.ui.site import Site
from rung.ui.summaries import RunLine, line, lines


@dataclass(frozen=True)
class Pair:
    """One candidate in both runs."""

    key: str
    label: str
    technique: str
    first: str
    second: str
    """Scores; a dash where it was not measured."""
    states: tuple[str, str]
    costs: tuple[str, str]
    latencies: tuple[str, str]
    strip: Strip
    difference: str
    """Later minus earlier on the test examples that both answered; empty without any."""
    interval: str
    n: int


def compare(site: Site, request: Request) -> Page:
    """The page; without two runs it asks which."""
    chosen = request.query_params.getlist("run")[:2]
    offered = [
        (project, offer)
        for project in site.shelf.projects.values()
        for offer in lines(site.shelf, project)
        if offer.readable
    ]
    shown = {"offered": offered, "chosen": chosen, "strip_ticks": strip_ticks()}
    plain: dict[str, object]
    if len(chosen) < 2:
        plain = {"offered": [_name(project, offer) for project, offer in offered]}
        return Page("compare.html", "Compare two runs", plain, {**shown, "pairs": None}, HOME)
    offer = sorted((_run(site, name) for name in chosen), key=lambda r: r[1].result.started)
    (one, first, a), (two, second, b) = offer
    pairs = paired(first, second)
    changes = differences(first.result, second.result)
    view = {"heads": (line(one, a, first.result), line(two, b, second.result)), "pairs": pairs,
            "changes": changes, "projects": (one, two), "metric": first.result.metric,
            "assumed": assumed_note((*first.result.candidates, *second.result.candidates)),
            }  # fmt: skip
    plain = {"runs": view["heads"], "candidates": pairs, "different": dict(changes)}
    return Page("compare.html", "Two runs compared", plain, {**shown, **view}, HOME)


HOME = (("/", "Projects"),)


def _name(project: Project, line: RunLine) -> dict[str, str]:
    return {"run": f"{project.slug}/{line.name}", "when": line.when, "headline": line.headline}


def _run(site: Site, name: str) -> tuple[Project, FinishedRun, Path]:
    slug, slash, run = name.partition("/")
    if not slash:
        raise NotFound(f"{name!r} names no run: write it as project/run")
    project = site.shelf.project(slug)
    folder = project.run(run)
    return project, site.shelf.run(folder), folder


def paired(first: FinishedRun, second: FinishedRun) -> list[Pair]:
    """Every candidate of either run, in the order of the second."""
    ours = {r.key: r for r in first.result.candidates}
    theirs = {r.key: r for r in second.result.candidates}
    keys = [*theirs, *(k for k in ours if k not in theirs)]
    values = _values(first), _values(second)
    return [_pair(k, ours.get(k), theirs.get(k), values, second.result) for k in keys]


Values = dict[str, dict[str, float]]


def _values(run: FinishedRun) -> Values:
    """Scores on test, by candidate and example."""
    values: Values = {}
    for one in run.attempts:
        value = value_of(one) if one.split == "test" else None
        if value is not None:
            values.setdefault(one.candidate, {})[one.example_id] = value
    return values


def _pair(
    key: str,
    a: CandidateResult | None,
    b: CandidateResult | None,
    values: tuple[Values, Values],
    result: RunResult,
) -> Pair:
    row = b or a
    assert row is not None
    one, two = values[0].get(key, {}), values[1].get(key, {})
    common = sorted(set(one) & set(two))
    difference = interval = ""
    if common:
        pair = paired_comparison([two[i] for i in common], [one[i] for i in common])
        difference = signed(pair.difference)
        interval = f"{signed(pair.low)} to {signed(pair.high)}"
    scores = tuple(r.score if r else None for r in (a, b))
    return Pair(
        key=key,
        label=describe(row),
        technique=row.technique,
        first=score_text(scores[0]),
        second=score_text(scores[1]),
        states=(_state(a), _state(b)),
        costs=(month_cell(a) if a else "–", month_cell(b) if b else "–"),
        latencies=(_late(a), _late(b)),
        strip=_strip(scores[0], scores[1], describe(row), result.target),
        difference=difference,
        interval=interval,
        n=len(common),
    )


def _state(row: CandidateResult | None) -> str:
    return state_text(row) if row else "not in this run"


def _late(row: CandidateResult | None) -> str:
    late = row.latency_p95_s if row else None
    return "–" if late is None else seconds(late)


def _strip(a: Measured | None, b: Measured | None, label: str, target: float) -> Strip:
    """The later run drawn as test, the earlier as dev: filled and hollow."""
    bars = []
    for side, y, kind in ((b, 14.0, "test"), (a, 27.0, "dev")):
        if side is None or side.value is None:
            continue
        low = side.value if side.low is None else side.low
        high = side.value if side.high is None else side.high
        bars.append(Bar(STRIP.at(side.value), STRIP.at(low), STRIP.at(high), y, kind))
    title = f"{label}: later run {score_text(b)}, earlier run {score_text(a)}; target {target:g}"
    return Strip(tuple(bars), (STRIP.at(target),), title=title)


def differences(a: RunResult, b: RunResult) -> list[tuple[str, tuple[str, str]]]:
    """What is not the same in both: task, target, sizes, prices, versions."""
    facts = [
        ("task", a.task, b.task),
        ("task fingerprint", a.fingerprint[:16], b.fingerprint[:16]),
        ("metric", a.metric, b.metric),
        ("target", f"{a.target:g}", f"{b.target:g}"),
        ("confidence", f"{a.confidence:g}", f"{b.confidence:g}"),
        ("seed", str(a.seed), str(b.seed)),
        ("arguments", " ".join(a.arguments) or "none", " ".join(b.arguments) or "none"),
        ("prices of", str(a.prices.get("on", "–")), str(b.prices.get("on", "–"))),
        ("model calls made", f"{a.calls.made:,}", f"{b.calls.made:,}"),
        ("seconds", f"{a.seconds:.1f}", f"{b.seconds:.1f}"),
    ]
    for name in ("train", "dev", "test"):
        x, y = (r.sizes.get(name, 0) for r in (a, b))
        facts.append((f"{name} examples", f"{x:,}", f"{y:,}"))
    for name in ("requests_per_month", "months"):
        x, y = a.workload.get(name, 0), b.workload.get(name, 0)
        facts.append((name.replace("_", " "), f"{x:,}", f"{y:,}"))
    for name in sorted({*a.versions, *b.versions}):
        facts.append((name, a.versions.get(name, "–"), b.versions.get(name, "–")))
    return [(what, (x, y)) for what, x, y in facts if x != y]
