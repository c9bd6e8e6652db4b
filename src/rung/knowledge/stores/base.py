"""The port of the shelf: passages by words and by vector, in one order that never changes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Self

from rung.knowledge.lexical import Ranking
from rung.models.base import Vectors
from rung.records import Passage


class Store(ABC):
    """Passages, each named by its position in `passages`. Searched many times at once."""

    passages: tuple[Passage, ...]

    @classmethod
    @abstractmethod
    async def build(
        cls, passages: tuple[Passage, ...], vectors: Vectors | None, *, words: bool
    ) -> Self:
        """Index them: by `vectors`, unit rows of shape (n, dimension), and by words where asked."""

    @abstractmethod
    async def by_words(self, query: str, k: int) -> Ranking:
        """At most `k` passages that share a word with the query."""

    @abstractmethod
    async def by_vector(self, vector: Vectors, k: int) -> Ranking:
        """The `k` nearest by cosine to one unit vector of shape (dimension,)."""

    @abstractmethod
    def files(self) -> dict[str, bytes]:
        """What is saved with the solver, by file name; hashed by whoever writes it."""

    @classmethod
    @abstractmethod
    def opened(cls, files: Mapping[str, bytes], *, words: bool) -> Self:
        """A store of what `files` gave. Raises `ValueError` or `KeyError` where it is not that."""
