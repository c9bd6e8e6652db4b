"""The first screen: what to do, how good, how sure, what it costs, what would change it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rung.decide.claims import certificate, holds_for
from rung.decide.verdict import alike
from rung.records.results import CandidateResult, Comparison, RunResult
from rung.report.reading import FinishedRun
from rung.report.reasons import next_text, reason_texts
from rung.report.rows import Fact, Row, latency_ends
from rung.report.spending import Cost, crossing
from rung.report.words import (
    assumed_text,
    bound,
    month_text,
    name_and_model,
    number,
    signed,
    times,
    units,
    usd,
    without_choice,
)

BADGES = {"sufficient": "Good enough", "insufficient": "Not good enough", "undecided": "Undecided"}
MOST_CHANGES = 6
BEYOND = 1e12
"""Requests a month that nobody has: a break-even above is none."""


@dataclass(frozen=True)
class Hero:
    """The first screen."""

    badge: str
    headline: str
    model: str
    lead: str
    rival: str
    tiles: tuple[tuple[str, Fact, str], ...]
    """(question, figure, small print)"""
    changes: tuple[str, ...]
    next_step: str
    reasons: tuple[str, ...]


def hero(run: FinishedRun, rows: Sequence[Row], costs: Mapping[str, Cost]) -> Hero:
    """The first screen of a run."""
    result = run.result
    chosen = next((r for r in rows if r.chosen), None)
    return Hero(
        badge=BADGES[result.verdict.status] if result.finished else "Not finished",
        headline=_headline(result, chosen),
        model=chosen.model if chosen else "",
        lead=_lead(result, chosen, rows),
        rival=_rival(run, chosen),
        tiles=_tiles(result, chosen or _best(rows), costs),
        changes=tuple(what_would_change(run, costs)),
        next_step=next_text(result),
        reasons=reason_texts(result),
    )


def _headline(result: RunResult, chosen: Row | None) -> str:
    if chosen is not None:
        return name_and_model(chosen.row.candidate)[0]
    return without_choice(result)


def _lead(result: RunResult, chosen: Row | None, rows: Sequence[Row]) -> str:
    tried = sum(r.row.state not in ("planned", "skipped", "probe") for r in rows)
    goal = f"{result.metric} {result.target:g} {holds_for(result, None)}"
    if chosen is None:
        plural = "" if tried == 1 else "s"
        passed = sum(r.row.state == "pass" for r in rows)
        if not passed:
            return f"{tried} candidate{plural} measured, none certified at {goal}."
        over = result.finished and result.verdict.stopped != "interrupted"
        then = ", none shown to keep the limits of [target]" if over else "; the climb is not over"
        return f"Of {tried} measured, {passed} certified at {goal}{then}."
    only = "first" if any(r.row.state == "planned" for r in rows) else "only"
    which = f"The cheapest of {tried} tried that is" if tried > 1 else f"The {only} one tried is"
    test = chosen.row.test
    if test is None:
        return f"{which} good enough: {goal}."
    return (
        f"{which} good enough: {result.metric} "
        f"{number(test.value, 2)}, {certificate(result, bound(test.certified), test)}, "
        f"for {month_text(chosen.row)}."
    )


def _rival(run: FinishedRun, chosen: Row | None) -> str:
    """How the dearest other technique compares: the question that follows the verdict."""
    if chosen is None:
        return ""
    pairs = [
        (c, other)
        for c in run.result.verdict.comparisons
        if (other := run.row(c.other)) is not None and other.monthly_usd is not None
    ]
    dearer = [p for p in pairs if (p[1].monthly_usd or 0) > (chosen.row.monthly_usd or 0)]
    others = [p for p in dearer if p[1].technique != chosen.row.technique]
    untried = _untried(run, chosen)
    if not dearer or (untried and not others):
        return untried
    compared, row = max(others or dearer, key=lambda p: (p[1].monthly_usd or 0.0, p[1].key))
    return f"{run.label(row)} {_costs_more(row, chosen.row)} and {compared_text(compared)}."


def _untried(run: FinishedRun, chosen: Row) -> str:
    """What the next technique would cost, where a climb ended before it was measured."""
    planned = [r for r in run.result.candidates if r.state == "planned"]
    row = next((r for r in planned if r.technique != chosen.row.technique), None)
    if row is None or not _expected(run, row):
        return ""
    return (
        f"The next technique was not tried: {run.label(row)} is expected to cost "
        f"{usd(_expected(run, row))} a month{assumed_text(row.assumed_monthly_usd)}."
    )


def _expected(run: FinishedRun, row: CandidateResult) -> float:
    """USD a month before anything was measured: the figure that orders the ladder."""
    if row.expected_monthly_usd is not None:
        return row.expected_monthly_usd
    work = run.result.workload
    requests, months = work.get("requests_per_month", 0), work.get("months", 1) or 1
    return row.expected_cost_per_request_usd * requests + row.setup_usd / months


def _costs_more(row: CandidateResult, chosen: CandidateResult) -> str:
    mine, theirs = chosen.monthly_usd or 0.0, row.monthly_usd or 0.0
    return f"costs {times(theirs / mine)}× as much" if mine > 0 else f"costs {usd(theirs)} a month"


def compared_text(pair: Comparison) -> str:
    """Another candidate beside the choice, in words."""
    low, high = -pair.high, -pair.low
    ends = f"{signed(-pair.difference)} [{signed(low)}, {signed(high)}] on {pair.n} common examples"
    if pair.low > 0:
        return f"scores lower: {ends}"
    if pair.high < 0:
        return f"scores higher: {ends}"
    return f"is not shown to score differently: {ends}"


def _best(rows: Sequence[Row]) -> Row | None:
    scored = [r for r in rows if r.row.state != "probe" and r.row.score and r.row.score.value]
    return max(scored, key=lambda r: (r.row.score.value if r.row.score else 0) or 0, default=None)


def _tiles(
    result: RunResult, row: Row | None, costs: Mapping[str, Cost]
) -> tuple[tuple[str, Fact, str], ...]:
    nothing = Fact("–", "Nothing was measured.")
    if row is None:
        return (("How good", nothing, "nothing was scored"),)
    score = row.row.score
    assert score is not None
    who = "" if row.chosen else f"best so far: {row.label}; "
    requests = result.workload.get("requests_per_month", 0)
    bounded = row.row.test.certified if row.row.test else None
    certified = nothing
    if bounded is not None:  # rounded down: a bound holds as it is said
        certified = Fact(f"{math.floor(100 * bounded) / 100:.2f} or more", row.certified.why)
    sure = f"certified {holds_for(result, row.row.test)}; target {result.target:g}"
    cost = costs.get(row.key)
    fast = "timed only for candidates that are good enough"
    if row.row.latency_p95_s is not None:
        fast = f"95 of 100 timed requests, asked alone, took no longer. {latency_ends(row.row)}"
    spread = ""
    if cost is not None:
        _, low, high = cost.month(requests)
        spread = f"; 95% range {usd(low)} to {usd(high)}" if usd(low) != usd(high) else ""
    return (
        (
            "How good",
            Fact(number(score.value, 2), row.score.why),
            f"{who}{result.metric} on {score.n} {score.split} {units(result.unit)}, "
            f"{result.confidence:.0%} interval {row.interval.text}",
        ),
        ("How sure", certified, sure if certified is not nothing else "nothing is certified"),
        (
            "What it costs a month",
            row.monthly,
            f"all in, at {requests:,} requests{assumed_text(row.row.assumed_monthly_usd)}; the "
            f"calls alone {_calls(row, requests)}{spread}",
        ),
        ("How fast", row.latency, fast),
    )


def _calls(row: Row, requests: int) -> str:
    """What a month's answers cost without what stands beside them."""
    each = row.row.cost_per_request_usd
    return "are not priced" if each is None else f"{usd(each * requests)}"


def what_would_change(run: FinishedRun, costs: Mapping[str, Cost]) -> list[str]:
    """What would have to be otherwise for another answer, worked out from this run's figures."""
    choice = run.row(run.result.verdict.choice)
    if choice is None:
        return _without_choice(run)
    changes = [
        *_as_cheap(run, choice),
        *_volume(run, choice, costs),
        *_price(run, choice, costs),
        *_target(run, choice),
        *_quality(run, choice),
        *_open_ends(run, choice),
    ]
    return changes[:MOST_CHANGES]


def _passed(run: FinishedRun, choice: CandidateResult) -> list[CandidateResult]:
    return [
        r
        for r in run.result.candidates
        if r.state == "pass" and not r.reason and r.key != choice.key
    ]


def _as_cheap(run: FinishedRun, choice: CandidateResult) -> list[str]:
    """Certified candidates that a closer look at the costs could put first."""
    return [
        f"Cost: {run.label(row)} is good enough too, for {month_text(row)}; of costs "
        "within 1% of each other the lower rung is chosen."
        for row in _passed(run, choice)
        if alike(row, choice)
    ]


def _volume(run: FinishedRun, choice: CandidateResult, costs: Mapping[str, Cost]) -> list[str]:
    """Volumes from which another certified candidate is the cheaper one."""
    sentences = []
    now = run.result.workload.get("requests_per_month", 0)
    for row in _passed(run, choice):
        if row.key not in costs or choice.key not in costs:
            continue
        met = crossing(choice.key, row.key, dict(costs))
        if met.requests_per_month is None or met.requests_per_month > BEYOND:
            continue
        side = "more" if met.cheaper_above == row.key else "fewer"
        sentences.append(
            f"Volume: with {side} than {round_2(met.requests_per_month)} requests a month "
            f"(now {now:,}), {run.label(row)} is cheaper."
        )
    return sentences


