"""The port of the shelf: one respect in which a model behaves, from plain data to what is asked."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol, TypeVar

from rung.behaviour.messages import Shot
from rung.behaviour.spec import SolverSpec
from rung.behaviour.trainers.base import Tuned
from rung.candidate import Candidate
from rung.errors import BudgetExceeded
from rung.knowledge.contexts import Knowledge
from rung.knowledge.tools import Tool
from rung.models.base import Adapter, ChatModel, ChatRequest
from rung.models.metered import MeteredEmbedder
from rung.task.types import JsonValue, Task


@dataclass(frozen=True)
class Ask:
    """One input on its way to a model, as far as the slots have put it together."""

    text: str
    without: str | None = None
    """No shot of this input is shown."""
    shots: Sequence[Shot] = ()
    contract: str = ""
    """The form of the answer in words."""
    choices: tuple[str, ...] | None = None
    json_schema: dict[str, JsonValue] | None = None
    scored: bool = False
    """All choices are scored as wholes."""
    adapter: Adapter | None = None
    seconds: float = 0.0
    """Of this machine, waiting left out."""


class Tokens(NamedTuple):
    """What a call is expected to read and to write."""

    read: float
    written: float


class Untuned(Protocol):
    """The solver as it is fitted so far, as the slots after see it."""

    spec: SolverSpec
    knowledge: Knowledge

    @property
    def chat(self) -> ChatModel:
        """The model that is asked."""
        ...

    async def prepare(self, inputs: Sequence[str | dict[str, JsonValue]]) -> None:
        """Embed many inputs at once."""
        ...

    async def request(
        self, value: str | dict[str, JsonValue], without: str | None = None
    ) -> ChatRequest:
        """The first call for an input, all slots that are fitted in it."""
        ...


@dataclass(frozen=True)
class Fitting:
    """What a slot is fitted with."""

    task: Task
    solver: Untuned
    embedder: MeteredEmbedder | None
    tune: Callable[[], Awaitable[Tuned]]
    """Has the candidate's weights trained on what the solver sends."""
    tools: Mapping[str, Tool] = field(default_factory=dict)
    """The task's, by name."""


@dataclass(frozen=True)
class Fitted:
    """What fitting a slot gave."""

    held: Any = None
    """What the spec does not hold: vectors, weights."""
    spec: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the solver's spec."""


class Slot:
    """One respect in which a model behaves, fitted. The static parts speak of a candidate, before
    anything is fitted; a slot says nothing of others."""

    part: ClassVar[str] = ""
    """The solver's part that it holds; empty where the spec holds all of it."""

    def __init__(self, spec: SolverSpec, held: Any, embedder: MeteredEmbedder | None) -> None:
        self.spec, self.held, self.embedder = spec, held, embedder

    @staticmethod
    def filled(candidate: Candidate) -> bool:
        """Whether this candidate behaves otherwise for it."""
        raise NotImplementedError

    @staticmethod
    def words(candidate: Candidate) -> str:
        """As a part of a candidate's name on the screen; empty where the technique says it."""
        return ""

    @staticmethod
    def needs(candidate: Candidate, task: Task) -> str:
        """What the task lacks for it, as a sentence; empty where nothing is missing."""
        return ""

    @staticmethod
    def expected(tokens: Tokens, task: Task, count: Callable[[str], int]) -> Tokens:
        """What a call of a candidate that fills it takes, where it takes more than its prompt.

        `count` counts an answer's tokens.
        """
        return tokens

    @classmethod
    async def fit(cls, candidate: Candidate, fitting: Fitting) -> Fitted:
        """Learn it from train (and dev, where that only says when to stop). Raises `UserError`."""
        return Fitted()

    async def apply(self, ask: Ask) -> Ask:
        """The ask with this slot in it."""
        return ask

    def save(self, folder: Path) -> None:
        """Write what the spec does not hold into the solver's folder."""

    @classmethod
    def load(cls, folder: Path) -> Any:
        """What `save` wrote; None where it wrote nothing. Never unpickles."""
        return None


Made = TypeVar("Made")


async def all_of(calls: Sequence[Coroutine[Any, Any, Made]]) -> list[Made]:
    """All results in order. Where one fails, the others end with it; where the budget is out, what
    has begun is paid for and kept."""
    asked = [asyncio.create_task(call) for call in calls]
    try:
        return list(await asyncio.gather(*asked))
    except BaseException as error:
        if not isinstance(error, BudgetExceeded):
            for one in asked:
                one.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        raise
