"""A race for the recipe: each is tried for a share of the steps, and the best goes on.

Successive halving (Jamieson and Talwalkar 2016) in one step: what a short tuning scores on dev
orders recipes as the whole one would, as far as dev can tell them apart.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from rung.behaviour.trainers.base import Desk, Order, Trainer, Tuned, heats, said, sized, stated
from rung.behaviour.trainers.guard import Guarded
from rung.candidate import Weights
from rung.models.local.machine import device_seconds
from rung.project import write_whole
from rung.state import read_model
from rung.task.types import Frozen, digest

BUDGET_S = 600.0
"""Seconds of this machine that a race may take: no heat begins that would exceed them."""
FEWEST_SCORED = 40
"""Dev rows below which the loss on dev decides, and not the score."""
LEAST_GAIN = 0.1
"""By how much lower the loss of another recipe must be to beat the start: one that a race put .08
ahead ended behind it (docs/tuning.md)."""
RACES = "races"
"""Folder of what races have found, beside that of the adapters."""

Judge = Callable[[Tuned], Awaitable[tuple[float | None, Guarded | None]]]
"""Mean score on dev and general ability of a tuned model; None where nothing can be said."""


class Heat(Frozen):
    """One recipe that was tried, and what it came to."""

    learning_rate: float
    rows: int
    dev_losses: tuple[float, ...] = ()
    """Before training and after each epoch."""
    score: float | None = None
    """Mean on dev; None where the loss decides."""
    guard: Guarded | None = None
    seconds: float
    """Of this machine, for training and for asking dev."""
    train_tokens: int = 0

    @property
    def rank(self) -> tuple[bool, float, float]:
        """The larger, the better: general ability kept, then by score, then by loss."""
        kept = self.guard is None or not self.guard.lost
        return (kept, self.score or 0.0, -self.loss)

    @property
    def loss(self) -> float:
        """The lowest on dev."""
        return min(self.dev_losses, default=0.0)


class Race(Frozen):
    """What was tried so far, in the order of `heats`."""

    tried: tuple[Heat, ...] = ()

    @property
    def seconds(self) -> float:
        """Of this machine, all heats together."""
        return sum(heat.seconds for heat in self.tried)

    @property
    def train_tokens(self) -> int:
        """Read in all heats together."""
        return sum(heat.train_tokens for heat in self.tried)

    @property
    def best(self) -> Heat:
        """The first of the best ones: the start stays where nothing clearly beats it."""
        start, best = self.tried[0], max(self.tried, key=lambda heat: heat.rank)
        near = best.rank[:2] == start.rank[:2] and best.loss > (1 - LEAST_GAIN) * start.loss
        return start if near else best


async def found_recipe(
    trainer: Trainer, order: Order, desk: Desk, parameters: int | None, judge: Judge
) -> tuple[Weights, Race]:
    """The recipe that goes on, and the race that found it. Without dev rows there is none to find.

    Heats that were run are kept: a race that was killed goes on with those that are left.
    """
    start = sized(order.weights, parameters, len(order.train))
    if not order.dev:
        return start, Race()
    place = desk.folder.parent / RACES / f"{digest([order, parameters])[:20]}.json"
    race = _kept(place)
    recipes = list(heats(start))
    for number in range(len(race.tried), len(recipes)):
        longest = max((heat.seconds for heat in race.tried), default=0.0)
        if race.seconds + longest > BUDGET_S:
            break
        heard = desk.hooks.progress
        part = f"recipe {number + 1} of {len(recipes)} ({said(recipes[number])})"
        hooks = desk.hooks._replace(progress=partial(_tell, heard, part))
        heat = await _heat(trainer, order, replace(desk, hooks=hooks), recipes[number], judge)
        race = Race(tried=(*race.tried, heat))
        place.parent.mkdir(parents=True, exist_ok=True)
        write_whole(place, race.model_dump_json(indent=1) + "\n")
    best = race.best
    return stated(start, learning_rate=best.learning_rate, rows=best.rows), race


def _tell(heard: Callable[[str, float], None], part: str, stage: str, share: float) -> None:
    heard(f"{part}, {stage}", share)


async def _heat(trainer: Trainer, order: Order, desk: Desk, weights: Weights, judge: Judge) -> Heat:
    tuned = await trainer.train(order.model_copy(update={"weights": weights}), desk)
    before = device_seconds()
    score, guard = await judge(tuned)
    took = tuned.took
    return Heat(
        learning_rate=weights.learning_rate,
        rows=weights.rows,
        dev_losses=took.get("dev_losses", ()),
        score=score,
        guard=guard,
        seconds=took.get("seconds", 0.0) + device_seconds() - before,
        train_tokens=took.get("train_tokens", 0),
    )


def _kept(place: Path) -> Race:
    if not place.exists():
        return Race()
    return read_model(place, Race, "delete it and run again; what was trained is kept elsewhere")
