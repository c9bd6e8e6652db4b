"""How far a judge agrees with people, and what its scores are worth once its errors are known.

`human` and `judge` are marks in [0, 1] of the same answers. Nothing here asks a model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from rung.evidence.intervals import binomial_interval

FEWEST = 10
"""Labelled pairs under which nothing is said of agreement."""
_DRAWS = 2000
Marks = Sequence[float]
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Agreement:
    """How often and how far beyond chance a judge says what people say."""

    n: int
    same: Estimate
    """Share of equal marks; Clopper and Pearson's exact interval."""
    kappa: Estimate | None
    """Cohen's kappa (1960), quadratic weights (1968) where there are more than two marks, with a
    percentile bootstrap interval; None where one side gave a single mark throughout."""
    bias: float
    """Mean of judge minus human."""


def agreement(human: Marks, judge: Marks, confidence: float = 0.95, seed: int = 0) -> Agreement:
    """The agreement of at least one pair of marks."""
    ours, theirs = _pairs(human, judge)
    n = len(ours)
    exact = binomial_interval(int(np.isclose(ours, theirs).sum()), n, confidence)
    same = Estimate(exact.estimate, exact.low, exact.high)
    return Agreement(n, same, _kappa(ours, theirs, confidence, seed), float((theirs - ours).mean()))


def cohen_kappa(human: Marks, judge: Marks) -> float | None:
    """1 - weighted disagreement / that of chance; None where chance cannot disagree.

    Squared distance is the weight: on two marks that is the unweighted kappa.
    """
    ours, theirs = _pairs(human, judge)
    chance = float(((ours[:, None] - theirs[None, :]) ** 2).mean())
    return None if chance == 0 else 1 - float(((ours - theirs) ** 2).mean()) / chance


def prediction_powered(
    human: Marks, judged: Marks, unlabelled: Marks, confidence: float = 0.95
) -> Estimate:
    """The mean mark people would give, from the judge's marks and a labelled part.

    PPI++ (Angelopoulos, Duchi and Zrnic 2023, after Angelopoulos et al., Science 382, 2023), with
    the weight of the judge that makes the interval shortest, within [0, 1]; normal interval.
    The labelled answers must be a random part of what is scored.
    """
    ours, theirs = _pairs(human, judged)
    rest = np.asarray(unlabelled, dtype=float)
    n, more = len(ours), len(rest)
    if n < 2 or more < 2:
        raise ValueError("at least two labelled and two other marks are needed")
    spread = float(np.concatenate([theirs, rest]).var(ddof=1))
    shared = float(np.cov(ours, theirs, ddof=1)[0, 1])
    weight = min(1.0, max(0.0, shared / ((1 + n / more) * spread))) if spread else 0.0
    value = float(ours.mean() + weight * (rest.mean() - theirs.mean()))
    variance = (ours - weight * theirs).var(ddof=1) / n + weight**2 * rest.var(ddof=1) / more
    return _normal(value, float(variance), confidence)


def rogan_gladen(
    human: Marks, judged: Marks, unlabelled: Marks, confidence: float = 0.95
) -> Estimate | None:
    """The share that people would call right, from the judge's share and its error rates.

    Rogan and Gladen (1978), its variance by the delta method (Lang and Reiczigel 2014, with their
    adjusted counts). Holds for other answers than those that people labelled, as long as the judge
    errs at the same rates. None where labels of either kind are lacking or the judge does no better
    than chance.
    """
    ours, theirs = _pairs(human, judged)
    right, wrong = theirs[ours >= 0.5] >= 0.5, theirs[ours < 0.5] < 0.5
    rest = np.asarray(unlabelled, dtype=float) >= 0.5
    if not len(right) or not len(wrong) or not len(rest):
        return None
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = (rest.sum() + z * z / 2) / (len(rest) + z * z)
    caught, spared = (right.sum() + 1) / (len(right) + 2), (wrong.sum() + 1) / (len(wrong) + 2)
    power = caught + spared - 1
    if right.mean() + wrong.mean() <= 1 or power <= 0:
        return None
    value = (share + spared - 1) / power
    variance = (
        share * (1 - share) / (len(rest) + z * z)
        + value**2 * caught * (1 - caught) / (len(right) + 2)
        + (1 - value) ** 2 * spared * (1 - spared) / (len(wrong) + 2)
    ) / power**2
    middle = _normal(float(value), float(variance), confidence)
    plain = (rest.mean() + wrong.mean() - 1) / (right.mean() + wrong.mean() - 1)
    point = float(min(1.0, max(0.0, plain)))
    return Estimate(point, min(middle.low, point), max(middle.high, point))


def _kappa(ours: Array, theirs: Array, confidence: float, seed: int) -> Estimate | None:
    value = cohen_kappa(list(ours), list(theirs))
    if value is None or not np.ptp(ours) or not np.ptp(theirs):
        return None
    rng = np.random.default_rng(seed)
    draws = []
    for _ in range(_DRAWS):
        chosen = rng.integers(0, len(ours), len(ours))
        one = cohen_kappa(list(ours[chosen]), list(theirs[chosen]))
        if one is not None:
            draws.append(one)
    low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Estimate(value, min(float(low), value), max(float(high), value))


def _normal(value: float, variance: float, confidence: float) -> Estimate:
    """A normal interval cut to [0, 1]."""
    reach = NormalDist().inv_cdf((1 + confidence) / 2) * sqrt(max(0.0, variance))
    point, low, high = (min(1.0, max(0.0, x)) for x in (value, value - reach, value + reach))
    return Estimate(point, low, high)


def _pairs(human: Marks, judge: Marks) -> tuple[Array, Array]:
    ours, theirs = np.asarray(human, dtype=float), np.asarray(judge, dtype=float)
    if len(ours) != len(theirs) or not len(ours):
        raise ValueError("human and judge need equally many marks, at least one")
    return ours, theirs
