"""Real processes for tests: an endpoint that answers by a rule, and `rung serve` before it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2

from loopback import Handler, listening

PROGRAM = "from rung.cli.app import main; main()"
LABELS = ("amber", "birch", "cedar")


def label_of(text: str) -> str:
    """What the endpoint answers to an input: any fixed rule will do."""
    return LABELS[zlib.crc32(text.encode()) % 3]


@contextmanager
def endpoint(answer: Callable[[str], str] = label_of, wait_s: float = 0.0) -> Iterator[str]:
    """An OpenAI-compatible server on this machine; yields its address, which ends in /v1."""

    class Call(Handler):
        def do_POST(self) -> None:
            body = json.loads(self.body())
            time.sleep(wait_s)
            made = {
                "id": "u",
                "object": "chat.completion",
                "created": 1,
                "model": "m",
                "choices": [
                    {
                        "index": 0,
                        "finish_reason": "stop",
                        "message": {
                            "role": "assistant",
                            "content": answer(body["messages"][-1]["content"]),
                        },
                    }
                ],
                "usage": {"prompt_tokens": 11, "completion_tokens": 1, "total_tokens": 12},
            }
            self.say(json.dumps(made).encode())

    with listening(Call) as address:
        yield f"{address}/v1"


class Server:
    """One `rung serve` process and its workers."""

    def __init__(self, folder: Path, *flags: str, port: int = 0) -> None:
        self.folder = folder
        started = time.perf_counter()
        self._out = (folder / f"serve-{time.monotonic_ns()}.log").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "serve", str(folder), "--port", str(port), *flags],
            stdout=self._out,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,  # so that its workers die with it
        )
        self.url = self._address()
        self.port = int(self.url.rpartition(":")[2])
        self._wait_until_healthy()
        self.start_s = time.perf_counter() - started

    def said(self) -> str:
        """What it wrote so far."""
        self._out.flush()
        return Path(self._out.name).read_text()

    def kill(self) -> None:
        """End it and its workers at once, as a crash would."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._out.close()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop; its exit code."""
        self.process.send_signal(how)
        code = self.process.wait(30)
        self._out.close()
        return code

    def _address(self) -> str:
        for _ in range(600):
            found = re.search(r"http://[^\s/]+", self.said())
            if found:
                return found.group()
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError(f"it did not start: {self.said()}")

    def _wait_until_healthy(self) -> None:
        for _ in range(600):
            with suppress(httpx2.HTTPError):
                if httpx2.get(f"{self.url}/health", timeout=5).status_code == 200:
                    return
            assert self.process.poll() is None, self.said()
            time.sleep(0.05)
        raise AssertionError(f"it is not healthy: {self.said()}")


@contextmanager
def served(folder: Path, *flags: str) -> Iterator[Server]:
    """A server that is gone afterwards."""
    server = Server(folder, *flags)
    try:
        yield server
    finally:
        server.kill()


def chat(server: Server, text: str, **more: Any) -> httpx2.Response:
    """One request."""
    body = {"model": "trees", "messages": [{"role": "user", "content": text}], **more}
    return httpx2.post(f"{server.url}/v1/chat/completions", json=body, timeout=60)
