"""A dearer model's answers to unlabelled inputs, learnt by a smaller one, with doubles."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from rung.behaviour.trainers.base import Desk, Order, Tuned
from rung.behaviour.trainers.shelf import TRAINERS
from rung.candidate import Candidate
from rung.climbing.run import climb as climb_task
from rung.climbing.tools import ClimbOptions
from rung.errors import ProviderError, UserError
from rung.models.base import ChatModel, ChatRequest
from rung.records.results import CandidateResult, RunResult
from rung.report.words import describe_candidate
from rung.task.load import load_task
from rung.task.types import Models, Task
from scripted import ScriptedEmbedder, ScriptedModel

from .tasks import EMBEDDER, LABELS, MODEL, asked, label_of, label_task

TEACHER = "scripted/large"
NEW = tuple(f"item {n}" for n in range(5_000, 5_060))
Skill = Callable[[ChatRequest], str]


def right(request: ChatRequest) -> str:
    return label_of(asked(request))


def wrong(request: ChatRequest) -> str:
    return LABELS[(LABELS.index(right(request)) + 1) % 3]


class Learner:
    """Who was trained on more than the gold rows knows everything, else nothing."""

    orders: ClassVar[list[Order]] = []
    gold: ClassVar[Skill] = staticmethod(wrong)

    def __init__(self, model: str) -> None:
        self.model = model

    async def train(self, order: Order, desk: Desk) -> Tuned:
        self.orders.append(order)
        more = any(f"item {n}" in str(order.train) for n in range(5_000, 5_060))
        name = f"{MODEL}-rung-{'taught' if more else 'gold'}-{order.tag}"
        assert desk.till is not None
        desk.till.answers(name, MODEL)
        return Tuned(model=name, took={"seconds": 2.0, "train_tokens": 10})


class Opened(dict[str, ChatModel]):
    def get(self, name: str, default: Any = None) -> Any:
        if "-rung-taught-" in name or "-rung-gold-" in name:
            skill = right if "-taught-" in name else Learner.gold
            return self.setdefault(name, ScriptedModel(skill, name))
        return super().get(name, default)


@pytest.fixture(autouse=True)
def learner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TRAINERS, "lora", Learner)
    monkeypatch.setattr(Learner, "orders", [])


def task(**parts: Any) -> Task:
    models = Models(to_try=(MODEL, TEACHER), embedder=EMBEDDER)
    given = {"train": 60, "dev": 30, "models": models, "unlabelled": NEW, **parts}
    return label_task(**given)


def climb(folder: Path, one: Task, teacher: Skill = right, **how: Any) -> RunResult:
    student = ScriptedModel(wrong, MODEL)
    student.trains = True
    models = Opened({MODEL: student, TEACHER: ScriptedModel(teacher, TEACHER, **how)})
    options = ClimbOptions(
        models=models, embedders={EMBEDDER: ScriptedEmbedder(EMBEDDER)}, folder=folder,
        only=("fine-tuning",),
    )  # fmt: skip
    return climb_task(one, options)


def distilled(result: RunResult) -> CandidateResult:
    (row,) = [r for r in result.candidates if r.candidate.teacher is not None]
    return row


def taught(order: Order) -> dict[str, str]:
    lessons = {e.messages[-1].content: e.answer for e in order.train}
    return {text: answer for text, answer in lessons.items() if text in NEW}


def test_a_student_learns_what_a_better_teacher_answers(tmp_path: Path) -> None:
    result = climb(tmp_path, task())
    row = distilled(result)
    assert row.state == "pass" and row.technique == "fine-tuning"
    assert "+lora+of-scripted:large~" in row.key
    assert "distilled from scripted:large" in describe_candidate(row.candidate)
    told = row.training["taught"]
    assert told["asked"] == told["learnt"] == len(NEW) and told["dev"] == 1.0 > told["alone"]
    assert row.training["seconds"] == 4.0, "both trainings count"
    order = Learner.orders[-1]
    assert taught(order) == {text: label_of(int(text.split()[1])) for text in NEW}
    assert len(order.train) == 60 + len(NEW), "the gold rows are learnt too"
    assert any("learnt 60 answers of" in n and row.key in n for n in result.notes)


def test_what_does_not_pass_is_not_learnt(tmp_path: Path) -> None:
    def mixed(request: ChatRequest) -> str:
        number = asked(request)
        if number < 5_000 or number % 3:
            return right(request)
        if number % 2:
            return "no label at all"
        return right(request) if request.temperature == 0 else wrong(request)

    told = distilled(climb(tmp_path, task(), mixed, constrains=False)).training["taught"]
    assert told["left"] == {"not valid": 10, "other when asked again": 10}
    assert told["learnt"] == 40 == len(taught(Learner.orders[-1]))


def test_a_teacher_that_is_no_better_teaches_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Learner, "gold", staticmethod(right))
    row = distilled(climb(tmp_path, task().model_copy(update={"target": _far()})))
    assert row.state == "skipped" and "teach its mistakes" in row.reason
    assert not any(taught(order) for order in Learner.orders)


def _far() -> Any:
    return label_task().target.model_copy(update={"score": 1.0, "confidence": 0.99})


def test_an_outage_of_the_teacher_is_asked_again(tmp_path: Path) -> None:
    down = [True]

    def flaky(request: ChatRequest) -> str:
        if down[0] and asked(request) >= 5_000:
            raise ProviderError("gone", outage=True)
        return right(request)

    assert distilled(climb(tmp_path, task(), flaky)).state == "incomplete"
    down[0] = False
    assert distilled(climb(tmp_path, task(), flaky)).state == "pass"


def test_without_unlabelled_inputs_nobody_teaches(tmp_path: Path) -> None:
    result = climb(tmp_path, task(unlabelled=()))
    assert all(r.candidate.teacher is None for r in result.candidates)
    assert "teacher" not in json.dumps(
        [r.candidate.model_dump(exclude_defaults=True) for r in result.candidates]
    )


def test_a_lone_model_is_taught_by_its_own_prompt(tmp_path: Path) -> None:
    alone = Models(to_try=(MODEL,), embedder=EMBEDDER)
    teacher = distilled(climb(tmp_path, task(models=alone))).candidate.teacher
    assert teacher == Candidate(
        model=MODEL, prompt=teacher.prompt, embedder=EMBEDDER
    ) and teacher.prompt.shots.kind == "nearest"  # fmt: skip


def _files(folder: Path, unlabelled: list[dict[str, Any]], name: str = "more.jsonl") -> Path:
    rows = [
        {"input": f"a long enough message, number {n} of all", "expected": "a" if n % 2 else "b"}
        for n in range(0, 6000, 60)
    ]  # fmt: skip
    for file, some in (("rows.jsonl", rows), (name, unlabelled)):
        (folder / file).write_text("".join(json.dumps(row) + "\n" for row in some))
    (folder / "rung.toml").write_text(
        f'[task]\ninstruction = "x"\nexamples = "rows.jsonl"\nunlabelled = "{name}"\n'
        '[output]\nlabels = ["a", "b"]\n[target]\nscore = 0.8\n'
    )
    return folder


def test_inputs_near_a_labelled_row_are_left_out(tmp_path: Path) -> None:
    given = [
        {"input": "A long enough message, number 60 of all"},
        {"input": "something else altogether, never seen", "expected": "never read"},
        {"input": "Something else  altogether, never seen"},
        {"input": {"subject": "a bell", "body": "it rang"}},
    ]
    loaded = load_task(_files(tmp_path, given))
    assert set(map(str, loaded.unlabelled)) == {
        "something else altogether, never seen",
        str({"subject": "a bell", "body": "it rang"}),
    }
    assert any("2 of 4 unlabelled inputs are used" in n for n in loaded.notes)


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [([{"text": "x"}], "more.jsonl line 1: 'input' is missing"), ([], "the file has no rows")],
)
def test_a_file_that_holds_no_inputs_is_named(
    tmp_path: Path, rows: list[dict[str, Any]], sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence):
        load_task(_files(tmp_path, rows))
