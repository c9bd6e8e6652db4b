"""Gaffke's bound: exact for counts, kept by every law of a grid, the same whatever the order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betainc, betaincinv
from scipy.stats import binom

from rung.evidence.gaffke import lower_bound, p_value

graded = st.lists(st.floats(0, 1), min_size=1, max_size=40).map(np.array)


@given(st.integers(1, 400), st.floats(0.3, 1), st.floats(0.05, 0.95))
@settings(max_examples=40, deadline=None)
def test_right_and_wrong_get_the_exact_test(n, share, mean):
    right = max(1, round(share * n))
    scores = np.repeat([1.0, 0.0], [right, n - right])
    found, exact = p_value(scores, mean), float(betainc(right, n - right + 1, mean))
    assert found == pytest.approx(exact, rel=1e-5, abs=1e-12) or (found == 1.0 and exact > 0.4)


@pytest.mark.parametrize(("right", "n"), [(1, 1), (9, 10), (180, 200), (500, 500)])
def test_the_bound_of_counts_is_that_of_clopper_and_pearson(right, n):
    scores = np.repeat([0.0, 1.0], [n - right, right])
    assert lower_bound(scores, 0.01) == pytest.approx(
        betaincinv(right, n - right + 1, 0.01), abs=1e-6
    )


@pytest.mark.parametrize("n", [2, 9, 60])
def test_it_is_the_chance_that_random_shares_give_so_little(n):
    draw = np.random.default_rng(n)
    scores = draw.random(n) ** 0.3
    shares = draw.exponential(size=(100_000, n + 1))
    mean = float(np.quantile((shares[:, :n] @ scores) / shares.sum(axis=1), 0.05))
    assert p_value(scores, mean) == pytest.approx(0.05, abs=0.003)


@pytest.mark.lengthy
@given(graded, st.floats(0.05, 0.95), st.floats(0, 0.5), st.randoms())
@settings(max_examples=25, deadline=None)
def test_it_rises_with_the_mean_falls_with_the_scores_and_knows_no_order(
    scores, mean, more, random
):
    here = p_value(scores, mean)
    assert p_value(scores, min(1.0, mean + more)) >= here - 1e-6
    assert p_value(np.minimum(scores + more, 1.0), mean) <= here + 1e-6
    assert p_value(np.array(random.sample([*scores], scores.size)), mean) == here
    assert 0.0 <= lower_bound(scores, 0.05) <= scores.mean() + 1e-9


@pytest.mark.parametrize(("value", "target"), [(0.9, 0.9), (0.5, 0.8), (0.98, 0.95)])
def test_no_three_point_law_at_the_target_is_passed_too_often(value, target):
    """Exact chances, all laws on 0, `value` and 1 whose mean is the target."""
    n, alpha = 40, 0.05
    fewest = [_fewest(n, zeros, value, target, alpha) for zeros in range(n + 1)]
    for zero in np.linspace(0.0, 1.0 - target, 12):
        full = (target - value * (1.0 - zero)) / (1.0 - value)
        if not 0.0 <= full <= 1.0 - zero:
            continue
        false = sum(
            binom.pmf(zeros, n, zero) * binom.sf(need - 1, n - zeros, full / (1.0 - zero))
            for zeros, need in enumerate(fewest)
        )
        assert false <= alpha


def _fewest(n, zeros, value, target, alpha):
    """Fewest full marks that pass beside so many zeros; one more than there are where none do."""
    low, high = -1, n - zeros + 1
    while high - low > 1:
        full = (low + high) // 2
        scores = np.repeat([0.0, value, 1.0], [zeros, n - zeros - full, full])
        low, high = (low, full) if p_value(scores, target) <= alpha else (full, high)
    return high
