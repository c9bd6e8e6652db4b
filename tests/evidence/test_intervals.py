"""Fixed-sample intervals and comparisons against scipy's own and against their coverage."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from rung.errors import UserError
from rung.evidence import binomial_interval, interval, mean_interval, paired_comparison
from rung.evidence.intervals import paired_test


@pytest.mark.lengthy
@given(st.integers(1, 300), st.floats(0, 1), st.sampled_from([0.8, 0.95, 0.99]))
@settings(max_examples=50, deadline=None)
def test_binomial_interval_is_clopper_pearson(n, share, confidence):
    right = round(n * share)
    ours = binomial_interval(right, n, confidence)
    theirs = binomtest(right, n).proportion_ci(confidence, method="exact")
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@given(st.integers(1, 100), st.integers(0, 100), st.integers(2, 9))
@settings(max_examples=50, deadline=None)
def test_more_data_at_the_same_rate_narrows(n, right, factor):
    right = min(right, n)
    small, large = binomial_interval(right, n), binomial_interval(right * factor, n * factor)
    assert large.high - large.low < small.high - small.low
    assert large.low >= small.low - 1e-12
    assert large.high <= small.high + 1e-12


@pytest.mark.parametrize("n", [12, 40])
@pytest.mark.parametrize("mean", [0.1, 0.5, 0.83])
def test_binomial_interval_covers_exactly(n, mean):
    covered = sum(
        binom.pmf(right, n, mean)
        for right in range(n + 1)
        if binomial_interval(right, n).low <= mean <= binomial_interval(right, n).high
    )
    assert covered >= 0.95


@pytest.mark.lengthy
@pytest.mark.parametrize("n", [20, 100])
@pytest.mark.parametrize("shape", [(8, 2), (0.5, 0.1), (1, 6)])
def test_small_graded_samples_are_covered(n, shape):
    rng = np.random.default_rng(7)
    mean = shape[0] / sum(shape)
    intervals = [mean_interval(rng.beta(*shape, n)) for _ in range(150)]
    assert {found.method for found in intervals} == {"gaffke"}
    assert sum(found.low <= mean <= found.high for found in intervals) >= 0.95 * 150
    assert all(0 <= found.low <= found.estimate <= found.high <= 1 for found in intervals)


def test_equal_scores_are_not_certainty():
    found = mean_interval([1.0] * 40)
    assert 0.85 < found.low < 0.96
    assert found.high == 1.0
    assert mean_interval([0.9] * 500).low < 0.9


def test_the_interval_of_many_scores_is_near_the_normal_one_and_knows_no_order():
    scores = np.random.default_rng(2).beta(8, 2, 400)
    found = mean_interval(scores)
    half = 1.96 * scores.std(ddof=1) / 20
    assert (found.low, found.high) == pytest.approx(
        (scores.mean() - half, scores.mean() + half), abs=half * 0.3
    )
    assert mean_interval(np.sort(scores)) == found


def test_interval_picks_by_the_scores():
    assert interval([1, 0, 1, 1]).method == "clopper-pearson"
    assert interval([1.0, 0.5, 0.0]).method == "gaffke"
    assert interval([0.0, 0.0]).method == "clopper-pearson"


def pairs(n, first_only, second_only):
    gap = np.repeat([1.0, -1.0, 0.0], [first_only, second_only, n - first_only - second_only])
    gap = np.random.default_rng(0).permutation(gap)
    return np.where(gap == 1, 1.0, 0.0), np.where(gap == -1, 1.0, 0.0)


@pytest.mark.parametrize("n", [120, 400])
def test_right_wrong_pairs_get_exact_mcnemar(n):
    first, second = pairs(n, 40, 12)
    found = paired_comparison(first, second)
    assert found.method == "exact McNemar + gaffke"
    assert found.p_value == pytest.approx(binomtest(40, 52).pvalue)
    assert found.difference == pytest.approx(28 / n)
    assert 0 < found.low < found.difference < found.high
    mirrored = paired_comparison(second, first)
    assert mirrored.p_value == pytest.approx(found.p_value)
    assert (mirrored.low, mirrored.high) == pytest.approx((-found.high, -found.low))


def test_pairs_without_difference_are_not_certain_to_be_equal():
    first, _ = pairs(500, 3, 1)
    same = paired_comparison(first, first)
    assert (same.difference, same.p_value) == (0.0, 1.0)
    assert same.low < 0.0 < same.high


def test_graded_pairs():
    rng = np.random.default_rng(9)
    first = rng.beta(8, 2, 300)
    second = np.clip(first - rng.normal(0.05, 0.05, 300), 0, 1)
    large = paired_comparison(first, second)
    assert large.method == "gaffke + gaffke"
    assert 0 < large.low < 0.05 < large.high + 0.02
    assert large.p_value < 1e-6
    small = paired_comparison(first[:120], second[:120])
    assert small.low < large.difference < small.high
    assert small.high - small.low > large.high - large.low


@pytest.mark.slow
def test_graded_pairs_without_difference_are_rarely_significant():
    rng = np.random.default_rng(12)
    pairs = (rng.beta(4, 1, (2, 150)) for _ in range(2000))
    found = np.array([paired_test(ours, theirs)[1] for ours, theirs in pairs])
    assert np.mean(found <= 0.05) <= 0.05  # Gaffke errs on the careful side


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: binomial_interval(1, 0), "nothing measured"),
        (lambda: binomial_interval(3, 2), "impossible"),
        (lambda: binomial_interval(1, 2, 1.0), "Confidence is 1.0"),
        (lambda: mean_interval([]), "nothing measured"),
        (lambda: interval([]), "nothing measured"),
        (lambda: interval([1.5]), "between 0 and 1"),
        (lambda: paired_comparison([1.0], [1.0, 0.0]), "common examples"),
        (lambda: paired_comparison([], []), "nothing measured"),
    ],
)
def test_impossible_input_is_explained(call, says):
    with pytest.raises(UserError, match=says):
        call()
