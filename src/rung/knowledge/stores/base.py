"""The port of the shelf: passages by words and by vector, in one order that never changes.

A store that is a server names its content by a hash and changes none of it: a solver that was
measured on it finds the same for as long as it is kept. `build` of equal content finds what is
there, a build that was broken off leaves nothing that is found, and two at once are one.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Self

from rung.knowledge.lexical import Ranking
from rung.models.base import Vectors
from rung.records import Passage
from rung.task.types import JsonValue

Where = Mapping[str, JsonValue]
"""What `meta` of a passage must be, field by field, all of them: a value, one of a list of values,
or `{"from": …, "to": …}`, either of which may be left out. Where `meta` holds a list (who may read
it, say), one of it is enough. A passage that lacks the field is not found."""
EVERYTHING: Where = MappingProxyType({})


class Store(ABC):
    """Passages, each named by its position in `passages`. Searched many times at once.

    Where a server is away, whatever asks it raises `SourceError`, which is never scored.
    """

    passages: tuple[Passage, ...]

    @classmethod
    def note(cls) -> str:
        """What whoever starts a climb is told of it; empty where there is nothing to tell."""
        return ""

    @classmethod
    @abstractmethod
    async def build(
        cls,
        passages: tuple[Passage, ...],
        vectors: Vectors | None,
        *,
        words: bool,
        after: Self | None = None,
    ) -> Self:
        """Index them: by `vectors`, unit rows of shape (n, dimension), and by words where asked.

        `after` is a store that holds most of them already, which stays as it is: what both share
        need not be sent again. `passages` of the result may then come in another order.
        """

    @abstractmethod
    async def by_words(self, query: str, k: int, where: Where = EVERYTHING) -> Ranking:
        """At most `k` passages that share a word with the query."""

    @abstractmethod
    async def by_vector(self, vector: Vectors, k: int, where: Where = EVERYTHING) -> Ranking:
        """The `k` nearest by cosine to one unit vector of shape (dimension,)."""

    async def read(self, places: Sequence[int]) -> tuple[Passage, ...]:
        """The passages at these positions."""
        return tuple(self.passages[place] for place in places)

    async def of_documents(self, ids: Sequence[str]) -> dict[str, list[Passage]]:
        """All passages of these documents, each document's as they follow each other."""
        return {name: self._by_document.get(name, []) for name in ids}

    @cached_property
    def _by_document(self) -> dict[str, list[Passage]]:
        by_id: dict[str, list[Passage]] = {}
        for passage in sorted(self.passages, key=lambda p: p.start):
            by_id.setdefault(passage.document_id, []).append(passage)
        return by_id

    def __len__(self) -> int:
        return len(self.passages)

    @abstractmethod
    def files(self) -> dict[str, bytes]:
        """What is saved with the solver, by file name; hashed by whoever writes it."""

    @classmethod
    @abstractmethod
    def opened(cls, files: Mapping[str, bytes], *, words: bool) -> Self:
        """A store of what `files` gave. Raises `ValueError` or `KeyError` where it is not that."""


def matches(meta: Mapping[str, JsonValue], where: Where) -> bool:
    """Whether a passage of this `meta` is meant."""
    return all(name in meta and _fits(meta[name], wanted) for name, wanted in where.items())


def _fits(value: JsonValue, wanted: JsonValue) -> bool:
    values = value if isinstance(value, list) else [value]
    if not isinstance(wanted, dict):
        return any(one in values for one in (wanted if isinstance(wanted, list) else [wanted]))
    low, high = wanted.get("from"), wanted.get("to")
    return any(_within(one, low, high) for one in values)


def _within(value: JsonValue, low: JsonValue, high: JsonValue) -> bool:
    kind = str if isinstance(value, str) else (int, float)
    if not all(end is None or isinstance(end, kind) for end in (value, low, high)):
        return False
    return (low is None or value >= low) and (high is None or value <= high)


def content_name(passages: Sequence[Passage], vectors: Vectors | None, *, words: bool) -> str:
    """The name of a collection: equal passages and vectors, equal name."""
    sha = hashlib.sha256(b"words" if words else b"")
    for passage in passages:
        sha.update(passage.model_dump_json(exclude={"score"}).encode())
    if vectors is not None:
        sha.update(str(vectors.shape).encode() + vectors.tobytes())
    return "rung_" + sha.hexdigest()[:32]
