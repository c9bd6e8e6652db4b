"""A log that another process holds keeps no answer waiting, and gets its rows afterwards."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest

import rung.serve.service as serving
from rung.traffic import open_store

from .winners import ask, running, scripted, service

HOLD = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def held(tmp_path: Path):  # type: ignore[no-untyped-def]
    """Another process with a lock on the log, once it is started."""
    children: list[subprocess.Popen[str]] = []

    def hold() -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(tmp_path / ".rung/traffic.sqlite")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        children.append(child)
        assert child.stdout is not None and child.stdout.readline() == "held\n"
        return child

    yield hold
    for child in children:
        child.kill()
        child.wait()
        for stream in (child.stdin, child.stdout):
            stream.close()  # type: ignore[union-attr]


async def test_answers_come_in_time_and_are_logged_later(
    tmp_path: Path, held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "LOG_WAIT_S", 0.3)
    monkeypatch.setattr(serving, "MOST_UNLOGGED", 3)
    made = service(tmp_path, scripted(lambda _: "birch"))
    async with running(made) as client:
        first = await client.post("/v1/chat/completions", json=ask())
        assert first.json()["rung"]["logged"] is True
        child = held()
        started = time.monotonic()
        waiting = [
            (await client.post("/v1/chat/completions", json=ask(f"tree {n}"))).json()
            for n in range(3)
        ]
        assert time.monotonic() - started < 5
        assert [w["rung"]["logged"] for w in waiting] == [False] * 3
        full = await client.post("/v1/chat/completions", json=ask("one more"))
        assert full.status_code == 503 and int(full.headers["retry-after"]) >= 1
        assert full.json()["error"]["code"] == "log_unavailable"
        child.communicate("")
        for _ in range(100):
            if made.writer is not None and made.writer.backlog == 0:
                break
            await asyncio.sleep(0.1)
        again = await client.post("/v1/chat/completions", json=ask("after"))
        assert again.json()["rung"]["logged"] is True
    store = open_store(f"sqlite:///{tmp_path}/.rung/traffic.sqlite")
    ids = {record.id for record in store.records()}
    store.close()
    assert {w["id"] for w in waiting} <= ids and len(ids) == 5


async def test_a_stopping_server_does_not_wait_for_a_held_log(
    tmp_path: Path, held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "LOG_WAIT_S", 0.2)
    made = service(tmp_path, scripted(lambda _: "birch"))
    async with running(made) as client:
        held()
        answered = await client.post("/v1/chat/completions", json=ask())
        assert answered.status_code == 200
        started = time.monotonic()
    assert time.monotonic() - started < 20


async def test_very_many_messages_are_counted_first(tmp_path: Path) -> None:
    body = {"model": "trees", "messages": [{"role": "user", "content": "a"}] * 100_000}
    made = service(tmp_path, scripted(lambda _: "birch"), max_body_kb=8_192)
    async with running(made) as client:
        started = time.monotonic()
        refused = await client.post("/v1/chat/completions", json=body)
        assert refused.status_code == 400 and "more than 2,000" in refused.text
        assert time.monotonic() - started < 2
        parts = [{"type": "text", "text": "a"}] * 100_000
        body["messages"] = [{"role": "user", "content": parts}]  # type: ignore[list-item]
        assert (await client.post("/v1/chat/completions", json=body)).status_code == 400
