"""Intervals of a fixed sample, and the paired comparison of two candidates.

Exact or bounded-mean methods below 200 scores, where normal intervals are far too narrow (Bowyer,
Aitchison and Ivanova, "Don't use the CLT in LLM evals with fewer than a few hundred datapoints",
ICML 2025), BCa bootstrap from 200. For a sample whose size was set in advance: after an early
stop the design's `lower_bound` is the one that holds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, betaincinv

from rung.errors import UserError
from rung.evidence.decision import Scores, checked_scores
from rung.evidence.wealth import CERTIFY_BETS, base_bet, log_wealth, running_variance

Floats = NDArray[np.float64]
Method = Literal["clopper-pearson", "betting", "bca"]

BOOTSTRAP_FROM = 200
"""Scores below which no resampling or normal interval is used."""

ENOUGH_SPREAD = 20
"""Scores that must differ from the commonest one before a bootstrap means anything."""

RESAMPLES = 9_999
TAIL_RESAMPLES = 20
"""Resamples beyond each end that a bootstrap interval needs: at an error below 0.004 it would rest
on the few most extreme ones, and no interval of it is used."""
BISECTIONS = 30
LARGEST_SAMPLE = 10_000_000


@dataclass(frozen=True)
class Interval:
    """A mean with its interval, and how it was made."""

    estimate: float
    low: float
    high: float
    confidence: float
    n: int
    method: Method


@dataclass(frozen=True)
class PairedComparison:
    """First minus second on common examples."""

    difference: float
    low: float
    high: float
    p_value: float
    """Two-sided, for no difference."""
    confidence: float
    n: int
    method: str
    """Test and interval, as `exact McNemar + bca`."""


def binomial_interval(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Exact two-sided interval of a proportion (Clopper and Pearson, Biometrika 26 (1934))."""
    _check(n, confidence)
    if not 0 <= successes <= n:
        raise UserError(f"{successes!r} right of {n!r} is impossible; give 0 <= right <= n.")
    tail = (1.0 - confidence) / 2.0
    low = float(betaincinv(successes, n - successes + 1, tail)) if successes else 0.0
    high = float(betaincinv(successes + 1, n - successes, 1.0 - tail)) if successes < n else 1.0
    return Interval(successes / n, low, high, confidence, n, "clopper-pearson")


def mean_interval(scores: Scores, confidence: float = 0.95, seed: int = 0) -> Interval:
    """Interval of the mean of scores in [0, 1], valid at every size.

    Below 200 scores a betting interval with a finite-sample promise (it depends on the order, so
    pass the fixed one), from 200 BCa bootstrap (Efron, JASA 82 (1987), 171-185) where the error is
    at least 0.004.
    """
    values = checked_scores(scores, LARGEST_SAMPLE)
    _check(values.size, confidence)
    if _may_resample(values, confidence):
        low, high = _bca(values, confidence, seed)
        return Interval(float(values.mean()), low, high, confidence, values.size, "bca")
    low, high = _betting(values, 1.0 - confidence)
    return Interval(float(values.mean()), low, high, confidence, values.size, "betting")


def interval(scores: Scores, confidence: float = 0.95, seed: int = 0) -> Interval:
    """The interval that fits: exact for right/wrong scores, `mean_interval` for graded ones."""
    values = checked_scores(scores, LARGEST_SAMPLE)
    right = int(np.count_nonzero(values))
    if right == np.count_nonzero(values == 1.0):
        return binomial_interval(right, values.size, confidence)
    return mean_interval(values, confidence, seed)


