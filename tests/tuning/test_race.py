"""The race for a recipe: what it tries, what it keeps, when it ends."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from rung.behaviour.trainers import race
from rung.behaviour.trainers.base import Desk, Order, Tuned, TuningExample, heats, race_share, sized
from rung.behaviour.trainers.guard import PAIRS, Guarded, guarded
from rung.behaviour.trainers.race import found_recipe
from rung.candidate import Weights
from rung.models.base import Adapter, ChatReply, ChatRequest, Message
from rung.records import Usage
from scripted import ScriptedModel

LESSON = TuningExample(messages=(Message(role="user", content="x"),), answer="y")
SMALL = 135_000_000


class Trainer:
    """Tells of each recipe what is asked of it, and counts."""

    def __init__(
        self, seconds: float = 1.0, killed_at: int | None = None, steep: float = 100.0
    ) -> None:
        self.trained: list[Weights] = []
        self.seconds, self.killed_at, self.steep = seconds, killed_at, steep

    async def train(self, order: Order, desk: Desk) -> Tuned:
        if len(self.trained) == self.killed_at:
            raise KeyboardInterrupt
        self.trained.append(order.weights)
        took = {
            "dev_losses": [2.0, abs(order.weights.learning_rate - 5e-3) * self.steep + 0.1],
            "seconds": self.seconds,
            "train_tokens": 100,
        }
        return Tuned(took=took)


def found(folder: Path, trainer: Trainer, scores=(), dev: int = 40, lost=()):
    order = Order(
        model="m",
        weights=Weights(kind="lora", recipe="found"),
        train=(LESSON,) * 200,
        dev=(LESSON,) * dev,
    )
    desk = Desk(ScriptedModel(lambda _: "x"), folder / "adapters")
    told, guards = list(scores), list(lost)

    async def judge(tuned: Tuned) -> tuple[float | None, Guarded | None]:
        score = told.pop(0) if told else None
        lost = guards.pop(0) if guards else False
        return score, Guarded(before=0.9, after=0.7 if lost else 0.9)

    return asyncio.run(found_recipe(trainer, order, desk, SMALL, judge))


def test_the_loss_decides_where_dev_has_no_score(tmp_path):
    weights, ran = found(tmp_path, Trainer())
    assert (weights.learning_rate, weights.rows, weights.share) == (5e-3, 8, 1.0)
    assert weights.recipe == "stated" and ran.seconds >= 4 and ran.train_tokens == 400


@pytest.mark.parametrize(("steep", "rate"), [(3.0, 2e-3), (4.0, 5e-3)])  # .109 and .112 to .1
def test_a_loss_that_is_hardly_lower_beats_no_start(tmp_path, steep, rate):
    assert found(tmp_path, Trainer(steep=steep))[0].learning_rate == rate


def test_the_score_comes_before_the_loss_and_the_start_stays_where_nothing_beats_it(tmp_path):
    assert found(tmp_path / "a", Trainer(), [0.5, 0.6, 0.5, 0.5])[0].learning_rate == 1e-3
    assert found(tmp_path / "b", Trainer(), [0.5, 0.5, 0.5, 0.7])[0].rows == 2
    even, _ = found(tmp_path / "c", Trainer(), [0.7, 0.5, 0.5, 0.7])
    assert (even.learning_rate, even.rows) == (2e-3, 8)


def test_a_recipe_that_loses_general_ability_wins_nothing(tmp_path):
    weights, ran = found(
        tmp_path, Trainer(), [0.5, 0.6, 0.9, 0.5], lost=[False, False, True, False]
    )
    assert weights.learning_rate == 1e-3 and ran.tried[2].guard.lost


def test_a_race_that_was_killed_goes_on_with_what_is_left(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        found(tmp_path, Trainer(killed_at=2))
    again = Trainer()
    _, ran = found(tmp_path, again)
    assert len(again.trained) == 2 and len(ran.tried) == 4
    last = Trainer()
    assert found(tmp_path, last)[1] == ran and last.trained == []


def test_no_heat_begins_that_would_exceed_the_budget(tmp_path, monkeypatch):
    monkeypatch.setattr(race, "BUDGET_S", 25.0)
    trainer = Trainer(seconds=10.0)
    weights, ran = found(tmp_path, trainer)
    assert len(ran.tried) == 2 and weights.recipe == "stated"


def test_without_dev_there_is_nothing_to_find(tmp_path):
    trainer = Trainer()
    weights, ran = found(tmp_path, trainer, dev=0)
    assert weights.learning_rate == 2e-3 and not ran.tried and not trainer.trained


@pytest.mark.parametrize(
    ("parameters", "train", "rate", "rows"),
    [(SMALL, 400, 2e-3, 8), (SMALL, 60, 2e-3, 3), (SMALL, 10, 2e-3, 2), (500_000_000, 400, 1e-3, 8),
     (None, 400, 1e-3, 8)],
)  # fmt: skip
def test_the_start_goes_by_the_sizes_of_model_and_data(parameters, train, rate, rows):
    start = sized(Weights(kind="lora", recipe="found", epochs=3), parameters, train)
    assert (start.learning_rate, start.rows, start.recipe) == (rate, rows, "stated")


def test_a_race_tries_each_recipe_once_and_its_share_is_what_a_plan_reckons():
    start = Weights(kind="lora", learning_rate=2e-3)
    tried = list(heats(start))
    assert len({(w.learning_rate, w.rows) for w in tried}) == len(tried) == 4
    assert all(w.share == 0.25 and w.recipe == "stated" for w in tried)
    assert race_share(start) == 0
    assert race_share(start.model_copy(update={"recipe": "found"})) == 1.0


class Forgetful(ScriptedModel):
    """Has every pair right without an adapter, and one in three wrong with it."""

    def __init__(self) -> None:
        super().__init__(lambda _: "x", constrains=True)
        self.asked = 0

    async def reply(self, request: ChatRequest) -> ChatReply:
        self.asked += 1
        wrong = request.adapter is not None and self.asked % 3 == 0
        return ChatReply(text=request.choices[wrong], usage=Usage(), latency_s=0.0)


def test_the_guard_asks_before_and_after_once_and_says_what_was_lost(tmp_path):
    model = Forgetful()
    adapter = Adapter(path="a", digest="d")
    first = asyncio.run(guarded(model, adapter, tmp_path))
    assert first.before == 1.0 and first.after == pytest.approx(2 / 3, abs=0.02) and first.lost
    assert "1.00 before tuning" in first.said and "lost" in first.said
    asked = model.asked
    assert asyncio.run(guarded(model, adapter, tmp_path)) == first and model.asked == asked
    assert asyncio.run(guarded(model, None, tmp_path)) is None
    assert asyncio.run(guarded(ScriptedModel(lambda _: "x"), adapter, tmp_path)) is None


def test_the_pairs_are_sixty_and_differ_in_what_is_asked():
    assert len(PAIRS) == len(set(PAIRS)) == 60
    assert all(right != wrong for _, right, wrong in PAIRS)
