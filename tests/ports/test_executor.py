"""An executor is one file and one line: it has the questions answered, and nothing else changes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from climbing.tasks import MODEL, reading
from rung.errors import UserError
from rung.measure.executors import EXECUTORS, Question
from rung.records import Answer
from rung.solver import Solver
from scripted import ScriptedModel

from .rungs import climbed, searching


class Elsewhere:
    """Each question on a thread with an event loop of its own, as a machine far away would."""

    asked = 0

    async def answers(self, solver: Solver, questions: Sequence[Question]) -> list[Answer]:
        def answer(question: Question) -> Answer:
            return asyncio.run(solver.answer(*question))

        Elsewhere.asked += len(questions)
        return [await asyncio.to_thread(answer, question) for question in questions]


def test_a_climb_has_its_questions_answered_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(EXECUTORS, "elsewhere", Elsewhere)
    here = climbed(tmp_path / "here", searching())
    model = ScriptedModel(reading, MODEL)
    there = climbed(tmp_path / "there", searching(), model=model, executor="elsewhere")
    (one,), (other,) = here.values(), there.values()
    assert one.test == other.test and one.dev == other.dev and one.state == other.state == "pass"
    assert Elsewhere.asked > 0
    asked = Elsewhere.asked
    climbed(tmp_path / "there", searching(), model=model, executor="elsewhere")
    assert Elsewhere.asked == asked, "attempts that are kept are not asked again"


def test_a_name_that_is_not_on_the_shelf_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="executor 'nobody' is unknown; known are here"):
        climbed(tmp_path, searching(), executor="nobody")
