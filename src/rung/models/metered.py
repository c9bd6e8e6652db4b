"""An embedder that also says what each text took: seconds of this machine, or tokens that are paid.

What a batch took is shared out by text length, so that the cost of a candidate that embeds its
input can be told per request.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

from rung.models.base import Embedder, Vectors
from rung.records import ModelUsage, Usage

Role = Literal["query", "document", "text"]
"""What a text is embedded as: to be searched for, to be found, or to be likened to others."""


class Read(NamedTuple):
    """What a hosted embedder read, and how long it was waited for."""

    usage: ModelUsage
    seconds: float


_reads: ContextVar[list[Read] | None] = ContextVar("reads", default=None)


@contextmanager
def reads() -> Iterator[list[Read]]:
    """All that hosted embedders read while the block lasts, also for what was kept."""
    noted: list[Read] = []
    token = _reads.set(noted)
    try:
        yield noted
    finally:
        _reads.reset(token)


def note_read(read: Read) -> None:
    """Put down what was read for whoever wants to know."""
    noted = _reads.get()
    if noted is not None:
        noted.append(read)


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


@runtime_checkable
class CountingEmbedder(Protocol):
    """A hosted embedder, of which tokens are paid and no seconds of this machine."""

    async def embed_counted(self, texts: list[str]) -> tuple[Vectors, list[float]]:
        """Vectors, and the tokens of each text."""
        ...

    def batches(self, texts: list[str]) -> list[list[str]]:
        """The texts of each request."""
        ...


def unread_share(embedder: object, texts: Sequence[str]) -> float:
    """As `ReadingEmbedder.unread`, of what is wrapped; 0 where that cannot be told."""
    own = innermost(embedder)
    return own.unread(texts) if isinstance(own, ReadingEmbedder) else 0.0


def prompted(embedder: object, role: Role, texts: Sequence[str]) -> list[str]:
    """The texts behind what the embedder was trained to read before them, such as "query: "."""
    prompts: Mapping[str, str] = getattr(innermost(embedder), "prompts", {})
    before = prompts.get(role, "")
    return [before + text for text in texts]


def is_hosted(embedder: object) -> bool:
    """Whether its tokens are paid."""
    return isinstance(innermost(embedder), CountingEmbedder)


def shared_out(total: float, texts: Sequence[str]) -> list[float]:
    """What a batch took, by text length."""
    letters = sum(len(text) + 1 for text in texts) or 1
    return [total * (len(text) + 1) / letters for text in texts]


def innermost(embedder: Any) -> Any:
    """The embedder within its wrappers."""
    while (inner := getattr(embedder, "inner", None)) is not None:
        embedder = inner
    return embedder


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
        """Vectors, and compute seconds of each text; what a hosted one read is put down."""
        started = time.perf_counter()
        vectors, took = await self.took(texts)
        if not is_hosted(self):
            return vectors, took
        used = ModelUsage(model=self.name, usage=Usage(input_tokens=round(sum(took))))
        note_read(Read(used, time.perf_counter() - started))
        return vectors, [0.0] * len(texts)

    async def took(self, texts: list[str]) -> tuple[Vectors, list[float]]:
        """Vectors, and what each text took: seconds of this machine, tokens of a hosted one."""
        if isinstance(self.inner, CountingEmbedder):
            return await self.inner.embed_counted(texts)
        if isinstance(self.inner, TimedEmbedder):
            vectors, seconds = await self.inner.embed_timed(texts)
            return vectors, shared_out(seconds, texts)
        started = time.perf_counter()
        vectors = await self.inner.embed(texts)
        return vectors, shared_out(time.perf_counter() - started, texts)
