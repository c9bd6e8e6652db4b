"""Tuning a candidate: what is learnt from, the race inside the fit, and what it is told to take."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from rung.behaviour.trainers.base import Desk, Order, Tuned
from rung.candidate import Candidate, Context, Weights
from rung.solver import Workshop, fit, tuning
from rung.task.types import Document, Example, Target, Task, TextOutput
from scripted import ScriptedModel

DOCUMENTS = tuple(
    Document(id=f"d{i}", text=f"The {word} costs {i}7 crowns. It is sold in hall {i}.")
    for i, word in enumerate(("saddle", "lamp", "chain", "pedal", "bell"))
)


def example(i: int) -> Example:
    word = DOCUMENTS[i % 5].text.split()[1]
    return Example(
        id=f"e{i}",
        input=f"What does number {i} cost, the {word}?",
        expected=f"{i % 5}7 crowns",
        context_ids=(f"d{i % 5}",),
    )


def task_of(dev: int = 40) -> Task:
    rows = [example(i) for i in range(100 + dev)]
    return Task(
        name="prices",
        instruction="Say the price.",
        output=TextOutput(max_words=3),
        target=Target(metric="exact_match", score=0.8),
        train=tuple(rows[:100]),
        dev=tuple(rows[100:]),
        documents=DOCUMENTS,
    )


class Trainer:
    def __init__(self) -> None:
        self.orders: list[Order] = []

    async def train(self, order: Order, desk: Desk) -> Tuned:
        self.orders.append(order)
        took = {
            "dev_losses": [1.0, order.weights.learning_rate],
            "seconds": 2.0,
            "train_tokens": 10,
            "weights": order.weights.model_dump(mode="json"),
        }
        return Tuned(took=took)


@pytest.fixture
def trainer(monkeypatch: pytest.MonkeyPatch) -> Trainer:
    made = Trainer()
    monkeypatch.setattr(tuning, "open_trainer", lambda kind, model: made)
    return made


def workshop(folder: Path) -> Workshop:
    model = ScriptedModel(lambda _: "07 crowns", name="m")

    def none(name: str) -> None:
        raise AssertionError(f"{name} is not asked")

    return Workshop(lambda _: model, lambda _: model, none, folder / "adapters")


def test_a_race_scores_dev_and_counts_to_what_the_training_took(trainer, tmp_path):
    candidate = Candidate(model="m", weights=Weights(kind="lora", recipe="found"))
    shop = workshop(tmp_path)
    asyncio.run(fit(candidate, task_of(), shop))
    took = shop.tuned[candidate.key].took
    assert [heat["score"] for heat in took["tried"]] == [0.2] * 4
    assert took["weights"]["learning_rate"] == 5e-4  # equal scores: the lowest loss goes on
    assert len(trainer.orders) == 5 and trainer.orders[-1].weights.share == 1.0
    assert took["seconds"] >= 10 and took["train_tokens"] == 50
    assert took["race_seconds"] == pytest.approx(took["seconds"] - 2.0)


def test_few_dev_rows_and_a_judge_leave_it_to_the_loss(trainer, tmp_path):
    candidate = Candidate(model="m", weights=Weights(kind="lora", recipe="found"))
    shop = workshop(tmp_path)
    asyncio.run(fit(candidate, task_of(dev=39), shop))
    assert all("score" not in heat for heat in shop.tuned[candidate.key].took["tried"])


def test_a_stated_recipe_is_not_raced(trainer, tmp_path):
    candidate = Candidate(model="m", weights=Weights(kind="lora"))
    asyncio.run(fit(candidate, task_of(), workshop(tmp_path)))
    (order,) = trainer.orders
    assert order.weights.recipe == "stated"


@pytest.mark.parametrize("k", [1, 3])
def test_a_reader_learns_from_passages_that_hold_the_answer_in_any_order(trainer, tmp_path, k):
    context = Context(kind="retrieved", k=k, search="lexical")
    candidate = Candidate(model="m", context=context, weights=Weights(kind="lora"))
    asyncio.run(fit(candidate, task_of(), workshop(tmp_path)))
    (order,) = trainer.orders
    places = []
    for row, lesson in zip(task_of().train, order.train, strict=True):
        read = lesson.messages[-1].content
        assert f"costs {row.expected}" in read
        told = [line for line in read.splitlines() if "crowns" in line]
        assert len(told) == k
        places.append([row.expected in line for line in told].index(True))
    assert set(places) == set(range(k))  # the answer stands anywhere
    again = Trainer()
    tuning.open_trainer = lambda kind, model: again
    asyncio.run(fit(candidate, task_of(), workshop(tmp_path)))
    assert again.orders == trainer.orders
