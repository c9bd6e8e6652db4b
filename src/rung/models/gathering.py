"""Single texts that come at about the same time, embedded together.

An encoder reads sixteen short texts in little more time than one. While it works, what comes
gathers; then all of it is the next batch, so nobody waits for company.
"""

import asyncio

import numpy as np

from rung.models.base import Vectors
from rung.models.metered import MeteredEmbedder

MOST = 64
"""Texts of one batch."""


class GatheringEmbedder:
    """A `MeteredEmbedder` for many callers on one event loop; seconds are those of the batch,
    shared out by text length as `Metered` does."""

    def __init__(self, inner: MeteredEmbedder) -> None:
        self.inner = inner
        self.name = inner.name
        self.identity = inner.identity
        self._waiting: list[tuple[str, asyncio.Future[tuple[Vectors, float]]]] = []
        self._worker: asyncio.Task[None] | None = None

    async def embed(self, texts: list[str]) -> Vectors:
        """Unit-length rows, shape (len(texts), dimension), float32."""
        return (await self.embed_metered(texts))[0]

    async def embed_metered(self, texts: list[str]) -> tuple[Vectors, list[float]]:
        """Vectors, and compute seconds of each text; several texts at once go straight through."""
        if len(texts) != 1:
            return await self.inner.embed_metered(texts)
        future: asyncio.Future[tuple[Vectors, float]] = asyncio.get_running_loop().create_future()
        self._waiting.append((texts[0], future))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        vector, seconds = await future
        return vector[np.newaxis], [seconds]

    async def _work(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            batch = [(text, future) for text, future in batch if not future.done()]
            if not batch:
                continue
            try:
                vectors, seconds = await self.inner.embed_metered([text for text, _ in batch])
            except Exception as error:
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
                continue
            for (_, future), vector, spent in zip(batch, vectors, seconds, strict=True):
                if not future.done():
                    future.set_result((vector, spent))
