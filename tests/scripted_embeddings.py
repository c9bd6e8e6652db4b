"""A behaviour of `scripted_http`: the address /v1/embeddings, whose vectors count words."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence

from rung.task.types import JsonValue
from scripted_http import Behaviour, Call, Said

SIZE = 64


def vector(text: str, size: int = SIZE) -> list[float]:
    """Not of unit length, as some servers send it."""
    counts = [0.0] * size
    for word in re.findall(r"\w+", text.lower()) or [""]:
        counts[zlib.crc32(word.encode()) % size] += 2.0
    return counts


def tokens(texts: Sequence[str]) -> int:
    """As this server counts them."""
    return sum(len(text.split()) for text in texts)


def embeddings(size: int = SIZE, usage: bool = True) -> Behaviour:
    """Answers in another order than asked, as the protocol allows."""

    def behave(call: Call) -> Said | None:
        if not call.path.endswith("/embeddings"):
            return None
        texts: list[str] = call.body["input"]
        made = call.body.get("dimensions", size)
        rows: list[JsonValue] = [
            {"object": "embedding", "index": at, "embedding": vector(text, made)}
            for at, text in enumerate(texts)
        ]
        told = {"prompt_tokens": tokens(texts), "total_tokens": tokens(texts)}
        body = {"object": "list", "data": rows[::-1], "model": call.body["model"]}
        return Said({**body, "usage": told} if usage else body)

    return behave


def embedded(calls: Sequence[Call]) -> list[str]:
    """Every text that was sent to be embedded, in order."""
    return [text for c in calls if c.path.endswith("/embeddings") for text in c.body["input"]]
