"""A climb's pace against a plain `openai` client: a server with a latency, 32 requests in flight.

    python benchmarks/pace.py

One prompt is asked everything and does not pass, so that it is not timed (which is done one request
at a time). Then the plain client puts as many requests to the same server. A climb waits for its
pilot's last answer before it tests: a round that is not full costs as much as a full one.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from pathlib import Path

from openai import AsyncOpenAI

from rung.candidate import Candidate, Prompt
from rung.climbing import ClimbOptions, climb
from rung.models.scripted_http import Call, ScriptedServer, at_once

LATENCY_S, IN_FLIGHT, EXAMPLES = 1.0, 32, 1600
LABELS = ("billing", "shipping", "technical")


def answer(call: Call) -> str:
    """A third of the answers are right."""
    return LABELS[call.number % len(LABELS)]


def write_task(folder: Path, model: str) -> None:
    """Made-up questions of which no two are alike."""
    rows = [
        {"input": f"order {n * 7919 % 99991} of day {n * 31 % 997}", "expected": LABELS[n % 3]}
        for n in range(EXAMPLES)
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "rung.toml").write_text(
        '[task]\ninstruction = "Name the queue."\nexamples = "rows.jsonl"\n'
        f"[output]\nlabels = {json.dumps(LABELS)}\n[target]\nscore = 0.99\n"
        f'[models]\ntry = ["{model}"]\n'
        f"[climb]\ndev_size = {2 * IN_FLIGHT}\n"
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


def main() -> None:
    """Print both times and their ratio."""
    with (
        ScriptedServer(answer, at_once(IN_FLIGHT), latency_s=LATENCY_S) as server,
        tempfile.TemporaryDirectory() as place,
    ):
        folder = Path(place)
        write_task(folder, server.model)
        one = Candidate(model=server.model, prompt=Prompt(max_output_tokens=64))
        options = ClimbOptions(candidates=(one,), everything=True, anyway=True)
        climbed = climb(folder, options).seconds
        count, refused = server.answered, len(server.calls) - server.answered
        plain = asyncio.run(ask_plainly(server.url, count))
    print(f"{count} requests, {LATENCY_S:g} s each, {IN_FLIGHT} in flight, {refused} refused")
    print(f"climb {climbed:.1f} s, plain client {plain:.1f} s: {climbed / plain:.2f}x")


if __name__ == "__main__":
    main()
