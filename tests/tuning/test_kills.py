"""kill -9 in the middle of a training here: begun anew and whole, never half."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from rung.behaviour.trainers.base import Hooks, Order
from rung.behaviour.trainers.shelf import open_trainer
from rung.candidate import Weights

from .test_lora import NAME, TEMPLATES, examples, model, pytestmark

__all__ = ["model", "pytestmark"]
CHILD = """
import sys
from pathlib import Path
from rung.behaviour.trainers.base import Hooks, Order
from rung.behaviour.trainers.shelf import open_trainer
from rung.models.local import open_local

order = Order.model_validate_json(sys.stdin.read())
hooks = Hooks(lambda stage, share: print(share, flush=True) if share else None)
open_trainer(order.weights.kind, order.model).run(
    open_local(order.model), order, Path(sys.argv[1]), hooks
)
"""


def order(kind: str) -> Order:
    recipe = Weights(kind=kind, epochs=40, rows=1, learning_rate=1e-4)
    return Order(model=NAME, weights=recipe, train=tuple(examples(TEMPLATES[:1])))


@pytest.mark.parametrize("kind", ["lora", "trl"])
def test_a_killed_training_is_begun_anew_and_never_half(kind, model, tmp_path):
    if kind != "lora" and find_spec("trl") is None:
        pytest.skip("the extra trl is not installed")
    folder, asked = tmp_path / "adapter", order(kind)
    env = {**os.environ, "TQDM_DISABLE": "1"}
    command = [sys.executable, "-W", "ignore", "-c", CHILD, str(folder)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": env}
    with subprocess.Popen(command, **pipes) as child:
        child.stdin.write(asked.model_dump_json())
        child.stdin.close()
        assert 0 < float(child.stdout.readline()) < 1  # in the midst of it
        child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL and not folder.exists()
    for left in tmp_path.iterdir():  # of a writer that died a while ago
        os.utime(left, (time.time() - 60,) * 2)

    short = asked.model_copy(update={"weights": asked.weights.model_copy(update={"epochs": 1})})
    done = open_trainer(kind, NAME).run(model, short, folder, Hooks())
    assert done.steps == 3 and Path(done.adapter.path) == folder
    assert [p.name for p in tmp_path.iterdir()] == ["adapter"]
    assert {p.name for p in folder.iterdir()} == {
        "adapter_config.json", "adapter_model.safetensors", "tuning.json",
    }  # fmt: skip
