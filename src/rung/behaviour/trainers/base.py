"""The port of the shelf: what is to be learnt by whom, by which recipe, and what comes of it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple, Protocol

from rung.candidate import Weights
from rung.errors import StoreError
from rung.models.base import Adapter, ChatModel, Message
from rung.project import put_folder, workspace
from rung.task.types import FORMAT, Frozen, JsonValue, digest


class TuningExample(Frozen):
    """A conversation up to the answer, and the answer."""

    messages: tuple[Message, ...]
    answer: str
    rejected: str | None = None
    """An answer that was given and is wrong: what a trainer of preferences learns to avoid."""

    @property
    def turns(self) -> tuple[Message, ...]:
        """The conversation with its answer."""
        return (*self.messages, Message(role="assistant", content=self.answer))


TAG_CHARS = 20


class Order(Frozen):
    """What is trained: a base model, a recipe, the conversations."""

    model: str
    """The base model, as whoever trains it names it: `base` of `together/base`."""
    weights: Weights
    train: tuple[TuningExample, ...]
    dev: tuple[TuningExample, ...] = ()
    tokens: int = 0
    """Estimate over all epochs, prompts and answers."""
    longest: int = 0
    """Estimated tokens of the longest conversation."""
    start: Adapter | None = None
    """What a training of preferences goes on from; None: new weights."""

    @property
    def tag(self) -> str:
        """Equal model, recipe and conversations, equal tag: `rung-` and hex digits."""
        # The conversations are given whole: how many train rows were asked for buys nothing more.
        recipe = self.weights.model_copy(update={"train_size": None})
        return "rung-" + digest([FORMAT, self.model, recipe, self.train, self.dev])[:TAG_CHARS]


class Tuned(Frozen):
    """Weights of one's own: an adapter for the base model, or a model under another name."""

    adapter: Adapter | None = None
    model: str | None = None
    """As a candidate would name it; None where the base model answers, with the adapter."""
    took: dict[str, JsonValue]
    """What training took and showed, as plain data for the report."""


class Hooks(NamedTuple):
    """What the caller wants to hear and decide."""

    progress: Callable[[str, float], None] = lambda stage, share: None
    stop: Callable[[], bool] = lambda: False
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep


class Till(Protocol):
    """What a training may cost: prices and the budget, which this room does not know."""

    def price(self, model: str, tokens: int) -> Decimal | None:
        """USD by a dated list price or the user's own; None where none is known."""
        ...

    def reserve(self, usd: Decimal | None) -> None:
        """Before the order. Raises `BudgetExceeded`, or `UserError` where a budget is set and
        the price is not known."""
        ...

    def settle(self, reserved: Decimal | None, usd: Decimal | None) -> None:
        """After the end: what it cost."""
        ...

    def answers(self, tuned: str, base: str) -> None:
        """A tuned model is there to answer, and needs a price for that."""
        ...


@dataclass(frozen=True)
class Desk:
    """What a trainer works with."""

    model: ChatModel
    """The base model, without wrappers."""
    folder: Path
    """Each order is kept below it, under its content: what is done is not done again."""
    till: Till | None = None
    """Prices and the budget; without it nothing is bought."""
    hooks: Hooks = field(default_factory=Hooks)


class Trainer(Protocol):
    """Trains one base model. Opening one touches no network and loads no weights."""

    async def train(self, order: Order, desk: Desk) -> Tuned:
        """The tuned model of an order. Interrupted, it goes on when it is called again, and what
        is done is neither done nor paid for again. Equal orders give equal weights' names.

        Raises `UserError` where this model cannot be tuned, nothing is to be learnt or nobody
        pays, `BudgetExceeded` before anything is bought, `TrainingStopped` or `ProviderError`
        where `hooks.stop()` turns true.
        """
        ...


SMALL = 200_000_000
"""Parameters up to which a model takes the higher rate. At a rate that suits the model, plain LoRA
ties its variants (arXiv 2602.04998; "LoRA Without Regret", Thinking Machines, 2025): the rate and
the size of a step are what is worth finding."""
RATE_SMALL, RATE_LARGE = 2e-3, 1e-3
"""Learning rates of LoRA where none is stated (docs/tuning.md)."""
ROWS, FEWEST_ROWS = 8, 2
"""Examples a step: most, and fewest."""
MIN_STEPS = 60
"""Steps that a tuning takes at least, by fewer rows a step rather than by more epochs."""
RACE_SHARE = 0.25
"""Share of the steps that each recipe of a race takes before the best goes on."""


def sized(weights: Weights, parameters: int | None, train: int) -> Weights:
    """With the rate that suits the model's size, and rows a step so that there are `MIN_STEPS`.

    A model whose size is not known is taken for a large one.
    """
    small = parameters is not None and parameters <= SMALL
    rate = RATE_SMALL if small else RATE_LARGE
    rows = max(FEWEST_ROWS, min(ROWS, train * weights.epochs // MIN_STEPS))
    return stated(weights, learning_rate=rate, rows=rows)


PREFERENCE_RATE, PREFERENCE_EPOCHS, PREFERENCE_ROWS = 2e-4, 3, 4
"""Of learning corrections against what they replaced (docs/tuning.md)."""


def preferring(weights: Weights) -> Weights:
    """The recipe of that part of a training."""
    return stated(
        weights, learning_rate=PREFERENCE_RATE, epochs=PREFERENCE_EPOCHS, rows=PREFERENCE_ROWS
    )


def heats(start: Weights) -> Iterator[Weights]:
    """What a race tries, the start first: half and 2.5 times its rate, and other steps."""
    rate = start.learning_rate
    rows = FEWEST_ROWS if start.rows > 2 * FEWEST_ROWS else ROWS
    for change in ({}, {"learning_rate": rate / 2}, {"learning_rate": rate * 2.5}, {"rows": rows}):
        yield stated(start, **{"share": RACE_SHARE, **change})


def race_share(weights: Weights) -> float:
    """Tokens that a race reads, over those of the tuning itself; 0 where there is none."""
    return RACE_SHARE * len(list(heats(weights))) if weights.recipe == "found" else 0.0


def stated(weights: Weights, **changes: float | str) -> Weights:
    """The same weights with a recipe that nothing is left to find in."""
    return weights.model_copy(update={"recipe": "stated", **changes})


def said(weights: Weights) -> str:
    """A recipe as a reader meets it."""
    return f"rate {weights.learning_rate:g}, {weights.rows} rows a step"


@contextmanager
def whole(folder: Path, what: str) -> Iterator[Path]:
    """A new folder to put `what` was trained into: `folder` is it afterwards, or is not there.

    Raises `StoreError` where it cannot be written.
    """
    try:
        with workspace(folder) as work:
            built = work / "built"
            built.mkdir()
            yield built
            put_folder(built, folder)
    except OSError as error:
        raise StoreError(
            f"the {what} cannot be stored in {str(folder)!r}: {error}; free space there and "
            "run again"
        ) from error
