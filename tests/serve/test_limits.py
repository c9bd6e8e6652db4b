"""Rates hold over threads and processes; the queue is short and first come is first served."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.serve.limits import Full, Gate, Rate

from .winners import ask, running, scripted, service

CHAT = "/v1/chat/completions"


class Clock:
    """Time as a test wants it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("rung.serve.limits.time.monotonic", lambda: self.now)


def test_a_burst_and_then_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    rate = Rate(per_minute=60, burst=3)
    assert [rate.take("a") for _ in range(3)] == [0, 0, 0]
    assert rate.take("a") == pytest.approx(1.0)
    assert rate.take("b") == 0
    clock.now += 0.999
    assert 0 < rate.take("a") < 0.01
    clock.now += 0.002
    assert rate.take("a") == 0 and rate.take("a") > 0.9
    clock.now += 3600
    assert [rate.take("a") > 0 for _ in range(4)] == [False, False, False, True]


@settings(max_examples=40)
@given(st.lists(st.floats(0, 5), max_size=30), st.integers(1, 5), st.integers(6, 600))
def test_no_pattern_of_requests_gets_more_than_its_share(
    gaps: list[float], burst: int, per_minute: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        clock, rate, let_in = Clock(patch), Rate(per_minute, burst), []
        for gap in gaps:
            clock.now += gap
            wait = rate.take("a")
            if 0 < wait <= 2e-6:  # too near to tell
                continue
            if wait:
                clock.now += wait - 1e-6
                assert rate.take("a") > 0
                clock.now += 2e-6
                assert rate.take("a") == 0
            let_in.append(clock.now)
        for i, first in enumerate(let_in):
            for j in range(i, len(let_in)):
                most = burst + (let_in[j] - first) * per_minute / 60
                assert j - i + 1 <= most + 1e-4


@pytest.mark.slow
def test_workers_share_a_rate(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from rung.serve.limits import Rate\n"
        "rate = Rate(1, 100, Path(sys.argv[1]))\n"
        "print(sum(rate.take('a') == 0 for _ in range(200)))"
    )
    words = [sys.executable, "-c", program, str(tmp_path / "rates")]
    running_ = [subprocess.Popen(words, stdout=subprocess.PIPE) for _ in range(3)]
    let_in = [int(process.communicate(timeout=60)[0]) for process in running_]
    assert 100 <= sum(let_in) <= 102


async def test_the_gate_is_first_come_first_served() -> None:
    gate, order, held = Gate(1, 3), [], asyncio.Event()

    async def visit(number: int) -> None:
        async with gate.place():
            await held.wait()
            order.append(number)

    tasks = [asyncio.create_task(visit(n)) for n in range(4)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    with pytest.raises(Full) as full:
        async with gate.place():
            raise AssertionError
    assert full.value.retry_after_s >= 1
    tasks[1].cancel()  # one that goes away leaves its place in the queue
    await asyncio.sleep(0.01)
    assert (gate.running, gate.waiting) == (1, 2)
    held.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert order == [0, 2, 3] and (gate.running, gate.waiting) == (0, 0)


async def test_nobody_waits_longer_than_the_gate_allows() -> None:
    gate, held, waits = Gate(1, 50, most_wait_s=0.05), asyncio.Event(), []

    async def visit() -> None:
        started = time.perf_counter()
        try:
            async with gate.place():
                await held.wait()
        except Full as full:
            assert full.retry_after_s >= 1
            waits.append(time.perf_counter() - started)

    tasks = [asyncio.create_task(visit()) for _ in range(20)]
    await asyncio.sleep(0.3)
    assert len(waits) == 19 and min(waits) >= 0.049 and (gate.running, gate.waiting) == (1, 0)
    held.set()
    await asyncio.gather(*tasks)
    # By now it knows that an answer takes 0.3 s: whoever would have to wait is told so at once.
    held.clear()
    first = asyncio.create_task(visit())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert gate.refusal() is not None
    await visit()
    assert waits[-1] < 0.04
    held.set()
    await first
    assert gate.refusal() is None


async def test_a_key_that_asks_too_often_is_told_when_to_come_back(tmp_path: Path) -> None:
    made = service(tmp_path, scripted(["birch"] * 9), requests_per_minute=6, burst=2)
    async with running(made) as client:
        answers = [await client.post(CHAT, json=ask()) for _ in range(4)]
        assert (await client.get("/v1/models")).status_code == 200
    assert [a.status_code for a in answers] == [200, 200, 429, 429]
    assert answers[2].headers["retry-after"] == "10"
    assert answers[2].json()["error"] == {
        "message": answers[2].json()["error"]["message"],
        "type": "rate_limit_error",
        "param": None,
        "code": "rate_limit_exceeded",
    }
