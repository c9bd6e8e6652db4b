"""An embedder that also says how long each text took.

The seconds of a batch are shared out by text length, so that the cost of a candidate that embeds
its input can be told per request.
"""

import time
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from rung.models.base import Embedder, Vectors


class MeteredEmbedder(Embedder, Protocol):
    """An `Embedder` with a second method that reports seconds."""

    async def embed_metered(self, texts: list[str]) -> tuple[Vectors, list[float]]:
        """Vectors of shape (len(texts), dimension), and compute seconds of each text."""
        ...


@runtime_checkable
class TimedEmbedder(Protocol):
    """An embedder that knows what its work took, waiting for the machine left out."""

    async def embed_timed(self, texts: list[str]) -> tuple[Vectors, float]:
        """Vectors, and seconds of the machine for all of them."""
        ...


@runtime_checkable
class ReadingEmbedder(Protocol):
    """An embedder that knows what it cannot read."""

    def unread(self, texts: Sequence[str]) -> float:
        """Share of the letters that stand in words it has no idea of."""
        ...


def unread_share(embedder: object, texts: Sequence[str]) -> float:
    """As `ReadingEmbedder.unread`, of what is wrapped; 0 where that cannot be told."""
    while not isinstance(embedder, ReadingEmbedder):
        embedder = getattr(embedder, "inner", None)
        if embedder is None:
            return 0.0
    return embedder.unread(texts)


class Metered:
    """Adds the meter to any embedder."""

    def __init__(self, inner: Embedder) -> None:
        self.inner = inner
        self.name = inner.name
        self.identity = inner.identity

    async def embed(self, texts: list[str]) -> Vectors:
        """Unit-length rows, shape (len(texts), dimension), float32."""
        return (await self.embed_metered(texts))[0]

    async def embed_metered(self, texts: list[str]) -> tuple[Vectors, list[float]]:
        """Vectors, and compute seconds of each text."""
        vectors, seconds = await self._timed(texts)
        total = sum(len(t) + 1 for t in texts) or 1
        return vectors, [seconds * (len(t) + 1) / total for t in texts]

    async def _timed(self, texts: list[str]) -> tuple[Vectors, float]:
        if isinstance(self.inner, TimedEmbedder):
            return await self.inner.embed_timed(texts)
        started = time.perf_counter()
        vectors = await self.inner.embed(texts)
        return vectors, time.perf_counter() - started
