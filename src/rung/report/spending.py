"""What each candidate costs against volume, with the spread of the measured cost.

The cost of a month is requests times the measured mean, plus set-up spread over the horizon: the
same sum as in the ladder. What a run cannot know (labour, hosting, retraining) is `rung cost`'s.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import stdev

from rung.decide.results import CandidateResult
from rung.records import Attempt
from rung.report.reading import FinishedRun

Z95 = 1.96


@dataclass(frozen=True)
class Cost:
    """USD of one candidate: a request (mean, with its 95 % interval) and a month of set-up."""

    each: float
    low: float
    high: float
    fixed: float
    """Set-up a month."""
    n: int
    """Answers behind the mean."""

    def month(self, requests: float) -> tuple[float, float, float]:
        """Value, low and high of a month."""
        value, low, high = (x * requests + self.fixed for x in (self.each, self.low, self.high))
        return value, low, high


def costs_of(run: FinishedRun) -> dict[str, Cost]:
    """The cost of every candidate that answered anything."""
    months = run.result.workload.get("months", 1) or 1
    paid = _paid(run.attempts)
    found = {}
    for row in run.result.candidates:
        mean = row.cost_per_request_usd
        if mean is None:
            continue
        split = "test" if row.test is not None else "dev"
        each = paid.get((row.key, split), [])
        error = Z95 * stdev(each) / math.sqrt(len(each)) if len(each) > 1 else 0.0
        found[row.key] = Cost(
            mean, max(0.0, mean - error), mean + error, row.setup_usd / months, len(each)
        )
    return found


def _paid(attempts: Iterable[Attempt]) -> dict[tuple[str, str], list[float]]:
    paid: dict[tuple[str, str], list[float]] = {}
    for one in attempts:
        if one.answer is not None:
            paid.setdefault((one.candidate, one.split), []).append(one.cost_usd)
    return paid


@dataclass(frozen=True)
class Crossing:
    """Where another candidate and the choice cost the same a month."""

    other: str
    requests: float | None
    """None: never; then one is cheaper at every volume."""
    low: float | None
    high: float | None
    """Ends with both costs at the ends of their intervals; None above: without limit."""
    cheaper_above: str
    cheaper_below: str


def crossing(choice: str, other: str, costs: dict[str, Cost]) -> Crossing:
    """Lines F + s v cross at (F_other - F_choice) / (s_choice - s_other)."""
    mine, theirs = costs[choice], costs[other]
    at = _meet(mine.each, theirs.each, theirs.fixed - mine.fixed)
    if at is None:
        base = (mine.fixed + mine.each, choice), (theirs.fixed + theirs.each, other)
        cheaper = min(base)[1]
        return Crossing(other, None, None, None, cheaper, cheaper)
    above, below = (other, choice) if theirs.each < mine.each else (choice, other)
    pairs = ((mine.low, theirs.high), (mine.high, theirs.low))
    ends = [_meet(a, b, theirs.fixed - mine.fixed) for a, b in pairs]
    known = [end for end in ends if end is not None]
    return Crossing(
        other, at, min([*known, at]), max(known) if len(known) == 2 else None, above, below
    )


def _meet(mine: float, theirs: float, more_fixed: float) -> float | None:
    gap = mine - theirs
    if gap == 0 or more_fixed / gap <= 0:
        return None
    return more_fixed / gap


def undominated(rows: Sequence[tuple[str, float, float]]) -> list[str]:
    """Of (key, cost, score): those that none beats on both, from the cheapest to the dearest."""
    best, kept = -math.inf, []
    for key, _, score in sorted(rows, key=lambda r: (r[1], -r[2], r[0])):
        if score > best:
            best = score
            kept.append(key)
    return kept


def measured_rows(run: FinishedRun) -> list[CandidateResult]:
    """Candidates that could be shipped and have a score and a cost."""
    return [
        r
        for r in run.result.candidates
        if r.state != "probe"
        and r.score is not None
        and r.score.value is not None
        and r.cost_per_request_usd is not None
    ]
