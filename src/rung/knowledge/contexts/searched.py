"""Contexts that are found for each question: retrieved, or (in probes) the gold passages."""

from functools import lru_cache
from pathlib import Path
from typing import Self

from rung.candidate import Context, Cut
from rung.errors import UserError
from rung.knowledge.chunking import chunk
from rung.knowledge.contexts.base import Found, Index, Knowledge, Question
from rung.knowledge.retriever import Retriever
from rung.knowledge.stages.passages import ROOM
from rung.models.base import Embedder
from rung.records import Passage
from rung.task.types import Document

FOLDER = "retriever"
SAMPLE = 16
"""Passages among which a forecast takes its examples, spread over all documents."""


class Retrieved(Knowledge):
    """The `k` passages that fit a question best."""

    def __init__(self, context: Context, retriever: Retriever) -> None:
        super().__init__(context)
        self.retriever = retriever

    @property
    def passages(self) -> tuple[Passage, ...]:
        """All that are searched; read from the store when somebody asks."""
        return self.retriever.passages

    @staticmethod
    def words(context: Context) -> str:
        """Such as "2 retrieved passages"."""
        how = f" cut by {context.cut}" if context.cut != "size" else ""
        how += f" by {context.rewrite} rewriting" if context.rewrite else ""
        how += f" reranked by {context.tool or context.rerank}" if context.rerank else ""
        how += f" with their {context.expand}" if context.expand else ""
        return f"{context.k} {context.kind} passage{'s' if context.k > 1 else ''}{how}"

    @classmethod
    def expected(
        cls, context: Context, documents: tuple[Document, ...], place: int
    ) -> tuple[Passage, ...]:
        """Any `k` passages, or what they are expanded to at most: which ones are found is not known
        before."""
        passages = _cut(documents, context.chunk_chars, context.cut)
        if not passages:
            return ()
        step, count = max(1, len(passages) // SAMPLE), context.k
        if context.expand:
            most = max(1, (context.room or ROOM) // context.chunk_chars)
            count = min(most, 3 * count) if context.expand == "neighbours" else most
        return tuple(passages[(place * step + i) % len(passages)] for i in range(count))

    @classmethod
    def cut(cls, context: Context, documents: tuple[Document, ...]) -> tuple[Passage, ...]:
        """The documents in pieces."""
        return _cut(documents, context.chunk_chars, context.cut)

    @classmethod
    async def fit(cls, context: Context, documents: tuple[Document, ...], index: Index) -> Self:
        """Cut, embed, index."""
        return cls(context, await index(documents))

    @classmethod
    def load(
        cls,
        context: Context,
        folder: Path,
        documents: tuple[Passage, ...],
        embedder: Embedder | None,
    ) -> Self:
        """Raises `StoreError` where the index is missing or was changed."""
        return cls(context, Retriever.load(folder / FOLDER, embedder))

    async def find(self, question: Question) -> Found:
        """The best `k`, best first, of those that the question may be told."""
        where = {}
        for name in self.context.match:
            if question.fields.get(name) is None:
                raise UserError(
                    f"the input has no field {name!r}, which [knowledge] match needs to tell which "
                    "documents it may read: give it"
                )
            where[name] = question.fields[name]
        hunt = await self.retriever.search_metered(
            question.text, self.context.k, where, question.tools, question.chat
        )
        return Found(hunt.passages, hunt.seconds, hunt.replies, hunt.steps)

    async def beside_shot(self, question: Question) -> tuple[Passage, ...]:
        """What the shot's own question would have found."""
        return (await self.find(question)).passages

    def save(self, folder: Path) -> None:
        """Passages and vectors."""
        self.retriever.save(folder / FOLDER)


class Gold(Retrieved):
    """The passages that hold the answer, given from outside: it can only be asked in a probe."""

    async def find(self, question: Question) -> Found:
        """Never: nobody knows them but who knows the answer."""
        raise UserError(
            "this candidate is a probe: it answers only when the gold passages are given, and "
            "cannot be served"
        )


@lru_cache(maxsize=4)
def _cut(documents: tuple[Document, ...], chars: int, cut: Cut) -> tuple[Passage, ...]:
    return chunk(documents, chars, cut)
