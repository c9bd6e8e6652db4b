"""What a climb tells while it runs. A screen, a log or a test listens; the default is silent."""

from __future__ import annotations

from collections.abc import Sequence

from rung.decide.ladder import Planned
from rung.decide.results import CandidateResult
from rung.records import Attempt


class Observer:
    """Every method may be overridden; none needs to be."""

    def planned(self, rungs: Sequence[Planned]) -> None:
        """The ladder is known, cheapest first."""

    def phase(self, key: str, name: str, total: int) -> None:
        """A candidate starts a phase (`fit`, `dev`, `test`, `latency`) of `total` answers."""

    def attempt(self, attempt: Attempt) -> None:
        """One answer is in."""

    def tuning(self, key: str, stage: str, share: float) -> None:
        """Training goes on; `share` of it is done."""

    def result(self, row: CandidateResult) -> None:
        """What is known of a candidate has changed."""

    def note(self, text: str) -> None:
        """Something a reader should know."""
