"""Designs for right/wrong scores: two counts per look, worked out before the first call.

Four modes, two questions. `traffic` and `fast` certify the mean of *future* inputs. `suite` asks
about exactly these N examples, and `replay` whether a plain exact test on all N would certify.
A bound of the second kind says nothing about future traffic: never show one as the other.
"""

import math
from functools import cached_property, lru_cache, partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, betaincinv, ndtri

from rung.errors import UserError
from rung.evidence.boundaries import (
    Spending,
    critical_count,
    drop_boundary,
    early_spending,
    futility_boundary,
    late_spending,
    look_schedule,
    pass_boundary,
    replay_boundary,
)
from rung.evidence.decision import Decision, Design, Scores, State, checked_scores

Mode = Literal["traffic", "fast", "replay", "suite"]
Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

GRID = 10_000
"""Certified bounds of traffic designs are rounded down to 1/GRID."""

BELOW = (1, 2, 4, 8, 16, 32, 64, 128)
"""Grid steps under a candidate bound that are checked too, because counts are whole numbers."""


class CountDesign(Design):
    """A frozen plan for right/wrong scores; `look` compares one count with two boundaries.

    In `replay` mode a false PASS has a chance of at most alpha + eps. `eps` is that of leaving
    early whom the last look would pass (`fast`: whom a mean of `hoped_mean` makes worth it).
    """

    kind: Literal["count"] = "count"
    mode: Mode
    upper: tuple[int, ...]
    """PASS at this count or more, one per look; a look's size + 1 is out of reach."""
    lower: tuple[int, ...]
    """DROP at this count or less; -1 never. At the last look: surely below the target."""

    @cached_property
    def looks(self) -> tuple[int, ...]:
        """Sample sizes at which a decision may fall."""
        return tuple(look_schedule(self.max_examples, self.batch).tolist())

    @cached_property
    def _arrays(self) -> tuple[Counts, Counts, Counts]:
        return np.array(self.looks) - 1, np.array(self.upper), np.array(self.lower)

    @property
    def needed(self) -> int | None:
        """Right answers that the last look asks for; None where no count certifies."""
        return self.upper[-1] if self.upper[-1] <= self.max_examples else None

    def look(self, scores: Scores) -> Decision:
        """Decide on the complete prefix so far, in the fixed order; scores are 0 or 1.

        The first crossing of the PASS boundary is final; a DROP stands unless someone overruled
        it, went on, and reached PASS. Raises `UserError` for graded scores.
        """
        values = self._right_or_wrong(scores)
        last_scores, upper, lower = self._arrays
        done = self._looks_within(values.size)
        counts = values.cumsum()[last_scores[:done]]
        state: State = "continue"
        index = done - 1
        passed = counts >= upper[:done]
        dropped = counts <= lower[:done]
        if passed.any():
            state, index = "pass", int(passed.argmax())
        elif dropped.any():
            state, index = "drop", int(dropped.argmax())
        elif values.size == self.max_examples:
            state = "undecided"
        n = self.looks[index] if done else 0
        return Decision(state, n, partial(self._lower_bound, counts, state == "pass"))

    def _right_or_wrong(self, scores: Scores) -> Floats:
        values = np.asarray(scores, dtype=np.float64)
        # One cheap test finds every kind of wrong input; only then is it worth saying which.
        binary = np.count_nonzero(values) == np.count_nonzero(values == 1.0)
        if binary and values.ndim == 1 and values.size <= self.max_examples:
            return values
        values = checked_scores(values, self.max_examples)
        graded = float(values[(values != 0.0) & (values != 1.0)][0])
        raise UserError(
            f"A score is {graded!r}; this design is for right (1) and wrong (0) only. "
            "Plan graded scores with sequential(..., graded=True)."
        )

    def _looks_within(self, size: int) -> int:
        return len(self.upper) if size == self.max_examples else size // self.batch

    def _lower_bound(self, counts: Counts, passed: bool) -> float:
        if self.mode in ("suite", "replay"):
            return self._full_run_bound(counts)
        low = math.floor(self.target * GRID) if passed else 0
        high = GRID if passed else math.ceil(self.target * GRID)
        step = _highest_passing(self, counts, low, high)
        return max(self.target, step / GRID) if passed else step / GRID

    def _full_run_bound(self, counts: Counts) -> float:
        """Highest final count foretold by these looks, as a mean (suite) or as its exact bound."""
        looks = look_schedule(self.max_examples, self.batch)
        error = self.alpha if self.mode == "suite" else self.eps
        low, high = 0, self.max_examples + 1
        while high - low > 1:
            middle = (low + high) // 2
            reached = counts >= replay_boundary(looks, middle, error)[: counts.size]
            low, high = (middle, high) if reached.any() else (low, middle)
        if self.mode == "suite" or low == 0:
            return low / self.max_examples
        # Clopper-Pearson: the mean under which `low` or more of N has probability alpha.
        return float(betaincinv(low, self.max_examples - low + 1, self.alpha))


