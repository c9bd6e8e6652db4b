"""Contexts that are the same for every question: nothing, or all documents."""

from pathlib import Path
from typing import Self

from rung.candidate import Context
from rung.knowledge.contexts.base import Found, Index, Knowledge, Question
from rung.models.base import Embedder
from rung.records import Passage
from rung.task.types import Document


class AllDocuments(Knowledge):
    """Every document whole, before everything else; they stand in the solver's spec."""

    def __init__(self, context: Context, passages: tuple[Passage, ...] = ()) -> None:
        super().__init__(context)
        self._passages = passages

    @property
    def passages(self) -> tuple[Passage, ...]:
        """Every document."""
        return self._passages

    @classmethod
    def cut(cls, context: Context, documents: tuple[Document, ...]) -> tuple[Passage, ...]:
        """A passage a document."""
        return tuple(Passage(document_id=d.id, title=d.title, text=d.text) for d in documents)

    @classmethod
    async def fit(cls, context: Context, documents: tuple[Document, ...], index: Index) -> Self:
        """Nothing is indexed."""
        return cls(context, cls.cut(context, documents))

    @classmethod
    def load(
        cls,
        context: Context,
        folder: Path,
        documents: tuple[Passage, ...],
        embedder: Embedder | None,
    ) -> Self:
        """From the spec."""
        return cls(context, documents)

    async def find(self, question: Question) -> Found:
        """All of it."""
        return Found(self.passages)


class Nothing(Knowledge):
    """What the model knows by itself."""

    async def find(self, question: Question) -> Found:
        """No passage."""
        return Found()