def _price(run: FinishedRun, choice: CandidateResult, costs: Mapping[str, Cost]) -> list[str]:
    """How much dearer a request may get before the next certified candidate is cheaper."""
    rivals = [r for r in _passed(run, choice) if r.monthly_usd is not None]
    mine = costs.get(choice.key)
    if not rivals or mine is None or mine.asking <= 0:
        return []
    rival = min(rivals, key=lambda r: (r.monthly_usd or 0.0, r.key))
    factor = ((rival.monthly_usd or 0.0) - mine.fixed) / mine.asking
    if factor <= 1:
        return []
    return [
        f"Price: a request would have to cost {times(factor)} times as much before "
        f"{run.label(rival)} is cheaper."
    ]


def _target(run: FinishedRun, choice: CandidateResult) -> list[str]:
    result = run.result
    most = choice.test.certified if choice.test else None
    if most is None:
        return []
    higher = (
        f"Target: above {bound(most)} this choice is no longer certified (now {result.target:g})"
    )
    others = [r for r in result.candidates if r.state == "pass" and r.key != choice.key]
    best = max(others, key=lambda r: (r.test.certified if r.test else 0) or 0, default=None)
    reach = (best.test.certified if best and best.test else 0) or 0
    if best is not None and reach > most:
        return [f"{higher}; {run.label(best)} is, up to {bound(reach)}."]
    return [higher + "."]


def _quality(run: FinishedRun, choice: CandidateResult) -> list[str]:
    """How far the cheaper candidates are from the target."""
    cheaper = [
        (r.score.value, r)
        for r in run.result.candidates
        if r.standing in ("below", "unlikely")
        and r.score is not None
        and r.score.value is not None
        and (r.monthly_usd or 0.0) < (choice.monthly_usd or 0.0)
    ]
    if not cheaper:
        return []
    value, row = max(cheaper, key=lambda pair: (pair[0], pair[1].key))
    return [
        f"Quality: of the cheaper candidates that were left, {run.label(row)} comes closest, "
        f"with {value:.3f} on {row.score.split if row.score else ''} for "
        f"{month_text(row)}."
    ]


def _open_ends(run: FinishedRun, choice: CandidateResult) -> list[str]:
    """Candidates that are cheaper, or unmeasured, and not settled."""
    sentences = []
    for row in run.result.candidates:
        cheaper = (row.monthly_usd or 0.0) < (choice.monthly_usd or 0.0)
        if row.standing == "open" and cheaper:
            unit = units(run.result.unit)
            chance = _chance(row, unit)
            sentences.append(
                f"More test {unit}: {run.label(row)} costs less and could not be decided{chance}."
            )
        if row.state in ("incomplete", "skipped"):
            sentences.append(f"{run.label(row)} was not settled: {row.reason or row.state}.")
    unreached = [
        f"{run.label(r)} ({usd(cost)})" if (cost := _expected(run, r)) else run.label(r)
        for r in run.result.candidates
        if r.state == "planned"
    ]
    if unreached:
        sentences.append(f"Not tried, expected to cost more a month: {'; '.join(unreached)}.")
    return sentences


def _chance(row: CandidateResult, unit: str) -> str:
    if row.forecast is None or not row.forecast.points:
        return ""
    size, chance = row.forecast.points[0]
    return f" (with {size:,} {unit} the chance to certify it is {chance:.0%})"


def _without_choice(run: FinishedRun) -> list[str]:
    result = run.result
    tested = [r for r in result.candidates if r.test is not None and r.test.certified]
    best = max(tested, key=lambda r: (r.test.certified if r.test else 0) or 0, default=None)
    sentences = []
    if best is not None and best.test is not None and best.test.certified:
        sentences.append(
            f"Target: {bound(best.test.certified)} or less is certified already, by "
            f"{run.label(best)}."
        )
    for row in result.candidates:
        if row.standing == "open":
            unit = units(result.unit)
            sentences.append(
                f"More test {unit}: {run.label(row)} could not be decided{_chance(row, unit)}."
            )
        if row.state in ("incomplete", "skipped"):
            sentences.append(f"{run.label(row)} was not settled: {row.reason or row.state}.")
    for row in result.candidates:
        if row.state == "pass" and row.reason:
            sentences.append(f"Limits: {run.label(row)} is good enough, but {row.reason}.")
    return sentences[:MOST_CHANGES]


def round_2(value: float) -> str:
    """A volume with two significant digits: no more is known."""
    return f"{float(f'{value:.2g}'):,.0f}"
