"""Embedders behind any OpenAI-compatible endpoint: in batches, in the pace that it bears.

https://platform.openai.com/docs/api-reference/embeddings. Calls wait, are repeated and fail as
those of chat models do (`rung.models.asking`). What cannot be embedded is a `SourceError`: no
score of whoever was to read what it would have found.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import numpy as np

from rung.errors import ProviderError, SourceError
from rung.models.base import Vectors
from rung.models.endpoint import read_endpoint
from rung.models.endpoint_errors import Refusal, failed, of_example, set_up
from rung.models.metered import shared_out
from rung.models.usage import estimated_tokens
from rung.task.endpoints import EndpointSettings
from rung.task.types import JsonValue, digest

if TYPE_CHECKING:
    from rung.models.asking import Session

OPERATION = "/embeddings"
BATCH_TEXTS, BATCH_CHARS = 64, 50_000
"""Of one request, one text always: some 12,000 tokens. Where a server takes fewer, they are halved
until it does."""
_TOO_MANY = re.compile(r"batch|too many|at most|maximum", re.IGNORECASE)


class HostedEmbedder:
    """One embedding model of one endpoint; names as `OpenAICompatible` has them.

    Constructing it reaches no network and reads no key.
    """

    hosted = True

    def __init__(
        self, name: str, settings: EndpointSettings | None = None, max_attempts: int = 4
    ) -> None:
        self.endpoint = read_endpoint(name)
        self.name = name
        self.settings = settings or EndpointSettings()
        self.prompts = self.settings.prompts
        size = self.settings.dimensions
        self.identity = f"openai-compatible:{self.endpoint.place}#{self.endpoint.model}"
        self.identity += "" if size is None else f"/{size}"
        self.identity += f"+{digest(self.prompts)[:8]}" if self.prompts else ""
        self._size, self._answered = size, False
        self._max_attempts = max_attempts
        self._session: Session | None = None

    async def embed(self, texts: list[str]) -> Vectors:
        """Unit-length rows, shape (len(texts), dimension), float32. Raises `SourceError`."""
        return (await self.embed_counted(texts))[0]

    async def embed_counted(self, texts: list[str]) -> tuple[Vectors, list[float]]:
        """As `embed`, with the tokens of each text: those of a batch shared out by length, as the
        server counted them, else by characters."""
        if not texts:
            return np.zeros((0, 0), dtype=np.float32), []
        try:
            parts = await asyncio.gather(*(self._batch(some) for some in self.batches(texts)))
        except SourceError:
            raise
        except ProviderError as error:
            raise SourceError(
                f"the embedder could not be asked: {error}",
                status=error.status,
                retry_after_s=error.retry_after_s,
                outage=error.outage,
                set_up=error.set_up,
                example=error.example,
            ) from None
        return _joined(parts)

    def batches(self, texts: list[str]) -> list[list[str]]:
        """The texts in order, as many together as one request takes."""
        made: list[list[str]] = []
        room = 0
        for text in texts:
            room -= len(text)
            if not made or room < 0 or len(made[-1]) == BATCH_TEXTS:
                made.append([])
                room = BATCH_CHARS - len(text)
            made[-1].append(text)
        return made

    async def aclose(self) -> None:
        """Close the connections; the next call opens new ones."""
        session, self._session = self._session, None
        if session is not None and session.loop is asyncio.get_running_loop():
            await session.client.close()

    async def _batch(self, texts: list[str]) -> tuple[Vectors, list[float]]:
        try:
            answer = await self._ask(texts)
        except Refusal as refusal:
            smaller = self._smaller(texts, refusal)
            if not smaller:
                raise self._refused(refusal, len(texts)) from None
            return _joined([await self._batch(some) for some in smaller])
        read = self._read(answer, len(texts))
        self._answered = True
        usage = answer.get("usage") if isinstance(answer, dict) else None
        told = usage.get("prompt_tokens") or usage.get("total_tokens") if usage else None
        counted = told if isinstance(told, int) and told > 0 else estimated_tokens("".join(texts))
        return read, shared_out(counted, texts)

    async def _ask(self, texts: list[str]) -> JsonValue:
        from rung.models.asking import Caller, opened

        key = self.endpoint.key()
        if self._session is None or self._session.loop is not asyncio.get_running_loop():
            self._session = opened(self.endpoint, key, self.settings)
        self._session.client.api_key = key  # Google's lives for an hour
        # Some refuse an empty text.
        body: dict[str, JsonValue] = {
            "model": self.endpoint.model,
            "input": [text or " " for text in texts],
            "encoding_format": "float",
        }
        if self.settings.dimensions is not None:
            body["dimensions"] = self.settings.dimensions
        caller = Caller(self.endpoint, self.settings, self._max_attempts, path=OPERATION)
        return await caller.ask(self._session, key, body, estimated_tokens("".join(texts)))

    def _smaller(self, texts: list[str], refusal: Refusal) -> list[list[str]]:
        """What to ask instead: half as many, or half of a text that is too long, as an embedder
        here cuts it. None where the refusal is about no text."""
        if refusal.status not in (400, 413, 422):
            return []
        if len(texts) > 1:
            sized = refusal.too_long or _TOO_MANY.search(refusal.said)
            middle = len(texts) // 2
            return [texts[:middle], texts[middle:]] if sized or self._answered else []
        half = texts[0][: len(texts[0]) // 2]
        return [[half]] if refusal.too_long and half else []

    def _refused(self, refusal: Refusal, count: int) -> ProviderError:
        key = self.endpoint.key()
        if refusal.passing or refusal.hasty:
            return failed(refusal, self.endpoint, key, self._max_attempts)
        alone = self._answered and count == 1 and refusal.status in (400, 413, 422)
        return (of_example if alone else set_up)(refusal, self.endpoint, key)

    def _read(self, answer: JsonValue, count: int) -> Vectors:
        """The vectors in the order asked, made unit-length."""
        place = self.endpoint.place
        try:
            rows: dict[int, object] = {
                int(row.get("index", at)): row["embedding"] for at, row in enumerate(answer["data"])
            }
            vectors = np.array([rows[at] for at in range(count)], dtype=np.float64)
        except (TypeError, ValueError, KeyError, AttributeError):
            raise SourceError(
                f"{place} sent no vector for each of {count} texts: is it an embedder's address?"
            ) from None
        lengths = np.linalg.norm(vectors, axis=1) if vectors.ndim == 2 else np.zeros(1)
        if not np.isfinite(lengths).all() or not lengths.all():
            raise SourceError(f"{place} sent a vector without a direction: ask again later")
        size = int(vectors.shape[1])
        if self._size not in (None, size):
            raise SourceError(
                f"{place} sent vectors of {size} numbers, and {self._size} are expected: it is "
                "another embedder now, or does not take [models.settings] dimensions"
            )
        self._size = size
        return (vectors / lengths[:, np.newaxis]).astype(np.float32)


def _joined(parts: list[tuple[Vectors, list[float]]]) -> tuple[Vectors, list[float]]:
    return np.concatenate([vectors for vectors, _ in parts]), [t for _, took in parts for t in took]
