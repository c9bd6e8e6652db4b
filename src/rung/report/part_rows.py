"""Recall and precision by label, or by field of JSON, as a table shows them."""

from typing import NamedTuple

from rung.evidence import binomial_interval
from rung.records.results import CandidateResult, Measured, RunResult

FEWEST = 5
"""Counts under which a share says nothing: 95 % intervals of five are wider than a half."""


class PartRow(NamedTuple):
    """One label or field."""

    name: str
    expected: int
    given: int
    right: int
    recall: str
    precision: str


def part_rows(seen: Measured | None) -> tuple[PartRow, ...]:
    """The parts that were expected or given, the most frequent first; empty without any."""
    return tuple(
        PartRow(
            p.name,
            p.expected,
            p.given,
            p.right,
            _share(p.right, p.expected),
            _share(p.right, p.given),
        )
        for p in (seen.parts if seen else ())
    )


def _share(right: int, of: int) -> str:
    if of < FEWEST:
        return "–"
    interval = binomial_interval(right, of)
    return f"{interval.estimate:.2f} [{interval.low:.2f}–{interval.high:.2f}]"


def weakest(seen: Measured | None) -> str:
    """The three parts with the least recall, in words; empty where none was missed often enough."""
    missed = [p for p in part_rows(seen) if p.expected >= FEWEST and p.right < p.expected]
    missed.sort(key=lambda p: p.right / p.expected)
    return ", ".join(f"{p.name} {p.right} of {p.expected}" for p in missed[:3])


def watched(result: RunResult) -> CandidateResult | None:
    """The candidate whose answers are looked at: the choice, else the best that was measured."""
    chosen = next((r for r in result.candidates if r.key == result.verdict.choice), None)
    scored = [r for r in result.candidates if r.score and r.score.value is not None]
    tested = [r for r in scored if r.test is not None] or scored
    return chosen or max(tested, key=lambda r: (r.score and r.score.value) or 0.0, default=None)
