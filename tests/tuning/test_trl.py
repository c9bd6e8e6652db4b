"""TRL's trainer on the real embedded model: as the embedded loop, whole or not there."""

from __future__ import annotations

import json

import pytest

from rung.behaviour.trainers import TrainingStopped, TuningExample, train_lora
from rung.behaviour.trainers.base import Hooks, Order
from rung.behaviour.trainers.dpo import train_dpo
from rung.behaviour.trainers.trl import train_trl
from rung.candidate import Weights
from rung.errors import UserError
from rung.models.local import machine
from rung.models.local.machine import device

from .test_lora import CODES, NAME, TEMPLATES, answer, examples, model, pytestmark, turns

__all__ = ["model", "pytestmark"]
pytest.importorskip("trl", reason="the extra trl is not installed")
RECIPE = Weights(kind="trl", epochs=8, learning_rate=2e-3, rows=4)


def train(model, folder, rows=None, stop=lambda: False):
    train_rows = examples(TEMPLATES[:4]) if rows is None else rows
    return train_trl(
        model, (train_rows, examples(TEMPLATES[4:])), RECIPE, folder, lambda *_: None, stop
    )


def test_it_learns_what_the_embedded_loop_learns(model, tmp_path):
    long = TuningExample(messages=turns("x " * 9000), answer="a")
    done = train(model, tmp_path / "codes", [*examples(TEMPLATES[:4]), long])
    assert min(done.dev_losses[1:]) < 0.2 * done.dev_losses[0]
    assert len(done.train_losses) == done.epochs_run == len(done.dev_losses) - 1
    assert (done.left_out, done.steps) == (1, done.epochs_run * 3) and done.seconds > 0
    texts = [TEMPLATES[4].format(word) for word in CODES]
    # The form is learnt before which code belongs to which word is.
    assert set(answer(model, texts, [done.adapter] * 3)) <= set(CODES.values())
    assert not set(answer(model, texts, [None] * 3)) & set(CODES.values())
    config = json.loads((tmp_path / "codes" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == NAME
    assert train(model, tmp_path / "codes", []) == done  # what is finished is not done again
    assert [p.name for p in tmp_path.iterdir()] == ["codes"]


def test_stopped_it_leaves_nothing(model, tmp_path):
    asked = []

    def stop():
        asked.append(1)
        return len(asked) > 2

    with pytest.raises(TrainingStopped):
        train(model, tmp_path / "codes", stop=stop)
    assert list(tmp_path.iterdir()) == []


def test_memory_that_will_not_do_is_said_before_anything_is_loaded(model, tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "free_bytes", lambda: 10**9)
    with pytest.raises(
        UserError, match=rf"tuning {NAME} takes about 1.8 GB, and {device()} has 1.0"
    ):
        train(model, tmp_path / "codes")
    assert list(tmp_path.iterdir()) == []


def test_the_device_is_what_is_set(monkeypatch):
    device.cache_clear()
    monkeypatch.setenv("RUNG_DEVICE", "tpu")
    with pytest.raises(UserError, match="cpu or cuda"):
        device()
    monkeypatch.setenv("RUNG_DEVICE", "cpu")
    assert device() == "cpu"
    device.cache_clear()


def test_corrections_make_the_right_answer_likelier_than_what_they_replaced(model, tmp_path, capfd):
    codes = list(CODES.values())
    pairs = [
        e.model_copy(update={"rejected": codes[(codes.index(e.answer) + 1) % 3]})
        for e in examples(TEMPLATES[:2])
    ]
    long = pairs[0].model_copy(update={"rejected": "x " * 9000})
    first = train_lora(model, pairs, [], RECIPE.model_copy(update={"epochs": 2}), tmp_path / "a")
    order = Order(
        model=NAME,
        weights=RECIPE.model_copy(update={"kind": "dpo", "epochs": 3, "learning_rate": 1e-3}),
        train=(*pairs, long, *examples(TEMPLATES[2:3])),
        start=first.adapter,
    )
    done = train_dpo(model, order, tmp_path / "b", Hooks())
    assert (done.left_out, done.epochs_run, done.steps) == (1, 3, 6) and done.dev_losses == ()
    assert done.train_losses[0] > 0.6 > done.train_losses[-1]
    assert capfd.readouterr().out == ""  # what a climb prints is its own
    assert done.adapter.digest != first.adapter.digest
    assert not (tmp_path / "b" / "ref").exists(), "what it was measured against is not kept"
    kept = {p.name for p in (tmp_path / "b").iterdir()}
    assert kept == {p.name for p in (tmp_path / "a").iterdir()}
    assert answer(model, [TEMPLATES[4].format("parcel")], [done.adapter])
    with pytest.raises(UserError, match="has both an answer and a rejected one"):
        train_dpo(model, order.model_copy(update={"train": (long,)}), tmp_path / "c", Hooks())
