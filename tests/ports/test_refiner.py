"""A refiner of the instruction, registered by one line: the climb goes on with what it finds."""

from __future__ import annotations

from pathlib import Path

import pytest

from climbing.tasks import asked, climb, label_of, label_task
from rung.behaviour.refiners import REFINERS, Refined, Trial, Variant
from rung.candidate import Candidate
from rung.models.base import ChatRequest
from rung.task.types import Task
from scripted import ScriptedModel

PLAIN, BETTER = "Name the item's kind.", "Name the item's kind, and think of the tree."
ROWS = 10


class Wording:
    """Tries one other instruction on a few rows of dev."""

    def serves(self, start: Candidate, task: Task) -> bool:
        return start.uses_llm and not start.weights.tuned

    async def refine(self, start: Candidate, trial: Trial) -> Refined:
        assert not trial.task.test
        prompt = start.prompt.model_copy(update={"instruction": BETTER})
        tried = []
        for candidate in (start, start.model_copy(update={"prompt": prompt})):
            attempts = await trial.ask(candidate, trial.task.dev[:ROWS])
            scores = [a.score for a in attempts if a.score is not None]
            mean = sum(scores) / len(scores)
            tried.append(Variant(candidate=candidate, score=mean, n=len(scores)))
        return Refined(best=max(tried, key=lambda v: v.score or 0).candidate, tried=tuple(tried))


def knows_when_told(request: ChatRequest) -> str:
    return label_of(asked(request)) if BETTER in request.messages[0].content else "amber"


def test_the_rung_is_climbed_with_what_was_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(REFINERS, "instruction", Wording())
    model = ScriptedModel(knows_when_told, "scripted/m")
    result = climb(label_task(), tmp_path, model)
    chosen = next(r for r in result.candidates if r.key == result.verdict.choice)
    assert chosen.candidate.prompt.instruction == BETTER and chosen.state == "pass"
    assert len({r.key for r in result.candidates}) == len(result.candidates)
    calls = model.calls
    again = climb(label_task(), tmp_path, model)
    assert again.verdict == result.verdict and model.calls == calls, "nothing is paid twice"


def test_without_one_the_plain_start_is_climbed(tmp_path: Path) -> None:
    result = climb(label_task(), tmp_path, ScriptedModel(knows_when_told, "scripted/m"))
    assert all(r.candidate.prompt.instruction is None for r in result.candidates)
