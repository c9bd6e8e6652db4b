"""The context slot's port: what a kind of knowledge can say of itself, fit, hand over and save."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Self

from rung.candidate import Context
from rung.knowledge.retriever import Retriever
from rung.models.base import Embedder
from rung.records import Passage
from rung.task.types import Document

Index = Callable[[Sequence[Document]], Awaitable[Retriever]]
"""Documents cut and indexed as the candidate says; the workshop makes each index once."""


class Knowledge(ABC):
    """A fitted context. `passages` is all that it may hand over."""

    def __init__(self, context: Context, passages: tuple[Passage, ...] = ()) -> None:
        self.context = context
        self.passages = passages

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
    @abstractmethod
    def cut(cls, context: Context, documents: tuple[Document, ...]) -> tuple[Passage, ...]:
        """What `passages` is of these documents."""

    @classmethod
    @abstractmethod
    async def fit(cls, context: Context, documents: tuple[Document, ...], index: Index) -> Self:
        """Make it of the documents."""

    @classmethod
    @abstractmethod
    def load(
        cls,
        context: Context,
        folder: Path,
        documents: tuple[Passage, ...],
        embedder: Embedder | None,
    ) -> Self:
        """Read what `save` wrote; `documents` are those of the spec."""

    @abstractmethod
    async def find(self, text: str) -> tuple[tuple[Passage, ...], float]:
        """What is handed over for one input, and the seconds that finding it took."""

    async def beside_shot(self, text: str) -> tuple[Passage, ...]:
        """What a fixed shot carries, so that it shows how passages are read."""
        return ()

    def save(self, folder: Path) -> None:
        """Write what the spec does not hold into the solver's folder."""
        return
