"""The recipe of a tuning: what is taken without looking, and what a race tries.

At a rate that suits the model, plain LoRA ties its variants (arXiv 2602.04998; "LoRA Without
Regret", Thinking Machines, 2025): the rate and the size of a step are what is worth finding.
"""

from collections.abc import Iterator

from rung.candidate import Weights

SMALL = 200_000_000
"""Parameters up to which a model takes the higher rate."""
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


def heats(start: Weights) -> Iterator[Weights]:
    """What a race tries, the start first: half and 2.5 times its rate, and other steps."""
    rate = start.learning_rate
    rows = FEWEST_ROWS if start.rows > 2 * FEWEST_ROWS else ROWS
    for change in ({}, {"learning_rate": rate / 2}, {"learning_rate": rate * 2.5}, {"rows": rows}):
        yield stated(start, **{"share": RACE_SHARE, **change})


def race_share(weights: Weights) -> float:
    """Tokens that a race reads, over those of the tuning itself; 0 where there is none."""
    return RACE_SHARE * len(list(heats(weights))) if weights.recipe == "found" else 0.0


def stated(weights: Weights, **changes: float) -> Weights:
    """The same weights with a recipe that nothing is left to find in."""
    return weights.model_copy(update={"recipe": "stated", **changes})


def said(weights: Weights) -> str:
    """A recipe as a reader meets it."""
    return f"rate {weights.learning_rate:g}, {weights.rows} rows a step"
