"""Intervals of a fixed sample, and the paired comparison of two candidates.

No normal interval, no bootstrap: normal ones are far too narrow under a few hundred scores (Bowyer,
Aitchison and Ivanova, "Don't use the CLT in LLM evals with fewer than a few hundred datapoints",
ICML 2025), and on scores that are mostly alike BCa at 95 % covers 83 %. For a sample whose size was
set in advance: after an early stop `stopped_interval` and the design's `lower_bound` hold.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, betaincinv

from rung.errors import UserError
from rung.evidence.decision import Design, Scores, checked_scores
from rung.evidence.designs import sequential
from rung.evidence.gaffke import lower_bound, p_value

Floats = NDArray[np.float64]
Method = Literal["clopper-pearson", "gaffke"]

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
    """Test and interval, as `exact McNemar + gaffke`."""


def binomial_interval(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Exact two-sided interval of a proportion (Clopper and Pearson, Biometrika 26 (1934))."""
    _check(n, confidence)
    if not 0 <= successes <= n:
        raise UserError(f"{successes!r} right of {n!r} is impossible; give 0 <= right <= n.")
    tail = (1.0 - confidence) / 2.0
    low = float(betaincinv(successes, n - successes + 1, tail)) if successes else 0.0
    high = float(betaincinv(successes + 1, n - successes, 1.0 - tail)) if successes < n else 1.0
    return Interval(successes / n, low, high, confidence, n, "clopper-pearson")


def mean_interval(scores: Scores, confidence: float = 0.95) -> Interval:
    """Two-sided interval of the mean of scores in [0, 1] (`rung.evidence.gaffke`)."""
    values = checked_scores(scores, LARGEST_SAMPLE)
    _check(values.size, confidence)
    low, high = _gaffke(values, 1.0 - confidence)
    return Interval(float(values.mean()), low, high, confidence, values.size, "gaffke")


def interval(scores: Scores, confidence: float = 0.95) -> Interval:
    """The interval that fits: exact for right/wrong scores, `mean_interval` for graded ones."""
    values = checked_scores(scores, LARGEST_SAMPLE)
    right = int(np.count_nonzero(values))
    if right == np.count_nonzero(values == 1.0):
        return binomial_interval(right, values.size, confidence)
    return mean_interval(values, confidence)


def paired_comparison(first: Scores, second: Scores, confidence: float = 0.95) -> PairedComparison:
    """Compare two candidates on the same examples, in the same order.

    p-value: exact McNemar on the examples where just one is right (McNemar, Psychometrika 12
    (1947), 153-157) for right/wrong scores, else Gaffke's of the differences, as the interval.
    """
    ours = checked_scores(first, LARGEST_SAMPLE)
    theirs = checked_scores(second, LARGEST_SAMPLE)
    if ours.size != theirs.size:
        raise UserError(
            f"{ours.size!r} scores against {theirs.size!r}; compare on common examples only."
        )
    _check(ours.size, confidence)
    gap = ours - theirs
    low, high = (2.0 * end - 1.0 for end in _gaffke((gap + 1.0) / 2.0, 1.0 - confidence))
    test, p = paired_test(ours, theirs)
    method = f"{test} + gaffke"
    return PairedComparison(float(gap.mean()), low, high, p, confidence, gap.size, method)


def mcnemar_p_value(first_only: int, second_only: int) -> float:
    """Exact two-sided p-value for two counts of examples that just one candidate got right."""
    discordant = first_only + second_only
    if not discordant:
        return 1.0
    return min(1.0, 2.0 * float(bdtr(min(first_only, second_only), discordant, 0.5)))


def paired_test(ours: Floats, theirs: Floats) -> tuple[str, float]:
    """Name and two-sided p-value of the test of no difference, on scores in the same order."""
    both = np.concatenate([ours, theirs])
    if np.count_nonzero(both) == np.count_nonzero(both == 1.0):
        return "exact McNemar", mcnemar_p_value(
            int(np.count_nonzero(ours > theirs)), int(np.count_nonzero(ours < theirs))
        )
    halves = (ours - theirs + 1.0) / 2.0
    return "gaffke", min(1.0, 2.0 * min(p_value(halves, 0.5), p_value(1.0 - halves, 0.5)))


def _gaffke(values: Floats, alpha: float) -> tuple[float, float]:
    return lower_bound(values, alpha / 2.0), 1.0 - lower_bound(1.0 - values, alpha / 2.0)


def _check(n: int, confidence: float) -> None:
    if n < 1:
        raise UserError(
            "No scores (n = 0): nothing measured is not a score of 0; score some first."
        )
    if not 0.0 < confidence < 1.0:
        raise UserError(f"Confidence is {confidence!r}; give a number between 0 and 1, as 0.95.")


def stopped_interval(scores: Scores, design: Design, confidence: float) -> tuple[float, float]:
    """(low, high) of the mean of future scores; holds at any look of `design`, or at its end.

    A fixed-sample interval of whoever stopped early covers far less than it says: those who pass
    at once do so on a lucky run. Each end here is a certified bound of the same schedule at half
    the error, the upper one of the mirrored scores 1 - x.
    """
    values = np.asarray(scores, dtype=np.float64)
    graded = bool(((values != 0.0) & (values != 1.0)).any())

    def bound(seen: Scores, target: float) -> float:
        half = sequential(
            target, (1.0 - confidence) / 2, design.max_examples, design.batch, graded=graded
        )
        return half.look(seen).lower_bound

    target = min(max(design.target, 0.001), 0.999)
    return bound(values, target), 1.0 - bound(1.0 - values, 1.0 - target)


class Quantile(NamedTuple):
    """An estimate with ends that hold one by one."""

    value: float
    """Nearest rank."""
    low: float | None
    high: float | None
    """None where the sample is too small to bound it on that side."""


def quantile_bounds(sample: Sequence[float], share: float, confidence: float = 0.95) -> Quantile:
    """The quantile below which `share` of independent draws lie; each end at `confidence`.

    The k-th smallest of n is below the quantile unless fewer than k draws are, and how many are is
    Binomial(n, share): David and Nagaraja, "Order Statistics" (2003), section 7.1. Of 58 draws the
    largest does not bound the 95th percentile from above, of 59 it does. Raises `UserError` for no
    draws or a share outside (0, 1).
    """
    n = len(sample)
    if not n or not 0.0 < share < 1.0:
        raise UserError(
            f"{n!r} values and a share of {share!r}; give at least one, and 0 < share < 1."
        )
    ordered = sorted(sample)
    # P(k-th smallest > quantile) = P(fewer than k draws below it) = F(k - 1).
    chance = bdtr(np.arange(n), n, share)
    below = int(np.count_nonzero(chance <= 1.0 - confidence))
    above = int(np.count_nonzero(chance < confidence))
    return Quantile(
        ordered[math.ceil(share * n) - 1],
        ordered[below - 1] if below else None,
        ordered[above] if above < n else None,
    )
