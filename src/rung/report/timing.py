"""How long answers took: the time of a request asked alone beside what was measured in the run."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rung.candidate import Technique
from rung.report.figures import Axis, logarithmic
from rung.report.reading import FinishedRun
from rung.report.rows import places, seconds

SHARES = (5, 25, 50, 75, 95)
FEWEST = 5
"""Answers below which a spread would be made up."""
LEAST_S = 1e-4
"""Times below a tenth of a millisecond are the clock's, not the candidate's."""


@dataclass(frozen=True)
class Spread:
    """One candidate's times on the shared axis: pixels of the percentiles, and the words."""

    key: str
    place: str
    label: str
    technique: Technique
    n: int
    at: tuple[float, ...]
    """Pixels of the 5th, 25th, 50th, 75th and 95th percentile; empty without enough answers."""
    texts: tuple[str, ...]
    """The same as text."""
    alone: float | None
    alone_text: str
    chosen: bool
    title: str


@dataclass(frozen=True)
class Timing:
    """The figure."""

    rows: tuple[Spread, ...]
    axis: Axis


def timing(run: FinishedRun) -> Timing | None:
    """Every candidate that was timed in any way; None where none was."""
    took: dict[str, list[float]] = {}
    for one in run.attempts:
        if one.answer is not None and one.answer.latency_s > 0:
            took.setdefault(one.candidate, []).append(one.answer.latency_s)
    quantiles = {
        key: [max(LEAST_S, float(q)) for q in np.percentile(times, SHARES)]
        for key, times in took.items()
        if len(times) >= FEWEST
    }
    rows = [r for r in run.result.candidates if r.key in quantiles or r.latency_p95_s is not None]
    ends = [v for r in rows for v in quantiles.get(r.key, ())]
    ends += [max(LEAST_S, r.latency_p95_s) for r in rows if r.latency_p95_s is not None]
    if not ends:
        return None
    axis = replace(logarithmic(ends, (6.0, 314.0), _tick), label="seconds (log)")
    named = places(run.result)
    spreads = []
    for row in rows:
        times = quantiles.get(row.key, [])
        alone = row.latency_p95_s
        spreads.append(
            Spread(
                key=row.key,
                place=named[row.key],
                label=run.label(row),
                technique=row.technique,
                n=len(took.get(row.key, ())),
                at=tuple(axis.scale.at(v) for v in times),
                texts=tuple(seconds(v) for v in times),
                alone=None if alone is None else axis.scale.at(max(LEAST_S, alone)),
                alone_text="–" if alone is None else seconds(alone),
                chosen=row.key == run.result.verdict.choice,
                title=_title(run.label(row), times, alone),
            )
        )
    return Timing(tuple(spreads), axis)


def _title(label: str, times: Sequence[float], alone: float | None) -> str:
    parts = [label]
    if times:
        parts.append(
            f"in its batch: half within {seconds(times[2])}, 95% within {seconds(times[4])}"
        )
    if alone is not None:
        parts.append(f"asked alone: 95% within {seconds(alone)}")
    return "; ".join(parts)


def _tick(value: float) -> str:
    return seconds(value) if value < 60 else f"{value:,.0f} s"
