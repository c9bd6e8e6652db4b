"""What each answer is worth against the truth, and the counts of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from truth_parts.advisers import passes
from truth_parts.replay import CONFIDENCE, Draw, Said
from truth_parts.tables import Table

NEAR = 0.005
"""How far above a candidate's true mean the hardest targets lie."""
BEYOND = 0.03
"""How far outside all scores the outermost plain targets lie."""

OUTCOMES = (
    "cheapest",
    "none, rightly",
    "cannot tell",
    "dearer, untold",
    "dearer",
    "none, falsely",
    "false",
)
"""cheapest: names the cheapest that suffices. dearer: another that suffices, although these rows
could tell; untold: although they could not. none: says that none suffices. false: names one that
does not suffice."""
BAD = ("dearer", "none, falsely", "false")
"""What an adviser is blamed for."""


@dataclass
class Tally:
    """Counts of one adviser's outcomes."""

    counts: Counter[str] = field(default_factory=Counter)
    calls: int = 0

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def bad(self) -> int:
        """False, or dearer although the data could tell."""
        return sum(self.counts[outcome] for outcome in BAD)

    def add(self, outcome: str, calls: int) -> None:
        self.counts[outcome] += 1
        self.calls += calls

    def share(self, *outcomes: str) -> float | None:
        """None where there was nothing to count: never 0."""
        return sum(self.counts[o] for o in outcomes) / self.total if self.total else None


def targets(table: Table) -> dict[str, list[float]]:
    """Between every two scores and just outside all (plain), and just above each score (hard)."""
    means = sorted({round(float(mean), 6) for mean in table.truth})
    between = [(low + high) / 2 for low, high in pairwise(means)]
    plain = [means[0] - BEYOND, *between, means[-1] + BEYOND]
    hard = [mean + NEAR for mean in means]
    return {
        "between": [round(t, 6) for t in plain if 0.02 < t < 0.99],
        "just above": [round(t, 6) for t in hard if 0.02 < t < 0.99],
    }


def outcome(table: Table, drawn: Draw, target: float, said: Said) -> str:
    """One of `OUTCOMES`."""
    cheapest = table.cheapest(target)
    if said.status == "undecided":
        return "cannot tell"
    if said.choice is None:
        return "none, falsely" if cheapest else "none, rightly"
    if table.truth[said.choice] < target:
        return "false"
    if said.choice in cheapest:
        return "cheapest"
    return "dearer" if could_tell(table, drawn, target) else "dearer, untold"


def could_tell(table: Table, drawn: Draw, target: float) -> bool:
    """Whether one test of the cheapest that suffices, alone, on all rows, at all the error, passes.

    No adviser with the same promise has more to spend on it.
    """
    alpha = 1 - CONFIDENCE
    return any(passes(drawn.test[k], target, alpha) for k in table.cheapest(target))


def rows(tallies: dict[str, Tally]) -> Iterable[dict[str, str | int | float | None]]:
    """A line an adviser, for a terminal or JSON."""
    for name, tally in tallies.items():
        if not tally.total:
            yield {"adviser": name, "answers": 0}
            continue
        yield {
            "adviser": name,
            "answers": tally.total,
            **{outcome: tally.share(outcome) for outcome in OUTCOMES},
            "false or dearer": tally.share(*BAD),
            "answers asked, mean": tally.calls / tally.total,
        }
