"""Passages in memory, and in the solver's folder: exact vector search, words by BM25."""

from collections.abc import Mapping
from io import BytesIO
from typing import Self

import numpy as np

from rung.knowledge.dense import DenseIndex
from rung.knowledge.lexical import LexicalIndex, Ranking, searched_text
from rung.knowledge.stores.base import EVERYTHING, Store, Where, matches
from rung.models.base import Vectors
from rung.records import Passage

PASSAGES, VECTORS = "passages.jsonl", "vectors.npy"


class EmbeddedStore(Store):
    """Up to some 100,000 passages; no server, no approximation."""

    def __init__(
        self, passages: tuple[Passage, ...], vectors: Vectors | None, *, words: bool
    ) -> None:
        self.passages = passages
        self._dense = None if vectors is None else DenseIndex(vectors)
        self._lexical = LexicalIndex([searched_text(p) for p in passages]) if words else None

    @classmethod
    async def build(
        cls,
        passages: tuple[Passage, ...],
        vectors: Vectors | None,
        *,
        words: bool,
        after: Self | None = None,
    ) -> Self:
        """Indexed at once."""
        return cls(passages, vectors, words=words)

    @property
    def vectors(self) -> Vectors | None:
        """A row a passage."""
        return None if self._dense is None else self._dense.vectors

    async def by_words(self, query: str, k: int, where: Where = EVERYTHING) -> Ranking:
        """By BM25."""
        if self._lexical is None or k < 1:
            return []
        if not where:
            return self._lexical.search(query, k)
        meant = set(self._meant(where))
        ranking = self._lexical.search(query, len(self.passages))
        return [(place, score) for place, score in ranking if place in meant][:k]

    async def by_vector(self, vector: Vectors, k: int, where: Where = EVERYTHING) -> Ranking:
        """See `DenseIndex`."""
        if self._dense is None:
            return []
        return self._dense.search(vector, k, self._meant(where) if where else None)

    def _meant(self, where: Where) -> list[int]:
        return [i for i, passage in enumerate(self.passages) if matches(passage.meta, where)]

    def files(self) -> dict[str, bytes]:
        """Passages a line each, vectors as an array."""
        rows = (p.model_dump_json(exclude={"score"}) + "\n" for p in self.passages)
        files = {PASSAGES: "".join(rows).encode()}
        if self.vectors is not None:
            buffer = BytesIO()
            np.save(buffer, self.vectors, allow_pickle=False)
            files[VECTORS] = buffer.getvalue()
        return files

    @classmethod
    def opened(cls, files: Mapping[str, bytes], *, words: bool) -> Self:
        """Never unpickles."""
        lines = files[PASSAGES].decode().split("\n")
        passages = tuple(Passage.model_validate_json(line) for line in lines if line)
        kept = files.get(VECTORS)
        vectors = None if kept is None else np.load(BytesIO(kept), allow_pickle=False)
        return cls(passages, vectors, words=words)
