"""The port of the shelf: a solver and questions in, answers out."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from rung.models.base import ChatModel
from rung.records import Answer, Passage
from rung.solver import Solver
from rung.task.types import JsonValue


class Question(NamedTuple):
    """What a solver is asked once."""

    input: str | dict[str, JsonValue]
    given: tuple[Passage, ...] | None = None
    """What it is to know instead of what it would find: gold probes only."""
    seed: int = 0


class Executor(Protocol):
    """Has questions answered. Called many times at once: the runner bounds how many."""

    async def answers(self, solver: Solver, questions: Sequence[Question]) -> list[Answer]:
        """One answer a question, in order.

        Raises `ProviderError` where one gets none, and `BudgetExceeded`; cancelled, it begins
        nothing more.
        """
        ...


@runtime_checkable
class Placing(Executor, Protocol):
    """One that has models compute elsewhere: their calls travel, below cache and budget."""

    def placed(self, model: ChatModel) -> ChatModel:
        """The model, computing there, or as it is. Raises `UserError`."""
        ...

    async def aclose(self) -> None:
        """End what was begun there."""
        ...
