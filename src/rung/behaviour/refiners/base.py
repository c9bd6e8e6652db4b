"""The port of the shelf: a rung is a space of candidates, and a refiner searches one slot of it."""

from collections.abc import Sequence
from typing import Protocol

from rung.candidate import Candidate
from rung.knowledge.finding import Looked
from rung.models.base import Message
from rung.records import Attempt
from rung.task.types import Example, Frozen, Task


class Trial(Protocol):
    """What a refiner may do: read train and dev, and ask. There is no way to test from here."""

    task: Task
    """Without its test examples."""
    left: int
    """Answers that the search at hand may still ask."""

    def cost(self, candidate: Candidate, examples: Sequence[Example]) -> int:
        """Answers that asking these would take now, those that fitting takes included."""
        ...

    async def ask(self, candidate: Candidate, examples: Sequence[Example]) -> Sequence[Attempt]:
        """The scored answers of a candidate, fitted on train, to examples of dev, in order; or of
        train, fitted without them and, for rows that choose, without any that does.

        What was asked before is not asked again. Raises `UserError` where it cannot be fitted,
        `ProviderError` on an outage, `BudgetExceeded`.
        """
        ...

    async def look(self, candidate: Candidate) -> Sequence[Looked]:
        """How the searches of a retrieving candidate see the examples of train and the rows that
        choose, where it is known where the answer stands. Asks no model."""
        ...

    @property
    def can_write(self) -> bool:
        """Whether the task allows a model that words prompts."""
        ...

    async def write(self, messages: tuple[Message, ...]) -> str:
        """What the strongest model that the task allows says; one of the answers left.

        Raises `ProviderError`, `BudgetExceeded`.
        """
        ...


class Variant(Frozen):
    """A candidate that was tried on the way."""

    candidate: Candidate
    score: float | None = None
    """Mean on the examples that it was asked; None where none was scored."""
    n: int = 0
    """Scored answers."""
    confirmed: bool = False
    """On rows that had no part in choosing it."""


class Refined(Frozen):
    """The end of a search."""

    best: Candidate
    """The start, where nothing was found to be better."""
    tried: tuple[Variant, ...] = ()
    """In the order of trying, the start among them."""
    searched: tuple[str, ...] = ()
    """Slots in which anything beside the start was asked."""


class Refiner(Protocol):
    """Searches one slot. Equal starts and answers lead to the same end, so that a search which
    was interrupted goes on by being run again."""

    def serves(self, start: Candidate, task: Task) -> bool:
        """Whether there is anything to search in this rung's slot. Asks nothing."""
        ...

    async def refine(self, start: Candidate, trial: Trial) -> Refined:
        """The best candidate found that differs from `start` in this slot alone."""
        ...
