"""What a ceiling of the labels cannot see: it is said, and it stops no climb that would win."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import pytest
from rich.console import Console

from rung.audit import Audit
from rung.climbing.auditing import audit_of
from rung.climbing.tools import Tools
from rung.models.base import ChatRequest
from rung.report.red_flags import audit_text
from rung.task.types import Example, Target, Task
from scripted import ScriptedModel

from .tasks import LABELS, MODEL, asked, climb, label_of, label_task, model, options


def other(label: str) -> str:
    return LABELS[(LABELS.index(label) + 1) % 3]


def changed(task: Task, which: dict[int, str]) -> Task:
    """The task with other labels on some of its items."""

    def row(e: Example) -> Example:
        return e.model_copy(update={"expected": which.get(int(e.id[1:]), e.expected)})

    return task.model_copy(
        update={s: tuple(map(row, task.split(s))) for s in ("train", "dev", "test")}
    )


@pytest.fixture
def task() -> Task:
    """Words give each label away, but for what a test changes."""
    target = Target(metric="accuracy", score=0.85)
    return label_task(telling=True, train=120, dev=60, test=120, target=target)


def audited(task: Task, folder: Path) -> Audit:
    async def run() -> Audit:
        tools = Tools(task, options(folder, model()))
        try:
            return await audit_of(tools)
        finally:
            await tools.aclose()

    return asyncio.run(run())


def said(found: Audit) -> str:
    printed = io.StringIO()
    Console(file=printed, width=10_000).print(audit_text(found))
    return printed.getvalue()


def test_errors_made_in_the_same_way_everywhere_are_not_seen_and_that_is_said(
    task: Task, tmp_path: Path
) -> None:
    """Every birch is called cedar: a third of the labels is wrong, and nothing looks it."""
    wrong = {n: "cedar" for n in range(300) if label_of(n) == "birch"}
    found = audited(changed(task, wrong), tmp_path)
    assert found.ceiling is not None and found.ceiling.value > 0.97
    assert not any(flag.id in ("label-noise", "ceiling-below-target") for flag in found.flags)
    assert "Errors made in the same way everywhere are not seen by it." in said(found)


def test_a_rule_that_the_embedder_cannot_see_reads_as_noise_and_stops_no_climb(
    task: Task, tmp_path: Path
) -> None:
    """A house rule by number: whoever learnt it wins, and the ceiling only warns."""
    rule = {n: other(label_of(n)) for n in range(300) if n * 61 % 100 < 25}
    ruled = changed(task, rule)
    found = audited(ruled, tmp_path / "audit")
    assert found.ceiling is not None and found.ceiling.value < ruled.target.score
    flags = {flag.id: flag for flag in found.flags}
    flag = flags["ceiling-below-target"]
    assert flag.severity == "warn" and not any(f.severity == "block" for f in found.flags)
    assert "A rule that the embedder cannot see reads as wrong labels too" in flag.text

    def knows(request: ChatRequest) -> str:
        number = asked(request)
        return rule.get(number, label_of(number))

    result = climb(ruled, tmp_path / "climb", ScriptedModel(knows, MODEL))
    chosen = next(r for r in result.candidates if r.key == result.verdict.choice)
    assert result.verdict.status == "sufficient" and chosen.model == MODEL
    assert chosen.test is not None and chosen.test.value == 1.0
