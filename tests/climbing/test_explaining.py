"""A finished run explained: causes, bounds, and one example through every candidate."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from rich.console import Console

from ports.rungs import searching
from rung.cli.explain import show_diagnosis
from rung.climbing.explaining import Explained, Explainer
from rung.models.base import Message
from rung.records.results import RunResult
from rung.task.types import Task

from .tasks import MODEL, climb, fact_task, options, reading
from .tasks import ScriptedModel as Model


def explained(
    task: Task, folder: Path, result: RunResult, only: str
) -> tuple[Explained, dict[str, tuple[Message, ...]]]:
    """One example of a run, and what each of its candidates was sent."""

    async def run() -> tuple[Explained, dict[str, tuple[Message, ...]]]:
        explainer = Explainer(
            task, result, folder / "runs" / result.run, options(folder, Model(reading, MODEL))
        )
        try:
            found = await explainer.explain(only=only)
            example, _ = found.attempts[0]
            peers = [key for key, said in found.bench.peers.items() if only in said]
            return found, {key: await explainer.sent(found.bench, key, example) for key in peers}
        finally:
            await explainer.aclose()

    return asyncio.run(run())


def test_one_example_shows_what_every_candidate_was_sent(tmp_path: Path) -> None:
    task, chat = fact_task(), Model(reading, MODEL)
    result = climb(task, tmp_path, chat, diagnose=False)
    was_asked = [[m.content for m in request.messages] for request in chat.requests]
    example = task.dev[0]
    calls = len(chat.requests)
    found, sent = explained(task, tmp_path, result, example.id)
    assert list(found.diagnosis.examples) == [] or example.id in found.diagnosis.examples
    assert len(sent) >= 3 and len(chat.requests) == calls
    for messages in sent.values():
        assert [m.content for m in messages] in was_asked
        assert example.input_text() in messages[-1].content


def test_what_the_answers_rest_on_is_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task = fact_task()
    result = climb(task, tmp_path, Model(reading, MODEL), candidates=(searching(),), diagnose=False)

    async def run() -> Explained:
        place = tmp_path / "runs" / result.run
        explainer = Explainer(task, result, place, options(tmp_path, Model(reading, MODEL)))
        try:
            return await explainer.explain()
        finally:
            await explainer.aclose()

    found = asyncio.run(run())
    assert found.grounding is not None
    assert found.grounding.held == found.grounding.claims == len(task.dev)
    show_diagnosis(found, Console(width=200))
    assert "20 claims in 20 answers: 20 in the passages given" in capsys.readouterr().out