def count_design(
    target: float,
    alpha: float,
    max_examples: int,
    batch: int,
    mode: Mode,
    eps: float,
    freed: float = 0.0,
) -> CountDesign:
    """Work out both boundaries for checked arguments; milliseconds, before the first call."""
    looks = look_schedule(max_examples, batch)
    if mode in ("suite", "replay"):
        error = alpha if mode == "suite" else eps
        needed = (
            math.ceil(max_examples * target - 1e-9)
            if mode == "suite"
            else critical_count(max_examples, target, alpha)
        )
        upper = replay_boundary(looks, needed, error)
        lower = drop_boundary(looks, needed, eps, upper)
    else:
        upper = pass_boundary(looks, target, alpha, _spending(mode), freed)
        if mode == "fast":
            hoped = hoped_mean(target, alpha, max_examples, eps)
            lower = futility_boundary(looks, hoped, eps, upper)
        else:
            lower = drop_boundary(looks, int(upper[-1]), eps, upper)
    last = int(upper[-1]) - 1 if mode == "suite" else surely_below(max_examples, target, eps)
    lower[-1] = min(last, int(upper[-1]) - 1)
    return CountDesign(
        mode=mode,
        target=target,
        alpha=alpha,
        freed=freed,
        eps=eps,
        max_examples=max_examples,
        batch=batch,
        upper=tuple(upper.tolist()),
        lower=tuple(lower.tolist()),
    )


def hoped_mean(target: float, alpha: float, max_examples: int, beta: float) -> float:
    """Mean that all N examples would certify with probability about 1 - beta.

    target + (z_alpha + z_beta) sd / sqrt(N): the least margin worth searching for with N examples.
    """
    deviation = math.sqrt(target * (1.0 - target) / max_examples)
    return min(target - float(ndtri(alpha) + ndtri(beta)) * deviation, 1.0 - 1e-9)


def surely_below(examples: int, target: float, level: float) -> int:
    """Largest count at which the exact test rejects "mean >= target" at `level`, or -1."""
    low, high = -1, examples
    while low < high:
        middle = (low + high + 1) // 2
        rejected = float(bdtr(middle, examples, target)) <= level
        low, high = (middle, high) if rejected else (low, middle - 1)
    return low


def _spending(mode: Mode) -> Spending:
    return early_spending if mode == "fast" else late_spending


@lru_cache(maxsize=1024)
def _upper_at(
    mode: Mode, step: int, alpha: float, freed: float, max_examples: int, batch: int
) -> Counts:
    looks = look_schedule(max_examples, batch)
    return pass_boundary(looks, step / GRID, alpha, _spending(mode), freed)


def _highest_passing(design: CountDesign, counts: Counts, low: int, high: int) -> int:
    """Largest grid step whose own PASS boundary these counts cross, by bisection.

    Whole counts can make a boundary dip by one as the target rises, so targets a little lower are
    checked too and the bound falls back to the lowest one that would not have passed.
    """

    def passes(step: int) -> bool:
        if step <= 0:
            return True
        error = design.alpha, design.freed
        upper = _upper_at(design.mode, step, *error, design.max_examples, design.batch)
        return bool((counts >= upper[: counts.size]).any())

    floor = low
    while True:
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if passes(middle) else (low, middle)
        failing = [low - gap for gap in BELOW if low - gap > floor and not passes(low - gap)]
        if not failing:
            return low
        low, high = floor, min(failing)
