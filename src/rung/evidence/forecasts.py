"""What more examples would do: before a run, and after one that could not tell.

Never the plug-in "about M more": near the target M explodes, and a candidate just below looks
like one just above. What is honest is the chance to certify, averaged over what the true mean
may be. No promise of error here; promises are the designs' business.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaincinv, betaln, gammaln, stdtr, stdtrit

from rung.errors import UserError
from rung.evidence.boundaries import critical_count
from rung.evidence.decision import Scores, checked_scores

Floats = NDArray[np.float64]

FACTORS = (1.5, 2.0, 4.0)
LARGEST = 100_000
"""Examples beyond which a forecast names no number: nobody labels that many to decide this."""

PRIOR = 0.5
"""Jeffreys prior: half a right and half a wrong answer."""


@dataclass(frozen=True)
class ForecastPoint:
    """Chance that `n` examples in all, `factor` times those seen, certify the target."""

    factor: float
    n: int
    chance: float


@dataclass(frozen=True)
class Forecast:
    """What more examples would do for a candidate that could not be certified."""

    n: int
    target: float
    points: tuple[ForecastPoint, ...]
    n_for_50: int | None
    """Examples in all for an even chance; None where no number up to 100,000 gives it."""
    n_for_80: int | None
    n_to_tell: int | None
    """Examples in all for four fifths of `ceiling`: most of the chance that there is."""
    ceiling: float
    """Chance that the true mean reaches the target: no number of examples can do better."""


def must_see(n: int, target: float, alpha: float) -> int | None:
    """Right answers of `n` that certify the target by the exact test, or None where none do."""
    needed = critical_count(n, target, alpha)
    return needed if needed <= n else None


def certifiable_mean(n: int, target: float, alpha: float, power: float = 0.9) -> float | None:
    """True mean that `n` examples certify with probability `power`; None where none does.

    The mean under which the exact test's count is reached that often (Clopper-Pearson, inverted).
    """
    needed = must_see(n, target, alpha)
    if needed is None:
        return None
    return float(betaincinv(needed, n - needed + 1, power))


def divergence(first: float, second: float) -> float:
    """Kullback-Leibler divergence of two right/wrong laws in nats, for chances inside (0, 1)."""
    return first * math.log(first / second) + (1.0 - first) * math.log(
        (1.0 - first) / (1.0 - second)
    )


def information_bound(mean: float, target: float, alpha: float, power: float = 0.9) -> float:
    """Fewest expected examples with which *any* test certifies `target` at a true `mean`.

    kl(power, alpha) / KL(mean || target): Wald, Annals of Mathematical Statistics 16 (1945),
    117-186; Kaufmann, Cappe and Garivier, JMLR 17 (2016), 1-42. Infinite at or below the target.
    """
    if mean <= target:
        return math.inf
    return divergence(power, alpha) / divergence(min(mean, 1.0 - 1e-12), target)


def forecast(
    scores: Scores, target: float, alpha: float, factors: tuple[float, ...] = FACTORS
) -> Forecast:
    """Forecast from the scores seen: exact predictive law for right/wrong, Student's for graded."""
    return _curve(_predictor(scores, target, alpha), target, factors)


def chance_to_reach(scores: Scores, target: float) -> float:
    """P(true mean >= target | scores): Jeffreys posterior for right/wrong, Student's for graded."""
    return _predictor(scores, target, alpha=0.5).ceiling()


def forecast_counts(
    successes: int, n: int, target: float, alpha: float, factors: tuple[float, ...] = FACTORS
) -> Forecast:
    """Forecast from `successes` right answers of `n`.

    P(PASS with n') = P(BetaBinomial(n' - n, s + 1/2, n - s + 1/2) >= c(n') - s), c(n') the exact
    critical count: the predictive power of Spiegelhalter, Freedman and Blackburn, Controlled
    Clinical Trials 7 (1986), 8-17.
    """
    if not 0 <= successes <= n or n < 1:
        raise UserError(
            f"{successes!r} right of {n!r} is impossible; give 0 <= right <= n, n >= 1."
        )
    return _curve(_CountPredictor(successes, n, target, alpha), target, factors)


