"""Test doubles: a chat model that says what a script says, an embedder that counts words.

For tests and dry runs without a model. They measure nothing about a real one.
"""

from __future__ import annotations

import asyncio
import re
import time
import zlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from rung.errors import ProviderError
from rung.models.base import ChatReply, ChatRequest, Message, Vectors
from rung.records import Usage

Script = Callable[[ChatRequest], str] | Mapping[str, str] | Sequence[str]
"""What to answer: by a function, by the last user turn, or one after the other."""

Failures = Callable[[int, ChatRequest], ProviderError | None] | Mapping[int, ProviderError]
"""Which calls fail: by call number (from 0), or by a function of number and request."""


class ScriptedModel:
    """A chat model without weights.

    A mapping is looked up by the last user turn: the same text, else the longest key that the
    turn contains. A sequence answers call after call. Where the script has no answer, or one
    outside `choices` although `constrains` is set, the call raises `ProviderError`.

    `calls` counts calls and `requests` keeps them in the order they came in, failed ones
    included; `most_at_once` is the largest number that was answered at the same time.
    """

    def __init__(
        self,
        answers: Script,
        name: str = "scripted/model",
        *,
        latency_s: float = 0.0,
        fail: Failures | None = None,
        constrains: bool = False,
        context_window: int = 8192,
        confidence: Callable[[ChatRequest], float] | None = None,
        logprobs: Callable[[ChatRequest], Sequence[float]] | None = None,
    ) -> None:
        self.name = name
        self.identity = name
        self.context_window = context_window
        self.constrains = constrains
        self.trains = False
        self.requests: list[ChatRequest] = []
        self.most_at_once = 0
        self.closed = False
        self._answers = answers
        self._latency_s = latency_s
        self._fail = fail
        self._confidence = confidence
        self._logprobs = logprobs
        self.scores = logprobs is not None
        self._at_once = 0

    @property
    def calls(self) -> int:
        """How many requests came in."""
        return len(self.requests)

    async def reply(self, request: ChatRequest) -> ChatReply:
        """The script's answer after `latency_s`; tokens are words between spaces."""
        number = len(self.requests)
        self.requests.append(request)
        started = time.perf_counter()
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await asyncio.sleep(self._latency_s)
        finally:
            self._at_once -= 1
        error = self._failure(number, request)
        if error is not None:
            raise error
        text = self._answer(number, request)
        if self.constrains and request.choices is not None and text not in request.choices:
            raise ProviderError(f"the script of {self.name} says {text!r}, which is no choice")
        return ChatReply(
            text=text,
            usage=Usage(
                input_tokens=self.count_tokens(request.messages), output_tokens=len(text.split())
            ),
            latency_s=time.perf_counter() - started,
            confidence=self._confidence(request) if self._confidence else None,
            logprobs=tuple(self._logprobs(request)) if self._logprobs and request.scored else None,
        )

    def count_tokens(self, messages: tuple[Message, ...]) -> int:
        """Words between spaces."""
        return sum(len(message.content.split()) for message in messages)

    async def aclose(self) -> None:
        """Remember that it was closed."""
        self.closed = True

    def _failure(self, number: int, request: ChatRequest) -> ProviderError | None:
        if self._fail is None:
            return None
        if isinstance(self._fail, Mapping):
            return self._fail.get(number)
        return self._fail(number, request)

    def _answer(self, number: int, request: ChatRequest) -> str:
        if callable(self._answers):
            return self._answers(request)
        if isinstance(self._answers, Mapping):
            asked = next((m.content for m in reversed(request.messages) if m.role == "user"), "")
            inside = (key for key in self._answers if key in asked)
            key = asked if asked in self._answers else max(inside, key=len, default=None)
            if key is not None:
                return self._answers[key]
            raise ProviderError(f"the script of {self.name} has no answer to {asked[:80]!r}")
        if number < len(self._answers):
            return self._answers[number]
        raise ProviderError(f"the script of {self.name} ends after {len(self._answers)} answers")


class ScriptedEmbedder:
    """Hashed bags of words as unit vectors: texts that share words are near, fast and repeatable.

    `texts` keeps every text that was embedded.
    """

    def __init__(self, name: str = "scripted/embedder", dimension: int = 256) -> None:
        self.name = name
        self.identity = f"{name}:{dimension}"
        self.texts: list[str] = []
        self._dimension = dimension

    async def embed(self, texts: list[str]) -> Vectors:
        """Unit rows, shape (len(texts), dimension), float32; a text without words is e0."""
        self.texts += texts
        rows = np.zeros((len(texts), self._dimension), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in re.findall(r"\w+", text.casefold()):
                row[zlib.crc32(word.encode()) % self._dimension] += 1.0
            if not row.any():
                row[0] = 1.0
        unit: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit
