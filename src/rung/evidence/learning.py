"""Would more training data reach the target? A gate, not a proof.

Acts only on clear answers: below 0.05 or above 0.95, and promises nothing even then: a curve that
levels off below its target looks like a power law until it does, so the most that is said is that
the score may get there if it goes on as it went. Calibrated on simulated power laws (see
docs/statistics.md); Lin et al. 2024 (arXiv 2402.02314) report a flat "pre-power" phase on real
language models, so real curves are worse. No forecast before the first size beats the base.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rung.errors import UserError

Floats = NDArray[np.float64]
Outlook = Literal[
    "may, if the curve goes on as it went, reach", "could not plausibly reach", "cannot tell"
]

CEILINGS = np.linspace(0.02, 1.0, 99)
"""c: what infinite data would score; a grid that leaves low ones out does not cover them."""

EXPONENTS = np.linspace(0.1, 1.0, 19)
"""g: how fast the gap closes."""

GAPS = np.linspace(0.0, 0.7, 41)
"""d: the gap to the ceiling at the smallest size."""

TRAINING_NOISE = 0.01
"""Standard deviation between two trainings on equally many examples."""

HOPELESS, PROMISING = 0.05, 0.95


@dataclass(frozen=True)
class LearningPoint:
    """What `n` training examples, `factor` times the largest size tried, would score."""

    factor: float
    n: int
    chance: float
    """Posterior probability that the score reaches the target."""
    low: float
    """90 % credible interval of the score."""
    median: float
    high: float
    outlook: Outlook


@dataclass(frozen=True)
class LearningCurve:
    """Forecast of a tuned candidate with more data; no points where none can be made."""

    target: float
    points: tuple[LearningPoint, ...]
    reason: str
    """Why there is no forecast, else empty."""


def learning_curve(
    sizes: Sequence[int],
    scores: Sequence[float],
    test_sizes: Sequence[int],
    target: float,
    base: float | None = None,
    factors: Sequence[float] = (2.0, 4.0),
) -> LearningCurve:
    """Extrapolate score(n) = c - d (n / n_0)^-g over a grid posterior with flat priors.

    `scores[i]` is the mean on `test_sizes[i]` examples after training on `sizes[i]`, ascending;
    `base` is the untrained model's. Variance of a mean: p (1 - p) / m + 0.01^2. The power law:
    Hestness et al. 2017 (arXiv 1712.00409). Raises `UserError` for fewer than three sizes.
    """
    _check(sizes, scores, test_sizes)
    if base is not None and scores[0] <= base:
        reason = (
            f"{sizes[0]} examples score {scores[0]:.3f}, no better than the {base:.3f} without "
            "training: no curve to extrapolate yet"
        )
        return LearningCurve(target, (), reason)
    relative = np.asarray(sizes, dtype=np.float64) / sizes[0]
    ceiling, exponent, gap = np.meshgrid(CEILINGS, EXPONENTS, GAPS, indexing="ij")
    log_posterior = np.zeros_like(ceiling)
    for ratio, score, tested in zip(relative, scores, test_sizes, strict=True):
        fitted = ceiling - gap * ratio**-exponent
        # A fitted score of 0 or 1 has no variance of its own, and none is that sure.
        chance = np.clip(fitted, 0.005, 0.995)
        variance = chance * (1.0 - chance) / tested + TRAINING_NOISE**2
        log_posterior -= 0.5 * ((score - fitted) ** 2 / variance + np.log(variance))
    weight = np.exp(log_posterior - log_posterior.max())
    weight /= weight.sum()
    points = []
    for factor in factors:
        reached = ceiling - gap * (relative[-1] * factor) ** -exponent
        points.append(_point(factor, round(sizes[-1] * factor), reached, weight, target))
    return LearningCurve(target, tuple(points), "")


def _point(factor: float, n: int, reached: Floats, weight: Floats, target: float) -> LearningPoint:
    chance = float(weight[reached >= target].sum())
    order = np.argsort(reached, axis=None)
    mass = np.cumsum(weight.ravel()[order])
    places = np.searchsorted(mass, (0.05, 0.5, 0.95)).clip(max=mass.size - 1)
    low, median, high = (float(value) for value in reached.ravel()[order][places])
    outlook: Outlook = "cannot tell"
    if chance < HOPELESS:
        outlook = "could not plausibly reach"
    elif chance > PROMISING:
        outlook = "may, if the curve goes on as it went, reach"
    return LearningPoint(factor, n, chance, low, median, high, outlook)


def _check(sizes: Sequence[int], scores: Sequence[float], test_sizes: Sequence[int]) -> None:
    if not len(sizes) == len(scores) == len(test_sizes) or len(sizes) < 3:
        raise UserError(
            f"A learning curve has {len(sizes)!r} sizes, {len(scores)!r} scores and "
            f"{len(test_sizes)!r} test sizes; give at least three of each, equally many."
        )
    if sizes[0] < 1 or any(later <= earlier for earlier, later in pairwise(sizes)):
        raise UserError(f"Training sizes are {list(sizes)!r}; give them ascending, from 1.")
    if min(test_sizes) < 1 or not all(0.0 <= score <= 1.0 for score in scores):
        raise UserError(
            f"Scores are {list(scores)!r} on {list(test_sizes)!r} examples; "
            "give means between 0 and 1 on at least one example each."
        )
