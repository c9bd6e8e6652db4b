"""Has something changed? Two samples compared, each p-value valid at the sizes at hand.

The chance of a false alarm is shared out before anything is looked at: over the checks of one look
and over the looks (`per_test`), so that a stated share of quiet years stays quiet.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rung.errors import UserError

Floats = NDArray[np.float64]
FEWEST = 20
"""Rows of either sample below which a shift is not tested."""
RIDGE = 0.1
"""Added to the variances (in units of their mean): more directions than rows."""
EXACT_PAIRS = 10_000
"""Up to so many pairs of scores without ties the rank-sum p-value is exact, beyond it is normal."""
PER_ALPHA = 20
"""Random tables drawn, in units of 1 / alpha: a p-value at alpha then rests on 20 of them."""


class TwoSamples(NamedTuple):
    """A comparison of two samples."""

    p_value: float
    effect: float
    """Named by the function: an area under the curve, a distance, a difference of rates."""
    n: int
    m: int
    method: str


def per_test(alpha: float, checks: int, looks: int) -> float:
    """The error of one test, so that `looks` looks of `checks` tests alarm falsely with chance
    alpha at most (Bonferroni: whatever depends on what)."""
    if not 0.0 < alpha < 1.0:
        raise UserError(f"alpha is {alpha!r}: give a chance between 0 and 1, such as 0.05")
    if checks < 1 or looks < 1:
        raise UserError(f"alpha cannot be shared over {checks!r} checks, {looks!r} looks")
    return alpha / (checks * looks)


def shift(reference: Floats, current: Floats, seed: int = 0) -> TwoSamples | None:
    """Are rows of `current` from elsewhere? A classifier two-sample test; None where too few.

    A linear classifier (Fisher's, ridged) is fitted on a random half of both; the other half is
    scored, and the rank-sum test asks whether `current` scores higher than `reference`
    (Lopez-Paz and Oquab, ICLR 2017). Valid for any classifier, because the halves are apart.
    `effect` is the area under the curve on the second half: 0.5 where nothing is to be seen.
    """
    if min(len(reference), len(current)) < FEWEST:
        return None
    rng = np.random.default_rng(seed)
    ours, theirs = _halves(reference, rng), _halves(current, rng)
    learnt = np.vstack([ours[0], theirs[0]])
    centred = np.vstack([h - h.mean(axis=0) for h in (ours[0], theirs[0])])
    scatter = centred.T @ centred / len(centred)
    scatter += (
        RIDGE * max(float(np.trace(scatter)) / learnt.shape[1], 1e-12) * np.eye(learnt.shape[1])
    )
    direction = np.linalg.solve(scatter, theirs[0].mean(axis=0) - ours[0].mean(axis=0))
    return higher(ours[1] @ direction, theirs[1] @ direction)


def higher(reference: Sequence[float] | Floats, current: Sequence[float] | Floats) -> TwoSamples:
    """Are values of `current` higher? One-sided rank-sum test (Mann and Whitney 1947)."""
    from scipy.stats import mannwhitneyu  # half a second to import, needed for few calls

    old, new = np.asarray(reference, dtype=float), np.asarray(current, dtype=float)
    ties = len(np.unique(np.concatenate([old, new]))) < old.size + new.size
    method = "asymptotic" if ties or old.size * new.size > EXACT_PAIRS else "exact"
    ranks = mannwhitneyu(new, old, alternative="greater", method=method)
    area = float(ranks.statistic) / (old.size * new.size)
    return TwoSamples(float(ranks.pvalue), area, old.size, new.size, f"rank-sum, {method}")


def shares(
    reference: Sequence[int], current: Sequence[int], alpha: float, seed: int = 0
) -> TwoSamples:
    """Do counts by category have other shares? `effect` is the total variation distance.

    Two categories: Fisher's exact test, two-sided. More: chi-square over random tables with these
    margins, the observed one counted among them, and therefore valid however small the counts
    (Besag and Clifford, Biometrika 78 (1991)).
    """
    table = np.array([reference, current], dtype=int)
    table = table[:, table.sum(axis=0) > 0]
    sizes = table.sum(axis=1)
    n, m = int(sizes[0]), int(sizes[1])
    if table.shape[1] < 2 or not sizes.all():
        return TwoSamples(1.0, 0.0, n, m, "one category only")
    rates = table / sizes[:, None]
    distance = float(np.abs(rates[0] - rates[1]).sum() / 2)
    if table.shape[1] == 2:
        from scipy.stats import fisher_exact

        return TwoSamples(float(fisher_exact(table).pvalue), distance, n, m, "Fisher, exact")
    p_value = _random_tables(table, alpha, seed)
    return TwoSamples(p_value, distance, n, m, "chi-square, random tables")


def _random_tables(table: NDArray[np.int_], alpha: float, seed: int) -> float:
    from scipy.stats import random_table

    sizes = table.sum(axis=1)
    expected = np.outer(sizes, table.sum(axis=0)) / table.sum()
    drawn = random_table(sizes, table.sum(axis=0)).rvs(
        size=int(np.ceil(PER_ALPHA / alpha)), random_state=np.random.default_rng(seed)
    )
    observed = ((table - expected) ** 2 / expected).sum()
    as_far = int((((drawn - expected) ** 2 / expected).sum(axis=(1, 2)) >= observed - 1e-9).sum())
    return (1 + as_far) / (1 + len(drawn))


def more_often(k_reference: int, n: int, k_current: int, m: int) -> TwoSamples:
    """Does something happen more often? Fisher's exact test, one-sided; `effect` is the difference
    of the two rates."""
    from scipy.stats import fisher_exact

    table = [[k_current, m - k_current], [k_reference, n - k_reference]]
    p_value = float(fisher_exact(table, alternative="greater").pvalue)
    return TwoSamples(p_value, k_current / m - k_reference / n, n, m, "Fisher, exact")


def above_share(k: int, m: int, share: float) -> TwoSamples:
    """Are there more than `share`? Exact binomial test, one-sided; `effect` is the excess."""
    from scipy.stats import binomtest

    p_value = float(binomtest(k, m, share, alternative="greater").pvalue)
    return TwoSamples(p_value, k / m - share, 0, m, "binomial, exact")


def mean_above(values: Sequence[float], limit: float) -> TwoSamples:
    """Is the mean above `limit`? One-sided t-test, by the central limit theorem; `effect` is the
    ratio of the mean to the limit."""
    from scipy.stats import ttest_1samp

    sample = np.asarray(values, dtype=float)
    ratio = float(sample.mean() / limit) if limit else float("inf")
    if float(np.ptp(sample)) < 1e-15:  # all the same: nothing to estimate
        return TwoSamples(float(sample[0] <= limit), ratio, 0, sample.size, "t-test")
    p_value = float(ttest_1samp(sample, limit, alternative="greater").pvalue)
    return TwoSamples(p_value, ratio, 0, sample.size, "t-test")


def _halves(rows: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    order = rng.permutation(len(rows))
    middle = len(rows) // 2
    return np.asarray(rows)[order[:middle]], np.asarray(rows)[order[middle:]]
