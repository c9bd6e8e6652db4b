"""Gaffke's bound of the mean of scores in [0, 1], from a sample whose size was set in advance.

Let D be uniform on the simplex of n + 1 shares. The p-value of "the mean is at most m" is
P(sum of D_i x_i <= m), one share standing at a score of 0: Gaffke, "Three test statistics for a
nonparametric one-sided hypothesis on the mean of a nonnegative variable", Mathematical Methods of
Statistics 14 (2005), 451-467; Learned-Miller and Thomas, "A new confidence interval for the mean of
a bounded random variable" (2019). For right/wrong scores it is the exact test of Clopper and
Pearson. For others its validity at every law is conjectured, not proven: no law is known at which
it errs more often than it says, and `benchmarks/decision.py --only graded` computes the exact error
at a grid of two- and three-point laws. It needs no seed and knows no order of the scores.

With exponential variables E in place of shares, the p-value is P(sum of E_i (x_i - m) <= 0), which
is computed exactly by Laplace inversion along the line through the saddle point (Daniels, Annals of
Mathematical Statistics 25 (1954), 631-650).
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

Floats = NDArray[np.float64]

HALVINGS = 24
"""Any line between the poles gives the same integral: near the saddle is near enough."""
FINE = SMALLEST_MEAN = 1e-7
"""Of a bound: far finer than any score."""
REACH, POINTS = 7.0, 96
"""Trapezoid rule on t = width sinh(v), v up to `REACH`: relative error of 1e-7, from 1 score on."""
SMALLEST = 1e-300
BLOCK = 16
"""Factors multiplied before a logarithm is taken: none is so large that so many overflow."""


def p_value(scores: Floats, mean: float) -> float:
    """p-value of "the mean is at most `mean`" from scores in [0, 1], shape (n,).

    1 where the sample itself lies below, so that only small p-values are worth reading.
    """
    values, counts = np.unique(scores, return_counts=True)
    return float(p_values(values, counts[None], mean)[0])


def p_values(values: Floats, counts: NDArray[np.int64], mean: float) -> Floats:
    """`p_value` of many samples at once, shape (samples,).

    `values` are the different scores, shape (k,), `counts` how often each sample has them, shape
    (samples, k).
    """
    mean = max(mean, SMALLEST_MEAN)
    gaps = np.append(values - mean, -mean)
    every = np.concatenate([counts, np.ones((len(counts), 1))], axis=1)
    p = np.ones(len(counts))
    above = every @ gaps > 0.0
    if above.any():
        p[above] = _tails(gaps, every[above], mean)
    return p


def _tails(gaps: Floats, weights: Floats, mean: float) -> Floats:
    """P(sum of weights E gaps <= 0) for gaps (k,) and weights (samples, k) whose sum is above 0."""
    low, high = np.full(len(weights), -1.0 / mean), np.zeros(len(weights))
    for _ in range(HALVINGS):  # the saddle: where log M(s) - log(-s) is least
        middle = (low + high) / 2.0
        steep = gaps / (1.0 - np.multiply.outer(middle, gaps))
        rising = (weights * steep).sum(axis=1) - 1.0 / middle > 0.0
        low, high = np.where(rising, low, middle), np.where(rising, middle, high)
    saddle = (low + high) / 2.0
    steep = gaps / (1.0 - np.multiply.outer(saddle, gaps))
    width = ((weights * steep**2).sum(axis=1) + saddle**-2.0) ** -0.5
    steps = np.linspace(0.0, REACH, POINTS)
    line = saddle[:, None] + 1j * width[:, None] * np.sinh(steps)
    height = np.exp(-_logs(1.0 - np.multiply.outer(line, gaps), weights)) / -line
    rule = np.full(POINTS, steps[1])
    rule[0] /= 2.0
    area = (height.real * np.cosh(steps)) @ rule * width / np.pi
    tails: Floats = np.clip(area, 0.0, 1.0)
    return tails


def _logs(factors: NDArray[np.complex128], weights: Floats) -> NDArray[np.complex128]:
    """Logarithms of the products of factors (samples, points, k) to their weights (samples, k)."""
    logs: NDArray[np.complex128]
    if (weights != 1.0).any():
        logs = np.matmul(np.log(factors), weights[:, :, None])[..., 0]
    else:
        starts = np.arange(0, factors.shape[-1], BLOCK)
        logs = np.log(np.multiply.reduceat(factors, starts, axis=-1)).sum(axis=-1)
    return logs


def lower_bound(scores: Floats, alpha: float) -> float:
    """Largest mean that is refuted at `alpha`: a lower bound of the mean; 0 for no scores."""
    high = float(scores.mean()) if scores.size else 0.0
    values, counts = np.unique(scores, return_counts=True)

    def excess(mean: float) -> float:
        return math.log(max(float(p_values(values, counts[None], mean)[0]), SMALLEST) / alpha)

    if high <= FINE or excess(FINE) >= 0.0:
        return 0.0
    if excess(high) <= 0.0:
        return high
    return max(0.0, float(brentq(excess, FINE, high, xtol=FINE)) - FINE)
