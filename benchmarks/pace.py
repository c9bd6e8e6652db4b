"""A climb's pace against a plain `openai` client: a server with a latency, 32 requests in flight.

    python benchmarks/pace.py

Prompts are asked everything (`--exhaustive`) and do not pass, so that none is timed (which is done
one request at a time). Then the plain client puts as many requests to the same server. Time is from
the first request, the handshake's, to the last answer: reading, auditing and deciding come before
and after.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

from openai import AsyncOpenAI

from rung.candidate import Candidate, Prompt
from rung.climbing.run import climb
from rung.climbing.tools import ClimbOptions

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from scripted_http import Call, ScriptedServer, at_once

LATENCY_S, IN_FLIGHT = 1.0, 32
RUNS = ((1, 1600), (3, 240))
"""Prompts, and examples of the task."""
LABELS = ("billing", "shipping", "technical")


def answer(call: Call) -> str:
    """A third of the answers are right."""
    return LABELS[call.number % len(LABELS)]


def write_task(folder: Path, model: str, examples: int) -> None:
    """Made-up questions of which no two are alike."""
    rows = [
        {"input": f"order {n * 7919 % 99991} of day {n * 31 % 997}", "expected": LABELS[n % 3]}
        for n in range(examples)
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "rung.toml").write_text(
        '[task]\ninstruction = "Name the queue."\nexamples = "rows.jsonl"\n'
        f"[output]\nlabels = {json.dumps(LABELS)}\n[target]\nscore = 0.99\n"
        f'[models]\ntry = ["{model}"]\n'
        f"[climb]\ndev_size = 40\n"
        "[costs]\ninput_usd_per_mtok = 1\noutput_usd_per_mtok = 2\n"
    )


async def ask_plainly(url: str, count: int) -> float:
    """Seconds that the plain client takes."""
    free = asyncio.Semaphore(IN_FLIGHT)
    async with AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:

        async def one(number: int) -> None:
            turn = {"role": "user", "content": f"order {number}"}
            async with free:
                await client.chat.completions.create(model="m", messages=[turn])  # type: ignore[list-item]

        began = time.perf_counter()
        await asyncio.gather(*(one(n) for n in range(count)))
        return time.perf_counter() - began


def measure(prompts: int, examples: int) -> None:
    """Print both times and their ratio."""
    heard: list[float] = []
    began: list[float] = []

    def hear(call: Call) -> str:
        heard.append(time.perf_counter())
        began.append(time.process_time())
        return answer(call)

    with (
        ScriptedServer(hear, at_once(IN_FLIGHT), latency_s=LATENCY_S) as server,
        tempfile.TemporaryDirectory() as place,
    ):
        folder = Path(place)
        write_task(folder, server.model, examples)
        asked = tuple(
            Candidate(model=server.model, prompt=Prompt(max_output_tokens=64 + n))
            for n in range(prompts)
        )
        climb(folder, ClimbOptions(candidates=asked, everything=True, anyway=True))
        busy = time.process_time() - began[0]
        climbed = heard[-1] - heard[0]  # each is heard when its latency is over, the first too
        climbed += LATENCY_S
        count, refused = server.answered, len(server.calls) - server.answered
        at = time.process_time()
        plain = asyncio.run(ask_plainly(server.url, count))
        plainly = time.process_time() - at
    print(
        f"{prompts} prompts, {count} requests, {LATENCY_S:g} s each, {IN_FLIGHT} in flight, "
        f"{refused} refused: climb {climbed:.1f} s, plain client {plain:.1f} s, "
        f"{climbed / plain:.2f}x; processor, with the server, {busy:.1f} s and {plainly:.1f} s"
    )


if __name__ == "__main__":
    for run in RUNS:
        measure(*run)
