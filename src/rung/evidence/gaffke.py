"""Gaffke's bound of the mean of scores in [0, 1], from a sample whose size was set in advance.

Let D be uniform on the simplex of n + 1 shares. The p-value of "the mean is at most m" is
P(sum of D_i x_i <= m), one share standing at a score of 0: Gaffke, "Three test statistics for a
nonparametric one-sided hypothesis on the mean of a nonnegative variable", Mathematical Methods of
Statistics 14 (2005), 451-467; Learned-Miller and Thomas, "A new confidence interval for the mean of
a bounded random variable" (2019). For right/wrong scores it is the exact test of Clopper and
Pearson. For others its validity at every law is conjectured, not proven: no law is known at which
it errs more often than it says, and `benchmarks/decision.py` searches a grid of two- and
three-point laws for one. It needs no seed and knows no order of the scores.

With exponential variables E in place of shares, the p-value is P(sum of E_i (x_i - m) <= 0), which
is computed exactly by Laplace inversion along the line through the saddle point (Daniels, Annals of
Mathematical Statistics 25 (1954), 631-650).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

Floats = NDArray[np.float64]

HALVINGS = 24
"""Of the way to the saddle point: any line near it gives the same area."""
FINE = SMALLEST_MEAN = 1e-7
"""Of a bound: far finer than any score."""
REACH, POINTS = 7.0, 96
"""Trapezoid rule on t = width sinh(v), v up to `REACH`: relative error of 1e-7, from 1 score on."""


def p_value(scores: Floats, mean: float) -> float:
    """p-value of "the mean is at most `mean`" from scores in [0, 1], shape (n,).

    1 where the sample itself lies below, so that only small p-values are worth reading.
    """
    mean = max(mean, SMALLEST_MEAN)
    values, counts = np.unique(scores, return_counts=True)
    gaps = np.append(values - mean, -mean)
    weights = np.append(counts, 1).astype(np.float64)
    if float(weights @ gaps) <= 0.0:
        return 1.0
    low, high = -1.0 / mean, 0.0
    for _ in range(HALVINGS):  # the saddle: where log M(s) - log(-s) is least
        middle = (low + high) / 2.0
        slope = float(weights @ (gaps / (1.0 - gaps * middle))) - 1.0 / middle
        low, high = (low, middle) if slope > 0.0 else (middle, high)
    saddle = (low + high) / 2.0
    curve = float(weights @ (gaps / (1.0 - gaps * saddle)) ** 2) + saddle**-2.0
    steps = np.linspace(0.0, REACH, POINTS)
    width = curve**-0.5
    line = saddle + 1j * width * np.sinh(steps)
    height = np.exp(-np.log1p(-np.outer(line, gaps)) @ weights) / -line
    rule = np.full(POINTS, steps[1])
    rule[0] /= 2.0
    area = float((height.real * width * np.cosh(steps)) @ rule) / np.pi
    return min(max(area, 0.0), 1.0)


def lower_bound(scores: Floats, alpha: float) -> float:
    """Largest mean that is refuted at `alpha`: a lower bound of the mean; 0 for no scores."""

    def doubt(mean: float) -> float:
        return float(np.log(max(p_value(scores, mean), np.finfo(float).tiny) / alpha))

    high = float(scores.mean()) if scores.size else 0.0
    if high <= SMALLEST_MEAN or doubt(SMALLEST_MEAN) >= 0.0 or doubt(high) <= 0.0:
        return 0.0
    root = float(brentq(doubt, SMALLEST_MEAN, high, xtol=FINE / 2.0))
    return max(0.0, root - FINE)
