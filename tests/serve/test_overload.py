"""Beyond what a worker can do it says so early, and what it lets in is answered in time."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.types import Message, Scope

from rung.serve.guard import Guard
from rung.serve.limits import FEW, LAGGING_S, Gate, Overloaded, Pressure
from rung.serve.metrics import Metrics
from rung.serve.service import Service
from rung.task.config import ServeTable

from .upstream import endpoint, served
from .winners import ask, running, save_winner, scripted, service

LOAD = Path(__file__).parents[2] / "benchmarks" / "serving_parts" / "load.py"
BOUND_S = 5.0
"""For every answer of an overloaded worker, its model's own 0.05 s included."""


def pressure(**limits: Any) -> Pressure:
    table = ServeTable(**limits)
    gate = Gate(table.most_at_once, table.most_waiting, table.most_wait_s)
    return Pressure(gate, table, Metrics("c", "s"))


def reason(made: Pressure, connections: int = 1) -> str | None:
    try:
        made.refuse(connections)
    except Overloaded as refused:
        assert refused.status == 429 and int(refused.headers["retry-after"]) >= 1
        return refused.reason
    return None


async def test_who_is_refused() -> None:
    made = pressure(most_connections=9, most_at_once=20, most_waiting=10)
    assert reason(made, 9) is None and reason(made, 10) == "connections"
    made.inside = 29
    assert reason(made) is None
    made.inside = 30
    assert reason(made) == "full"


async def test_a_late_event_loop_lets_nobody_in_until_it_has_caught_up() -> None:
    made = pressure()
    made.start()
    try:
        made.inside = FEW + 1
        await asyncio.sleep(0.01)
        assert reason(made) is None
        time.sleep(LAGGING_S + 0.1)  # the turn that this test takes is late by itself
        assert made.lag_s > LAGGING_S and reason(made) == "lagging"
        made.inside = FEW  # so few are not the cause: refusing them would not end it
        assert reason(made) is None
        made.inside = FEW + 1
        await wait_until_on_time(made)
        assert reason(made) is None
    finally:
        await made.stop()


async def wait_until_on_time(made: Pressure) -> None:
    for _ in range(400):
        await asyncio.sleep(0.01)
        if made.lag_s < LAGGING_S / 2:
            return
    raise AssertionError(made.lag_s)


class Arrived:
    """A connection, as a test wants it."""

    connections = 1

    def __init__(self, whole: bool) -> None:
        self._whole = whole

    def whole(self) -> bool:
        return self._whole


async def refused_by_guard(made: Service, arrival: Arrived) -> tuple[int, dict[bytes, bytes]]:
    """Status and headers of a request whose body nobody may read."""

    async def application(*_: Any) -> None:
        raise AssertionError("it was let in")

    async def receive() -> Message:
        raise AssertionError("its body was read")

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/chat/completions",
        "headers": [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")],
        "state": {"arrival": arrival},
    }
    await Guard(application, made)(scope, receive, send)
    body = json.loads(sent[1]["body"])
    assert body["error"]["type"] == "rate_limit_error" and body["error"]["code"] == "overloaded"
    return sent[0]["status"], dict(sent[0]["headers"])


@pytest.mark.parametrize("whole", [True, False])
async def test_a_refusal_reads_no_body_and_keeps_a_connection_that_it_can(
    whole: bool, tmp_path: Path
) -> None:
    made = service(tmp_path, scripted([]), log=False, most_at_once=1, most_waiting=0)
    made.pressure.inside = 1
    status, headers = await refused_by_guard(made, Arrived(whole))
    assert status == 429 and int(headers[b"retry-after"]) >= 1
    # Without the rest of the body nobody could tell where the next request begins.
    assert headers.get(b"connection") == (None if whole else b"close")
    assert 'rung_refused_total{reason="full"} 1.0' in made.metrics.text().decode()


async def test_whoever_was_answered_or_failed_is_no_longer_inside(tmp_path: Path) -> None:
    made = service(tmp_path, scripted(["birch", "birch"]), most_at_once=1, most_waiting=0)
    async with running(made) as client:
        for body in (ask(), ask(n=3), ask(model="other"), {"broken": 1}, ask()):
            await client.post("/v1/chat/completions", json=body)
            assert made.pressure.inside == 0
        await client.get("/v1/chat/completions")
        assert made.pressure.inside == 0


TIGHT = "most_at_once = 2\nmost_waiting = 4\n"


@pytest.mark.slow
@pytest.mark.parametrize(("limits", "rate"), [(TIGHT, 150), ("", 800)], ids=["solver", "worker"])
def test_no_answer_of_an_overloaded_worker_is_late(limits: str, rate: int, tmp_path: Path) -> None:
    """Several times as many requests as the solver, or the whole worker, can answer."""
    (tmp_path / "rung.toml").write_text(
        '[task]\nname = "trees"\ninstruction = "x"\nexamples = "none"\n[output]\nlabels = ["a"]\n'
        f"[target]\nscore = 0.5\n[serve]\n{limits}"
    )
    with endpoint(wait_s=0.05) as upstream:
        save_winner(tmp_path, upstream)
        with served(tmp_path) as server:
            command = [sys.executable, str(LOAD), f"{server.url}/v1", "trees", "k", str(rate), "4"]
            ended = subprocess.run(command, capture_output=True, text=True, check=True)
            told = httpx2.get(f"{server.url}/metrics").text
            after = httpx2.post(f"{server.url}/v1/chat/completions", json=ask(), timeout=5)
    got = json.loads(ended.stdout)
    assert set(got["failures"]) == {"429"}  # no timeout, no 5xx, no lost connection
    assert len(got["milliseconds"]) > 20 and max(got["milliseconds"]) < BOUND_S * 1000
    refused = [line for line in told.splitlines() if line.startswith("rung_refused_total{")]
    assert sum(float(line.split()[-1]) for line in refused) == got["failures"]["429"], refused
    assert after.status_code == 200  # the moment it is over, it is over
