"""The shelf's list: who trains which kind of weights."""

from __future__ import annotations

from collections.abc import Callable

from rung.behaviour.trainers.base import Trainer
from rung.behaviour.trainers.embedded import Embedded
from rung.behaviour.trainers.hosted.trainer import Hosted

TRAINERS: dict[str, Callable[[str], Trainer]] = {"lora": Embedded, "hosted": Hosted}
"""By `Weights.kind`: given a base model's name, its trainer. Of `hosted`, each vendor's tuner."""


def open_trainer(kind: str, model: str) -> Trainer:
    """Who tunes that model so. Raises `UserError` where nobody does."""
    return TRAINERS[kind](model)
