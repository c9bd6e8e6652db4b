"""The shelf's list: who trains which kind of weights."""

from collections.abc import Callable
from importlib.util import find_spec

from rung.behaviour.trainers.base import Trainer
from rung.behaviour.trainers.dpo import Preferences
from rung.behaviour.trainers.embedded import Embedded
from rung.behaviour.trainers.hosted.trainer import Hosted
from rung.behaviour.trainers.trl import Trl
from rung.models.local.machine import device

TRAINERS: dict[str, Callable[[str], Trainer]] = {
    "lora": Embedded,
    "trl": Trl,
    "dpo": Preferences,
    "hosted": Hosted,
}
"""By `Weights.kind`: given a base model's name, its trainer. Of `hosted`, each vendor's tuner."""


def trained_here() -> str:
    """The kind of weights that this machine trains: by TRL where a GPU and TRL are there."""
    return "trl" if device() == "cuda" and prefers_here() else "lora"


def prefers_here() -> bool:
    """Whether preferences can be trained on this machine: TRL is there."""
    return find_spec("trl") is not None


def open_trainer(kind: str, model: str) -> Trainer:
    """Who tunes that model so. Raises `UserError` where nobody does."""
    return TRAINERS[kind](model)
