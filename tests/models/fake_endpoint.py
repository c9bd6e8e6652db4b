"""A loopback HTTP server that plays an OpenAI-compatible endpoint from a script."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, NamedTuple

from loopback import Handler, listening


class Turn(NamedTuple):
    """What the server does with one call."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = MappingProxyType({})
    wait_s: float = 0.0


def completion(text: str | None, finish: str = "stop", **message: Any) -> dict[str, Any]:
    """A chat completion as OpenAI writes it."""
    return {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "finish_reason": finish,
                "message": {"role": "assistant", "content": text, **message},
            }
        ],
        "usage": {
            "prompt_tokens": 11,
            "completion_tokens": 3,
            "total_tokens": 14,
            "prompt_tokens_details": {"cached_tokens": 7},
        },
    }


class FakeEndpoint:
    """Plays `turns` in order, the last one for ever; keeps what it was sent."""

    def __init__(self, *turns: Turn) -> None:
        self.turns = list(turns)
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.most_at_once = 0
        self.url = ""
        self._at_once = 0
        self._lock = threading.Lock()

    def play(self, call: Handler) -> None:
        """Answer one call."""
        body = json.loads(call.body())
        with self._lock:
            turn = self.turns[min(len(self.bodies), len(self.turns) - 1)]
            self.bodies.append(body)
            self.headers.append({k.lower(): v for k, v in call.headers.items()})
            self.paths.append(call.path)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        time.sleep(turn.wait_s)
        with self._lock:
            self._at_once -= 1
        data = turn.body if isinstance(turn.body, bytes) else json.dumps(turn.body).encode()
        call.say(data, turn.status, turn.headers)


@contextmanager
def serving(*turns: Turn) -> Iterator[FakeEndpoint]:
    """The fake on a free loopback port; `url` ends in /v1."""
    fake = FakeEndpoint(*turns)

    class Call(Handler):
        def do_POST(self) -> None:
            fake.play(self)

    with listening(Call) as address:
        fake.url = f"{address}/v1"
        yield fake
