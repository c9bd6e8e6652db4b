"""How much error a test split still affords.

Every candidate ever scored on a test split uses some of its alpha, and ten climbs on one split
are not ten independent chances. The ledger is the arithmetic only; the climb keeps it on disk.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rung.errors import UserError

PLANNED_SHARE = 0.8
"""Share of alpha for the candidates planned at the start; the rest is a reserve for later ones."""

SMALLEST_ALPHA = 1e-4
"""A smaller share certifies next to nothing: at 0.80 and 500 examples it asks for 87 % right."""


@dataclass(frozen=True)
class AlphaLedger:
    """Alpha of one test split: K equal planned places, then a reserve for later candidates.

    The j-th later candidate gets 0.2 alpha / (j (j + 1)): these sum to 0.2 alpha however many
    come (Foster and Stine, "Alpha-investing", JRSS-B 70 (2008), 429-444, for the idea of a
    sequence that pays for an unknown number of tests). By the union bound the chance that any
    candidate below the target is certified on this split is at most `alpha`.
    """

    alpha: float
    planned: int
    """Candidates that share 0.8 alpha equally."""
    granted: Mapping[str, float] = field(default_factory=dict)
    """Alpha of each candidate that has touched the split, in order of first use."""

    def __post_init__(self) -> None:
        if not 0.0 < self.alpha < 1.0:
            raise UserError(f"Alpha is {self.alpha!r}; give an error probability between 0 and 1.")
        if self.planned < 1:
            raise UserError(f"Planned candidates are {self.planned!r}; plan at least 1.")

    def next(self) -> float | None:
        """Alpha that the next new candidate would get; None where the split is used up."""
        share = self._share(len(self.granted))
        return share if share >= SMALLEST_ALPHA else None

    def register(self, keys: str | Iterable[str]) -> AlphaLedger:
        """The ledger after these candidates touch the split; known ones spend nothing again.

        Raises `UserError` where the alpha is used up: the next honest step is fresh examples.
        """
        granted = dict(self.granted)
        for key in [keys] if isinstance(keys, str) else keys:
            if key in granted:
                continue
            share = self._share(len(granted))
            if share < SMALLEST_ALPHA:
                raise UserError(
                    f"This test split has been used by {len(granted)!r} candidates and its alpha "
                    f"of {self.alpha:g} is used up; add fresh test examples for {key!r}."
                )
            granted[key] = share
        return AlphaLedger(self.alpha, self.planned, granted)

    def alpha_of(self, key: str) -> float:
        """Alpha of a registered candidate, the one to plan its design with."""
        if key not in self.granted:
            raise UserError(f"Candidate {key!r} is not in the ledger; register it first.")
        return self.granted[key]

    @property
    def spent(self) -> float:
        """Alpha granted so far."""
        return sum(self.granted.values())

    @property
    def left(self) -> float:
        """Alpha not granted yet: open planned places and what remains of the reserve."""
        return max(self.alpha - self.spent, 0.0)

    def summary(self) -> str:
        """One sentence for the report."""
        number = len(self.granted)
        used = f"this test split has been used by {number} candidate{'' if number == 1 else 's'}"
        if self.next() is None:
            return f"{used}; no error is left for further ones: add examples"
        return f"{used}; error left for further ones: {self.left:.2g}"

    def to_dict(self) -> dict[str, Any]:
        """Plain data for a JSON file."""
        return {"alpha": self.alpha, "planned": self.planned, "granted": dict(self.granted)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> AlphaLedger:
        """The ledger that `to_dict` wrote; raises `UserError` for anything else."""
        try:
            granted = {str(key): float(share) for key, share in data["granted"].items()}
            ledger = cls(float(data["alpha"]), int(data["planned"]), granted)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UserError(
                f"A stored alpha ledger cannot be read ({error!r}); restore it from a copy, "
                "or start with fresh test examples."
            ) from error
        if ledger.spent > ledger.alpha * (1.0 + 1e-9):
            raise UserError(
                f"A stored alpha ledger grants {ledger.spent:g} of {ledger.alpha:g}; it has been "
                "changed by hand: restore it from a copy, or start with fresh test examples."
            )
        return ledger

    def _share(self, place: int) -> float:
        if place < self.planned:
            return PLANNED_SHARE * self.alpha / self.planned
        later = place - self.planned + 1
        return (1.0 - PLANNED_SHARE) * self.alpha / (later * (later + 1))
