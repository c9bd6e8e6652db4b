"""A judged candidate is certified as people would mark it, or is said not to be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import rung
from rung.climbing.climber import Climber
from rung.climbing.judging import FILE, Calibration
from rung.climbing.observer import Observer
from rung.models.base import ChatRequest
from rung.records.results import RunResult
from rung.report.words import headline
from rung.task.types import Models, Target, Task, TextOutput
from scripted import ScriptedModel

from .tasks import EMBEDDER, MODEL, label_task, model, options, share

JUDGE = "scripted/judge"
AGREED = ((1.0,) * 160 + (0.0,) * 40,) * 2


def judges(request: ChatRequest) -> str:
    said = {name: _between(request.messages[-1].content, name) for name in ("reference", "answer")}
    verdict = "correct" if said["reference"] == said["answer"] else "wrong"
    return f'{{"reason": "r", "verdict": "{verdict}"}}'


def _between(text: str, name: str) -> str:
    found = re.search(rf"<{name}>\s*(.*?)\s*</{name}>", text, re.DOTALL)
    assert found is not None
    return found[1]


def judged(tmp_path: Path, human: tuple[float, ...], judge: tuple[float, ...]) -> RunResult:
    task: Task = label_task(
        test=160,
        output=TextOutput(),
        target=Target(metric="judge", score=0.7),
        models=Models(to_try=(MODEL,), embedder=EMBEDDER, judge=JUDGE),
    )
    how = options(
        tmp_path,
        model(share(90)),
        extra={JUDGE: ScriptedModel(judges, JUDGE)},
        only=("prompting",),
        diagnose=False,
    )
    if human:
        version = Climber(task, how, Observer()).scorer.version
        kept = Calibration(version=version, human=human, judge=judge)
        (tmp_path / FILE).write_text(kept.model_dump_json())
    return rung.climb(task, how)


def test_nobody_marked_any_answer_and_the_verdict_says_so(tmp_path: Path) -> None:
    result = judged(tmp_path, (), ())
    assert result.verdict.status == "sufficient" and result.marked == 0
    assert "by the judge's mark alone: how far people agree with it is in no figure" in headline(
        result
    )
    assert "by the judge's mark alone" in result.verdict.reasons[0].figures["claim"]


def test_marks_that_agree_widen_what_is_certified(tmp_path: Path) -> None:
    result = judged(tmp_path, *AGREED)
    assert result.marked == 200 and "as on the 200 answers they marked" in headline(result)
    row = next(r for r in result.candidates if r.key == result.verdict.choice)
    assert row.test is not None and row.test.certified is not None and row.alpha is not None
    assert row.test.value == pytest.approx(row.test.details["judge_mark"])
    assert row.test.low is not None and row.test.high is not None
    assert 0.7 <= row.test.certified < row.test.low + 0.05 and row.test.high - row.test.low > 0.1


def test_a_lenient_judge_certifies_less_than_it_says(tmp_path: Path) -> None:
    human = (1.0,) * 130 + (0.0,) * 70
    result = judged(tmp_path, human, (1.0,) * 190 + (0.0,) * 10)  # three in ten too many
    assert result.verdict.status in ("undecided", "insufficient")
    asked = [r for r in result.candidates if r.score is not None and r.state != "probe"]
    assert asked
    for row in asked:
        assert row.score is not None and row.score.value is not None
        own = row.score.details["judge_mark"]
        assert row.score.value == pytest.approx(own - 0.3) and own > 0.8


def test_a_strict_judge_takes_nothing_away(tmp_path: Path) -> None:
    human = (1.0,) * 190 + (0.0,) * 10
    result = judged(tmp_path, human, (1.0,) * 170 + (0.0,) * 30)
    row = next(r for r in result.candidates if r.key == result.verdict.choice)
    assert row.test is not None and row.test.value is not None
    assert row.test.value == pytest.approx(min(1.0, row.test.details["judge_mark"] + 0.1))


def test_too_few_marks_say_how_many_may_do_before_the_test_is_spent(tmp_path: Path) -> None:
    result = judged(tmp_path, *((1.0,) * 9 + (0.0,) * 3,) * 2)
    assert result.verdict.status == "undecided" and result.marked == 12
    asked = [r for r in result.candidates if r.state == "undecided"]
    assert asked and all(r.test is None for r in asked)
    assert re.search(r"known from 12 answers .*: about \d+ may do", asked[0].reason)
