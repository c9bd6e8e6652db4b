"""Corrections of the traffic learnt against what they replaced, with doubles."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest

from rung.behaviour.trainers.base import Desk, Order, Tuned
from rung.behaviour.trainers.guard import INSTRUCTIONS
from rung.behaviour.trainers.shelf import TRAINERS
from rung.candidate import Candidate, Context, Weights
from rung.climbing.run import climb as climb_task
from rung.climbing.tools import ClimbOptions, Tools
from rung.decide import ladder
from rung.decide.ladder import FEWEST_PREFERENCES, candidates, plan, unlearnt
from rung.decide.usage import expected_calls, expected_cost
from rung.models.base import Adapter, ChatModel, ChatRequest
from rung.records.results import CandidateResult, RunResult
from rung.report.sections import training_facts
from rung.report.words import describe_candidate
from rung.task.corrections import rejected
from rung.task.types import (
    Example,
    LabelsOutput,
    Models,
    MultiLabelOutput,
    SchemaOutput,
    Task,
    TextOutput,
)
from scripted import ScriptedModel

from .tasks import LABELS, MODEL, asked, label_of, label_task


def wrong_label(number: int) -> str:
    return LABELS[(LABELS.index(label_of(number)) + 1) % 3]


def right(request: ChatRequest) -> str:
    return label_of(asked(request))


def wrong(request: ChatRequest) -> str:
    guard = request.messages[-1].content in dict(INSTRUCTIONS)
    return "" if guard else wrong_label(asked(request))


class Learner:
    """Tuned on rows it knows nothing, taught by corrections everything."""

    orders: ClassVar[list[Order]] = []

    def __init__(self, model: str) -> None:
        self.model = model

    async def train(self, order: Order, desk: Desk) -> Tuned:
        self.orders.append(order)
        prefers = order.start is not None
        name = f"{MODEL}-rung-{'pairs' if prefers else 'rows'}"
        assert desk.till is not None
        desk.till.answers(name, MODEL)
        took: dict[str, Any] = {"seconds": 2.0, "train_tokens": 10, "train_losses": [0.69, 0.2]}
        place = desk.folder / name.partition("/")[2]
        place.mkdir(parents=True, exist_ok=True)
        adapter = Adapter(path=str(place), digest=name)
        return Tuned(adapter=None if prefers else adapter, model=name, took=took)


class Opened(dict[str, ChatModel]):
    def get(self, name: str, default: Any = None) -> Any:
        if "-rung-" in name:
            skill = right if name.endswith("-pairs") else wrong
            return self.setdefault(name, ScriptedModel(skill, name))
        return super().get(name, default)


@pytest.fixture(autouse=True)
def learner(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("lora", "dpo"):
        monkeypatch.setitem(TRAINERS, kind, Learner)
    monkeypatch.setattr(Learner, "orders", [])
    monkeypatch.setattr(ladder, "prefers_here", lambda: True)


def task(corrected: int = FEWEST_PREFERENCES, **parts: Any) -> Task:
    """Of every split the first rows were answered wrong and corrected."""
    made = label_task(**{"train": 60, "dev": 30, "models": Models(to_try=(MODEL,)), **parts})

    def rows(split: str) -> Any:
        return tuple(
            e.model_copy(update={"meta": {"rejected": wrong_label(int(str(e.input).split()[-1]))}})
            if place < corrected
            else e
            for place, e in enumerate(getattr(made, split))
        )

    return made.model_copy(update={split: rows(split) for split in ("train", "dev", "test")})


def models() -> Opened:
    student = ScriptedModel(wrong, MODEL)
    student.trains = True
    return Opened({MODEL: student})


def climb(folder: Path, one: Task) -> RunResult:
    options = ClimbOptions(models=models(), folder=folder, only=("fine-tuning",))
    return climb_task(one, options)


def preferring(result: RunResult) -> CandidateResult:
    (row,) = [r for r in result.candidates if r.candidate.weights.prefers]
    return row


def test_corrections_are_learnt_after_the_rows_from_the_adapter_they_gave(tmp_path: Path) -> None:
    result = climb(tmp_path, task())
    row = preferring(result)
    assert row.state == "pass" and row.technique == "fine-tuning" and "+dpo~" in row.key
    assert "then corrections against what they replaced (DPO)" in describe_candidate(row.candidate)
    rows, pairs = Learner.orders[-2:]
    assert rows.weights.kind == "lora" and len(rows.train) == 60 and rows.start is None
    assert all(e.rejected is None for e in rows.train)
    assert pairs.start is not None and pairs.start.digest == f"{MODEL}-rung-rows"
    assert {(e.answer, e.rejected) for e in pairs.train} <= {
        (label_of(n), wrong_label(n)) for n in range(3)
    } and len(pairs.train) == FEWEST_PREFERENCES  # fmt: skip
    assert pairs.dev == (), "dev says nothing of what is preferred"
    told = {e.messages[-1].content for e in pairs.train}
    assert told <= {str(e.input) for e in task().train}
    assert row.training["seconds"] == 4.0 and row.training["train_tokens"] == 20
    assert row.training["preferred"] == {"pairs": FEWEST_PREFERENCES, "losses": [0.69, 0.2]}
    assert any(row.key in n and "learnt 20 corrections" in n for n in result.notes)
    assert any("20 corrections" in fact for fact in training_facts(row))


def test_the_training_on_rows_is_the_one_of_the_rung_below(tmp_path: Path) -> None:
    climb(tmp_path, task())
    plain, again = [o for o in Learner.orders if o.start is None]
    assert plain == again, "an equal order is not trained twice"


@pytest.mark.parametrize(
    ("one", "offered"),
    [
        (task(FEWEST_PREFERENCES), True),
        (task(FEWEST_PREFERENCES - 1), False),
        (task(30, train=40), False),
    ],
)
def test_it_is_offered_where_there_are_enough(one: Task, offered: bool) -> None:
    found = candidates(one, models().__getitem__, Context())
    assert any(c.weights.prefers for c in found) == offered


def test_without_trl_one_sentence_says_what_is_left(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert unlearnt(task()) == []
    monkeypatch.setattr(ladder, "prefers_here", lambda: False)
    assert not any(c.weights.prefers for c in candidates(task(), models().__getitem__, Context()))
    assert len(unlearnt(task())) == 1 and unlearnt(task(5)) == []
    result = climb(tmp_path, task())
    assert [n for n in result.notes if "pip install 'rung[trl]'" in n] == unlearnt(task())


def test_its_training_is_dearer_than_that_of_the_rows_alone() -> None:
    here, opened = "local/small", models()
    opened[here] = opened[MODEL]  # computes on this machine
    one = task(models=Models(to_try=(here,)))
    tools = Tools(one, ClimbOptions(models=opened))
    costs = {
        c.weights.kind: expected_cost(one, c, expected_calls(one, c, tools.chat), tools.prices)
        for c in candidates(one, tools.chat, Context())
    }
    took = {kind: cost.train_seconds + cost.train_gpu_seconds for kind, cost in costs.items()}
    assert took["dpo"] > took["lora"] > took["base"] == 0
    _, second = plan(one, _tuned(one, tools), tools.chat, tools.prices)
    assert second.candidate.weights.prefers, "where nothing is priced, less training goes first"


def _tuned(one: Task, tools: Tools) -> list[Candidate]:
    return [c for c in candidates(one, tools.chat, Context()) if c.weights.tuned]


def test_named_without_corrections_it_is_skipped_with_the_reason(tmp_path: Path) -> None:
    candidate = Candidate(model=MODEL, weights=Weights(kind="dpo"))
    options = ClimbOptions(models=models(), folder=tmp_path, candidates=(candidate,))
    (row,) = climb_task(task(0), options).candidates
    assert row.state == "skipped" and "no train row has 'rejected'" in row.reason


@pytest.mark.parametrize(
    ("output", "expected", "given", "read"),
    [
        (LabelsOutput(labels=("a", "b")), "a", "b", "b"),
        (LabelsOutput(labels=("a", "b")), "a", " a ", None),
        (LabelsOutput(labels=("a", "b")), "a", True, None),  # some other column of that name
        (LabelsOutput(labels=("a", "b")), "a", "  ", None),
        (TextOutput(), "yes", [{"role": "assistant", "content": "no"}], "no"),
        (TextOutput(), "yes", ["no"], None),
        (MultiLabelOutput(labels=("a", "b")), ["a"], ["b"], '["b"]'),
        (MultiLabelOutput(labels=("a", "b")), ["a"], ["a"], None),
        (SchemaOutput(json_schema={"type": "object"}), {"x": 1}, {"x": 2}, '{"x": 2}'),
        (SchemaOutput(json_schema={"type": "object"}), {"x": 1}, '{"x":1}', None),
        (SchemaOutput(json_schema={"type": "object"}), {"x": 1}, "no JSON", "no JSON"),
    ],
)
def test_what_a_row_s_rejected_says(output: Any, expected: Any, given: Any, read: Any) -> None:
    row = Example(id="r", input="?", expected=expected, meta={"rejected": given})
    assert rejected(output, row) == read
    right_too = read if isinstance(output, TextOutput) else given
    if right_too != "no JSON":
        assert rejected(output, row.model_copy(update={"alternatives": (right_too,)})) is None
    assert rejected(output, row.model_copy(update={"meta": {}})) is None
