"""A climb buys tuning where the task allows it, within its budget, and once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rung.errors import UserError
from rung.models.base import ChatModel, ChatRequest
from rung.task.types import Models, Task
from scripted import ScriptedModel
from tuning.fake_providers import Fake
from tuning.test_hosted import make

from .tasks import EMBEDDER, LABELS, asked, by_technique, climb, label_of, label_task, model, share

BASE = "together/base-model"


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    monkeypatch.setenv("RUNG_TEST_KEY", "secret-key")
    monkeypatch.setattr("rung.behaviour.trainers.hosted.run.POLL_S", 0.0)
    provider = Fake()
    monkeypatch.setattr(
        "rung.behaviour.trainers.hosted.trainer.open_tuner", lambda _: make("together", provider)
    )
    return provider


class Opened(dict[str, ChatModel]):
    """Models in code; whatever the provider tuned knows every answer."""

    def get(self, name: str, default: Any = None) -> Any:
        if name.startswith("together/u/model-rung-"):
            return self.setdefault(name, ScriptedModel(_right, name))
        return super().get(name, default)


def _right(request: ChatRequest) -> str:
    return label_of(asked(request))


def buying_task(**parts: Any) -> Task:
    """Nobody but the tuned model knows the labels."""
    return label_task(
        train=60, models=Models(to_try=("scripted/m",), tune=(BASE,), embedder=EMBEDDER), **parts
    )


def buy(folder: Path, task: Task, **how: Any) -> Any:
    from rung.climbing.run import climb as climb_task
    from rung.climbing.tools import ClimbOptions
    from scripted import ScriptedEmbedder

    base = ScriptedModel(lambda _: LABELS[0], BASE)
    models = Opened({"scripted/m": model(share(30)), BASE: base})
    embedders = {EMBEDDER: ScriptedEmbedder()}
    return climb_task(task, ClimbOptions(models=models, embedders=embedders, folder=folder, **how))


def test_the_tuned_model_is_measured_and_kept(fake: Fake, tmp_path: Path) -> None:
    result = buy(tmp_path, buying_task())
    (row,) = by_technique(result, "fine-tuning")
    assert result.verdict.choice == row.key and row.candidate.weights.kind == "hosted"
    assert len(fake.jobs) == 1
    assert row.training["usd"] == pytest.approx(1.234)
    assert result.spent_usd >= 1.234
    assert (
        '"tuned_model": "together/u/model-rung-'
        in (tmp_path / "winner" / "solver.json").read_text()
    )


def test_it_is_bought_once_by_two_climbs(fake: Fake, tmp_path: Path) -> None:
    buy(tmp_path, buying_task())
    buy(tmp_path, buying_task(instruction="Name the item's kind."))
    assert len(fake.jobs) == 1


def test_a_budget_that_is_too_small_leaves_it_unbought(fake: Fake, tmp_path: Path) -> None:
    result = buy(tmp_path, buying_task(), budget_usd=1.0)
    assert result.verdict.stopped == "budget" and not fake.jobs


def test_nothing_is_bought_where_the_task_names_nobody(fake: Fake, tmp_path: Path) -> None:
    result = climb(label_task(train=60), tmp_path, model(share(30)))
    assert not by_technique(result, "fine-tuning") and not fake.calls


def test_a_model_that_nobody_tunes_is_named(tmp_path: Path) -> None:
    task = label_task(models=Models(to_try=("scripted/m",), tune=("anthropic/x",)))
    with pytest.raises(UserError, match="'anthropic/x', which no provider tunes"):
        climb(task, tmp_path, model())