def paired_comparison(
    first: Scores, second: Scores, confidence: float = 0.95, seed: int = 0
) -> PairedComparison:
    """Compare two candidates on the same examples, in the same order.

    p-value: exact McNemar on the examples where just one is right (McNemar, Psychometrika 12
    (1947), 153-157) for right/wrong scores, else from the betting process or, from 200 scores, a
    paired t-test. Interval: BCa bootstrap from 200 pairs where the error is at least 0.004, betting
    otherwise.
    """
    ours = checked_scores(first, LARGEST_SAMPLE)
    theirs = checked_scores(second, LARGEST_SAMPLE)
    if ours.size != theirs.size:
        raise UserError(
            f"{ours.size!r} scores against {theirs.size!r}; compare on common examples only."
        )
    _check(ours.size, confidence)
    gap = ours - theirs
    resampled = _may_resample(gap, confidence)
    if resampled:
        low, high = _bca(gap, confidence, seed)
    else:
        low, high = (2.0 * end - 1.0 for end in _betting((gap + 1.0) / 2.0, 1.0 - confidence))
    test, p_value = _paired_test(ours, theirs, 1.0 - confidence, resampled)
    method = f"{test} + {'bca' if resampled else 'betting'}"
    return PairedComparison(float(gap.mean()), low, high, p_value, confidence, gap.size, method)


def mcnemar_p_value(first_only: int, second_only: int) -> float:
    """Exact two-sided p-value for two counts of examples that just one candidate got right."""
    discordant = first_only + second_only
    if not discordant:
        return 1.0
    return min(1.0, 2.0 * float(bdtr(min(first_only, second_only), discordant, 0.5)))


def _paired_test(ours: Floats, theirs: Floats, alpha: float, large: bool) -> tuple[str, float]:
    both = np.concatenate([ours, theirs])
    if np.count_nonzero(both) == np.count_nonzero(both == 1.0):
        return "exact McNemar", mcnemar_p_value(
            int(np.count_nonzero(ours > theirs)), int(np.count_nonzero(ours < theirs))
        )
    if large:
        from scipy.stats import ttest_rel  # half a second to import, needed for few calls

        return "paired t-test", float(ttest_rel(ours, theirs).pvalue)
    halves = (ours - theirs + 1.0) / 2.0
    wealth = np.logaddexp(_wealth(halves, 0.5, alpha), _wealth(1.0 - halves, 0.5, alpha))
    return "betting", min(1.0, math.exp(-float(wealth.max() - math.log(2.0))))


def _wealth(values: Floats, mean: float, alpha: float) -> Floats:
    bet = base_bet(running_variance(values, 0.5, 0.25), alpha / 2.0, values.size)
    return log_wealth(values, mean, bet, CERTIFY_BETS)


def _betting(values: Floats, alpha: float) -> tuple[float, float]:
    """Means that neither bettor has refuted at alpha / 2 (Waudby-Smith and Ramdas 2024, sec. 4)."""
    return _refuted_below(values, alpha), 1.0 - _refuted_below(1.0 - values, alpha)


def _refuted_below(values: Floats, alpha: float) -> float:
    low, high = 0.0, float(values.mean())
    for _ in range(BISECTIONS):
        middle = (low + high) / 2.0
        refuted = _wealth(values, middle, alpha).max() >= math.log(2.0 / alpha)
        low, high = (middle, high) if refuted else (low, middle)
    return low


def _bca(values: Floats, confidence: float, seed: int) -> tuple[float, float]:
    from scipy.stats import bootstrap  # half a second to import, needed for few calls

    result = bootstrap(
        (values,),
        np.mean,
        confidence_level=confidence,
        n_resamples=RESAMPLES,
        batch=500,
        method="BCa",
        rng=np.random.default_rng(seed),
    )
    return float(result.confidence_interval.low), float(result.confidence_interval.high)


def _may_resample(values: Floats, confidence: float) -> bool:
    """Whether a bootstrap of these scores can tell the ends of such an interval."""
    beyond = (1.0 - confidence) / 2.0 * RESAMPLES
    enough = values.size >= BOOTSTRAP_FROM and beyond >= TAIL_RESAMPLES
    return enough and _spread(values) >= ENOUGH_SPREAD


def _spread(values: Floats) -> int:
    """Scores that differ from the commonest value."""
    _, counts = np.unique(values, return_counts=True)
    return int(values.size - counts.max())


def _check(n: int, confidence: float) -> None:
    if n < 1:
        raise UserError(
            "No scores (n = 0): nothing measured is not a score of 0; score some first."
        )
    if not 0.0 < confidence < 1.0:
        raise UserError(f"Confidence is {confidence!r}; give a number between 0 and 1, as 0.95.")