class _CountPredictor:
    def __init__(self, successes: int, n: int, target: float, alpha: float) -> None:
        self.right, self.n, self.target, self.alpha = successes, n, target, alpha
        self.a, self.b = successes + PRIOR, n - successes + PRIOR

    def ceiling(self) -> float:
        return 1.0 - float(betainc(self.a, self.b, self.target))

    def chance(self, total: int) -> float:
        more = total - self.n
        missing = critical_count(total, self.target, self.alpha) - self.right
        if missing <= 0:
            return 1.0
        if missing > more:
            return 0.0
        count = np.arange(missing, more + 1, dtype=np.float64)
        log_pmf = (
            gammaln(more + 1)
            - gammaln(count + 1)
            - gammaln(more - count + 1)
            + betaln(count + self.a, more - count + self.b)
            - betaln(self.a, self.b)
        )
        return min(float(np.exp(log_pmf).sum()), 1.0)


class _GradedPredictor:
    """Student's predictive law of the final mean, against a t-test of all scores."""

    def __init__(self, values: Floats, target: float, alpha: float) -> None:
        self.n, self.target, self.alpha = int(values.size), target, alpha
        # One prior score at each end keeps a lucky run of equal scores from looking certain.
        padded = np.concatenate([values, [0.0, 1.0]]) if self.n < 30 else values
        self.mean = float(padded.mean())
        self.deviation = max(float(padded.std(ddof=1)), 1e-6)
        self.freedom = max(self.n - 1, 1)

    def ceiling(self) -> float:
        return self._upper_tail((self.target - self.mean) * math.sqrt(self.n) / self.deviation)

    def chance(self, total: int) -> float:
        more = total - self.n
        quantile = float(stdtrit(total - 1, 1.0 - self.alpha))
        excess = self.target + quantile * self.deviation / math.sqrt(total) - self.mean
        if more <= 0:
            return 1.0 if excess <= 0.0 else 0.0
        share = more / total
        spread = self.deviation * math.sqrt(1.0 / self.n + 1.0 / more)
        return self._upper_tail(excess / (share * spread))

    def _upper_tail(self, value: float) -> float:
        return float(stdtr(self.freedom, -value))


def _predictor(scores: Scores, target: float, alpha: float) -> _CountPredictor | _GradedPredictor:
    values = checked_scores(scores, LARGEST)
    if not values.size:
        raise UserError("No scores to forecast from (n = 0); score at least one batch first.")
    right = np.count_nonzero(values)
    if right == np.count_nonzero(values == 1.0):
        return _CountPredictor(int(right), values.size, target, alpha)
    return _GradedPredictor(values, target, alpha)


def _curve(
    predictor: _CountPredictor | _GradedPredictor, target: float, factors: tuple[float, ...]
) -> Forecast:
    points = []
    for factor in factors:
        total = max(math.ceil(predictor.n * factor - 1e-9), predictor.n)
        points.append(ForecastPoint(factor, total, predictor.chance(total)))
    return Forecast(
        predictor.n,
        target,
        tuple(points),
        _size_for(predictor, 0.5),
        _size_for(predictor, 0.8),
        _size_for(predictor, 0.8 * predictor.ceiling()),
        predictor.ceiling(),
    )


def _size_for(predictor: _CountPredictor | _GradedPredictor, chance: float) -> int | None:
    """Smallest size, to about one critical count's sawtooth, that certifies with this chance."""
    if predictor.ceiling() < chance:
        return None
    low, high = predictor.n, predictor.n
    while predictor.chance(high) < chance:
        low, high = high, high * 2
        if high > LARGEST:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if predictor.chance(middle) >= chance else (middle, high)
    return high
