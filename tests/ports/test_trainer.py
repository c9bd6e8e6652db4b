"""A trainer is one file, its line on the shelf and what its weights are called: a climb tunes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest

from climbing.tasks import LABELS, MODEL, label_of, label_task
from climbing.tasks import asked as number_of
from rung.behaviour.trainers.base import Desk, Order, Tuned
from rung.behaviour.trainers.shelf import TRAINERS
from rung.candidate import WEIGHTS, Candidate, Trained, Weights
from rung.climbing.run import climb
from rung.climbing.tools import ClimbOptions
from rung.models.base import ChatModel, ChatRequest
from scripted import ScriptedModel

from .rungs import SHORT


class ByHeart:
    """Whoever it has trained knows every answer."""

    orders: ClassVar[list[Order]] = []

    def __init__(self, model: str) -> None:
        self.model = model

    async def train(self, order: Order, desk: Desk) -> Tuned:
        desk.hooks.progress("learning by heart", 1.0)
        self.orders.append(order)
        name = f"{self.model}-{order.tag}"
        assert desk.till is not None
        desk.till.answers(name, self.model)
        return Tuned(model=name, took={"seconds": 1.5})


class Opened(dict[str, ChatModel]):
    """Models in code; whatever was trained knows every answer."""

    def get(self, name: str, default: Any = None) -> Any:
        if name.startswith(f"{MODEL}-rung-"):
            return self.setdefault(name, ScriptedModel(lambda r: label_of(number_of(r)), name))
        return super().get(name, default)


def never(request: ChatRequest) -> str:
    return LABELS[(LABELS.index(label_of(number_of(request))) + 1) % 3]


def test_a_climb_tunes_with_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(TRAINERS, "by-heart", ByHeart)
    monkeypatch.setitem(WEIGHTS, "by-heart", Trained("heart"))
    candidate = Candidate(model=MODEL, prompt=SHORT, weights=Weights(kind="by-heart", epochs=1))
    models = Opened({MODEL: ScriptedModel(never, MODEL)})
    options = ClimbOptions(models=models, folder=tmp_path, candidates=(candidate,))
    result = climb(label_task(train=60), options)
    (row,) = result.candidates
    assert row.technique == "fine-tuning" and "+heart~" in row.key
    assert row.state == "pass" and row.training == {"seconds": 1.5}
    (order,) = ByHeart.orders
    assert len(order.train) == 60 and order.train[0].answer in LABELS and order.tokens > 0
    assert f'"tuned_model": "{MODEL}-{order.tag}"' in (tmp_path / "winner/solver.json").read_text()
