"""What the server answers is what was measured, on the embedded models."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import httpx2
import pytest

import rung
from rung.candidate import Candidate
from rung.climbing.tools import ClimbOptions
from rung.models.fetch import model_folder
from rung.models.registry import open_model
from rung.solver import Solver, SolverSpec, save
from rung.solver.solver import Parts
from rung.task.load import load_task

from .upstream import Server, served

TICKETS = Path(__file__).resolve().parents[2] / "examples" / "aarlund" / "ticket-routing"
LOCAL, EMBEDDER = "local/smollm2-135m-instruct", "local/all-minilm-l6-v2"
AT_ONCE = 16

pytestmark = pytest.mark.slow


def needs(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        model_folder(name) is None, reason=f"{name} is not here: run `rung models fetch`"
    )


async def said_by(server: Server, inputs: dict[str, Any]) -> dict[str, str]:
    """What the server's solver said to each input, many asked at once."""
    slots = asyncio.Semaphore(AT_ONCE)
    async with httpx2.AsyncClient(base_url=server.url, timeout=120) as http:

        async def ask(text: str) -> str:
            body = {
                "model": "ticket-routing",
                "messages": [{"role": "user", "content": text}],
            }
            async with slots:
                made = (await http.post("/v1/chat/completions", json=body)).json()
            content: str = made["choices"][0]["message"]["content"]
            return made["rung"]["said"] or content

        answers = await asyncio.gather(*map(ask, inputs.values()))
    return dict(zip(inputs, answers, strict=True))


def differing(first: dict[str, str], second: dict[str, str]) -> list[str]:
    assert first.keys() == second.keys()
    return [i for i in first if first[i] != second[i]]


@needs(EMBEDDER)
def test_the_measured_winner_of_ticket_routing(tmp_path: Path) -> None:
    folder = tmp_path / "ticket-routing"
    shutil.copytree(TICKETS, folder, ignore=shutil.ignore_patterns(".rung"))
    result = rung.climb(load_task(folder), ClimbOptions(only=("no-llm",)))
    task = load_task(folder)
    attempts = folder / ".rung" / "runs" / result.run / "attempts.jsonl"
    rows = [json.loads(line) for line in attempts.read_text().splitlines()]
    key = result.verdict.choice
    measured = {
        r["example_id"]: r["answer"]["text"]
        for r in rows
        if r["candidate"] == key and r["split"] == "test"
    }
    measured = dict(list(measured.items())[:200])
    inputs = {e.id: e.input for e in task.test if e.id in measured}
    with served(folder) as server:
        answered = asyncio.run(said_by(server, inputs))
    assert len(measured) == 200
    assert len(differing(answered, {i: measured[i] for i in answered})) <= 1


@needs(LOCAL)
def test_a_language_model_in_other_batches(tmp_path: Path) -> None:
    task = load_task(TICKETS)
    spec = SolverSpec(
        candidate=Candidate(model=LOCAL),
        task=task.name,
        instruction=task.instruction,
        output=task.output,
    )
    solver = Solver(spec, Parts(chat=open_model(LOCAL)))
    save(solver, tmp_path / ".rung" / "winner")
    examples = task.test[:24]
    inputs = {e.id: e.input for e in examples}

    async def measure() -> dict[str, str]:
        answers = await asyncio.gather(*(solver.answer(e.input) for e in examples))
        assert solver.parts.chat is not None
        await solver.parts.chat.aclose()
        return {e.id: a.text for e, a in zip(examples, answers, strict=True)}

    measured = asyncio.run(measure())
    with served(tmp_path) as server:
        answered = asyncio.run(said_by(server, inputs))
    assert len(differing(answered, measured)) <= 1
