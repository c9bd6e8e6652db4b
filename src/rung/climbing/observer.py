"""What a climb tells while it runs. A screen, a log or a test listens; the default is silent."""

from collections.abc import Callable, Sequence
from functools import partial

from rung.decide.ladder import Planned
from rung.records import Attempt
from rung.records.results import CandidateResult


class Observer:
    """Every method may be overridden; none needs to be."""

    def planned(self, rungs: Sequence[Planned]) -> None:
        """The ladder is known, cheapest first."""

    def refined(self, key: str, row: CandidateResult) -> None:
        """The row of a rung's plain start, `key`, is that of what was found from it."""

    def phase(self, key: str, name: str, total: int) -> None:
        """A candidate starts a phase of `total` answers.

        `refine`, `fit`, `dev`, `why` (its failures are asked again), `test`, `latency`.
        """

    def attempt(self, attempt: Attempt) -> None:
        """One answer is in."""

    def tuning(self, key: str, stage: str, share: float) -> None:
        """Training goes on; `share` of it is done."""

    def result(self, row: CandidateResult) -> None:
        """What is known of a candidate has changed."""

    def note(self, text: str) -> None:
        """Something a reader should know."""


class Several(Observer):
    """Tells everything to each of some observers, in their order."""

    def __init__(self, *listening: Observer) -> None:
        for name in TOLD:
            setattr(self, name, partial(_to_each, [getattr(one, name) for one in listening]))


TOLD = tuple(name for name in vars(Observer) if not name.startswith("_"))
"""What an observer hears of."""


def _to_each(hearing: Sequence[Callable[..., None]], *said: object, **named: object) -> None:
    for hear in hearing:
        hear(*said, **named)
