"""An order, tuners of the double, and money as the climb counts it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from rung.behaviour.trainers import TuningExample
from rung.behaviour.trainers.hosted import Hooks, HostedResult, HostedTuner, Order, tune_hosted
from rung.behaviour.trainers.hosted.fireworks import FireworksTuner
from rung.behaviour.trainers.hosted.http import Http
from rung.behaviour.trainers.hosted.openai import OpenAITuner
from rung.behaviour.trainers.hosted.together import TogetherTuner
from rung.candidate import Weights
from rung.errors import BudgetExceeded
from rung.models.base import Message

from .fake_providers import TOKENS, Fake

NAMES = ("together", "fireworks", "openai")
PAID = {"together": 1.234, "fireworks": 1.234, "openai": TOKENS * 3 / 1e6}


async def no_pause(_: float) -> None:
    pass


class TillDouble:
    """Money as the climb counts it."""

    def __init__(self, limit: str | None = None) -> None:
        self.limit = None if limit is None else Decimal(limit)
        self.reserved: list[Decimal | None] = []
        self.paid: list[Decimal | None] = []

    def price(self, model: str, tokens: int) -> Decimal | None:
        return Decimal(3) * tokens / 10**6 if model.startswith("openai/") else None

    def reserve(self, usd: Decimal | None) -> None:
        self.reserved.append(usd)
        if self.limit is not None and (usd is None or usd > self.limit):
            raise BudgetExceeded("too dear")

    def settle(self, reserved: Decimal | None, usd: Decimal | None) -> None:
        self.paid.append(usd)

    def answers(self, tuned: str, base: str) -> None:
        pass


def make(name: str, fake: Fake, wrap: Callable[[Http], Any] = lambda http: None) -> HostedTuner:
    place = "http://test/v1" if name == "openai" else "http://test"
    http = Http(place, "RUNG_TEST_KEY", no_pause, fake.transport())
    wrap(http)
    if name == "together":
        return TogetherTuner(http, no_pause)
    return FireworksTuner(http, "acme", no_pause) if name == "fireworks" else OpenAITuner(http)


def order(rows: int = 12, **recipe: Any) -> Order:
    def lesson(n: int) -> TuningExample:
        said = ("Give the code.", f"shot {n}", f"S-{n}", f"Grüße, was ist {n}?\nBitte.")
        roles = ("system", "user", "assistant", "user")
        turns = [Message(role=r, content=c) for r, c in zip(roles, said, strict=True)]  # type: ignore[arg-type]
        return TuningExample(messages=tuple(turns), answer=f"code {n}")

    recipe = {"kind": "hosted", "learning_rate": 1e-4, **recipe}
    lessons = [lesson(n) for n in range(rows)]
    return Order(
        model="base-model",
        weights=Weights.model_validate(recipe),
        train=tuple(lessons),
        dev=tuple(lessons[:10]) if rows >= 10 else (),
        tokens=1000,
    )


def run(
    tuner: HostedTuner, folder: Path, asked: Order | None = None, till: TillDouble | None = None
) -> HostedResult:
    hooks = Hooks(pause=no_pause)
    return asyncio.run(tune_hosted(tuner, asked or order(), folder, till or TillDouble(), hooks))
