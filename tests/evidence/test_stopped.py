"""Intervals that hold after an early stop, and quantiles by order statistics."""

import numpy as np
import pytest
from scipy.stats import binom

from rung.errors import UserError
from rung.evidence import quantile_bounds, sequential, stopped_interval
from rung.evidence.intervals import binomial_interval


def stops(mean: float, replicates: int, n: int = 100):
    design = sequential(0.8, 0.035, n, 25)
    rng = np.random.default_rng(5)
    for _ in range(replicates):
        scores = (rng.random(n) < mean).astype(float)
        for end in design.looks:
            seen = design.look(scores[:end])
            if seen.state != "continue":
                yield scores[:end], seen.state
                break


def test_it_covers_those_who_passed_early_where_a_fixed_sample_interval_does_not():
    design = sequential(0.8, 0.035, 100, 25)
    held, naive = [], []
    for scores, state in stops(0.85, 400):
        if state != "pass":
            continue
        low, high = stopped_interval(scores, design, 0.95)
        held.append(low <= 0.85 <= high)
        fixed = binomial_interval(int(scores.sum()), scores.size)
        naive.append(fixed.low <= 0.85 <= fixed.high)
    assert len(held) > 30
    assert np.mean(held) >= 0.95 > np.mean(naive)


@pytest.mark.lengthy
@pytest.mark.parametrize("mean", [0.6, 0.75, 0.9])
def test_it_covers_all_stops(mean):
    design = sequential(0.8, 0.035, 100, 25)
    ends = [stopped_interval(scores, design, 0.95) for scores, _ in stops(mean, 150)]
    assert np.mean([low <= mean <= high for low, high in ends]) >= 0.95
    assert all(0.0 <= low <= high <= 1.0 for low, high in ends)


def test_graded_scores_have_one_too():
    design = sequential(0.8, 0.035, 100, 25, graded=True)
    low, high = stopped_interval([0.9, 0.7, 0.8, 1.0, 0.6] * 20, design, 0.95)
    assert low < 0.8 < high


def test_the_largest_of_59_bounds_the_95th_percentile_and_of_58_it_does_not():
    assert quantile_bounds(range(58), 0.95).high is None
    found = quantile_bounds(range(59), 0.95)
    assert found.high == 58 and found.value == 56 and found.low is not None and found.low < 56
    assert quantile_bounds([3.0], 0.95) == (3.0, 3.0, None)  # 95 % of draws lie below the quantile


@pytest.mark.parametrize("n", [20, 60, 150])
def test_each_end_holds_as_often_as_it_says(n):
    """Exactly: an end is a rank, and how many of n draws lie below the quantile is binomial."""
    value, low, high = quantile_bounds(list(range(n)), 0.95)
    assert low is not None and binom.sf(low, n, 0.95) >= 0.95 > binom.sf(low + 1, n, 0.95)
    assert (high is None) == (binom.cdf(n - 1, n, 0.95) < 0.95)
    if high is not None:
        assert binom.cdf(high, n, 0.95) >= 0.95 > binom.cdf(high - 1, n, 0.95)
    draws = np.random.default_rng(6).exponential(size=n)
    ranks = [rank and int(np.sum(draws < rank)) for rank in quantile_bounds(draws.tolist(), 0.95)]
    assert ranks == [value, low, high]


@pytest.mark.parametrize(("sample", "share"), [([], 0.95), ([1.0], 1.0)])
def test_impossible_input_is_explained(sample, share):
    with pytest.raises(UserError, match="at least one"):
        quantile_bounds(sample, share)
