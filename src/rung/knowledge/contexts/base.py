"""The context slot's port: what a kind of knowledge can say of itself, fit, hand over and save."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, Self

from rung.candidate import Context
from rung.knowledge.retriever import Retriever
from rung.knowledge.tools import Tool
from rung.models.base import ChatModel, ChatReply, Embedder
from rung.records import Passage, Step
from rung.task.types import Document, JsonValue, render_input

Index = Callable[[Sequence[Document]], Awaitable[Retriever]]
"""Documents cut and indexed as the candidate says; the workshop makes each index once."""


class Question(NamedTuple):
    """An input that something is to be known for."""

    text: str
    fields: Mapping[str, JsonValue] = MappingProxyType({})
    """Of an input that has any."""
    chat: ChatModel | None = None
    """The model that will be asked."""
    tools: Mapping[str, Tool] = MappingProxyType({})
    """The task's, by name."""

    @classmethod
    def of(cls, value: str | Mapping[str, JsonValue]) -> Question:
        """Of an input as an example holds it."""
        if isinstance(value, str):
            return cls(value)
        return cls(render_input(dict(value)), value)


class Found(NamedTuple):
    """What is handed over for one input."""

    passages: tuple[Passage, ...] = ()
    seconds: float = 0.0
    """Of this machine, waiting left out."""
    replies: tuple[ChatReply, ...] = ()
    """Of the model, where it was asked on the way."""
    steps: tuple[Step, ...] = ()


class Knowledge(ABC):
    """A fitted context."""

    def __init__(self, context: Context) -> None:
        self.context = context

    @property
    def passages(self) -> tuple[Passage, ...]:
        """All that it may hand over, where that is known before a question."""
        return ()

    @staticmethod
    def words(context: Context) -> str:
        """As a part of a candidate's name on the screen; empty where the technique says it."""
        return ""

    @classmethod
    def expected(
        cls, context: Context, documents: tuple[Document, ...], place: int
    ) -> tuple[Passage, ...]:
        """Passages like those that the example at `place` will be given, for forecasts."""
        return cls.cut(context, documents)

    @classmethod
    def cut(cls, context: Context, documents: tuple[Document, ...]) -> tuple[Passage, ...]:
        """What `passages` is of these documents."""
        return ()

    @classmethod
    async def fit(cls, context: Context, documents: tuple[Document, ...], index: Index) -> Self:
        """Make it of the documents."""
        return cls(context)

    @classmethod
    def load(
        cls,
        context: Context,
        folder: Path,
        documents: tuple[Passage, ...],
        embedder: Embedder | None,
    ) -> Self:
        """Read what `save` wrote; `documents` are those of the spec."""
        return cls(context)

    @abstractmethod
    async def find(self, question: Question) -> Found:
        """What is handed over for one input. Raises `SourceError` where it cannot be had."""

    async def beside_shot(self, question: Question) -> tuple[Passage, ...]:
        """What a fixed shot carries, so that it shows how passages are read."""
        return ()

    def save(self, folder: Path) -> None:
        """Write what the spec does not hold into the solver's folder."""
        return
