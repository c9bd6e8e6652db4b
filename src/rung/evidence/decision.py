"""What one look at the scores says, and the checks that every design makes on them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict

from rung.errors import UserError

Floats = NDArray[np.float64]
State = Literal["pass", "drop", "continue", "undecided"]
Scores = Sequence[float] | Floats


@dataclass(frozen=True)
class Decision:
    """One look: the state, the examples it rests on, and what is certified."""

    state: State
    """`pass`: target certified. `drop`: not worth more calls. `continue`: score the next batch.
    `undecided`: the examples ran out."""
    n: int
    """Examples that the state rests on: where a boundary was first crossed, else the last look."""
    certify: Callable[[], float] = field(repr=False, compare=False)
    """Works out the bound; kept apart because it costs milliseconds and a look microseconds."""

    @cached_property
    def lower_bound(self) -> float:
        """Highest target these scores would have passed on the same schedule, 0 where none.

        Holds with the design's error however early the run stopped.
        """
        return self.certify()


class Plan(BaseModel):
    """A frozen schedule that travels as JSON, so that a resumed run decides as the first did."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Design(Plan):
    """A plan for one candidate's scores: what to say after each look."""

    target: float
    """Mean score to certify."""
    alpha: float
    """Chance of certifying a candidate whose mean is below the target."""
    freed: float = 0.0
    """Chance that a dearer candidate's PASS left to this one, spent at the last look alone."""
    eps: float
    """Chance of dropping early a candidate that was worth all the examples."""
    max_examples: int
    batch: int

    def look(self, scores: Scores) -> Decision:
        """Decide on the complete prefix of scores so far, in the fixed order."""
        raise NotImplementedError


def checked_scores(scores: ArrayLike, limit: int, low: float = 0.0, high: float = 1.0) -> Floats:
    """Scores as a flat array, or a `UserError` for too many, missing or impossible ones."""
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 1:
        raise UserError(
            f"Scores have shape {values.shape!r}; pass one number per example, in the fixed order."
        )
    if values.size > limit:
        raise UserError(
            f"{values.size!r} scores for a design of {limit!r} examples; "
            "pass a prefix of the planned order or plan a new design."
        )
    if values.size and not (values.min() >= low and values.max() <= high):
        wrong = values[~((values >= low) & (values <= high))][0]
        raise UserError(
            f"A score is {float(wrong)!r}; scores lie between {low:g} and {high:g}. "
            "A call that failed for good counts as 0."
        )
    return values


def check_plan(target: float, alpha: float, max_examples: int, batch: int) -> None:
    """Raise a `UserError` unless these four numbers can make a design."""
    if not 0.0 < target <= 1.0:
        raise UserError(f"Target is {target!r}; give a score above 0 and at most 1.")
    if not 0.0 < alpha < 1.0:
        raise UserError(f"Alpha is {alpha!r}; give an error probability between 0 and 1.")
    if max_examples < 1:
        raise UserError(f"max_examples is {max_examples!r}; a decision needs at least 1 example.")
    if batch < 1:
        raise UserError(f"Batch is {batch!r}; score at least 1 example between two looks.")
