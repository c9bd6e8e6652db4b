"""What did not change alarms as rarely as stated; what did is seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from rung.errors import UserError
from rung.evidence.drift import above_share, higher, mean_above, more_often, per_test, shares, shift

ALPHA, RUNS = 0.05, 120
MOST = int(binom.ppf(1 - 1e-4, RUNS, ALPHA))
"""False alarms in so many runs that only a broken test exceeds (once in 10,000)."""


def vectors(rng: np.random.Generator, n: int, moved: float = 0.0) -> np.ndarray:
    found = rng.normal(size=(n, 12)) + np.array([moved] + [0.0] * 11)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


@pytest.mark.lengthy
def test_shift_keeps_its_level() -> None:
    rng = np.random.default_rng(1)
    alarms = 0
    for run in range(RUNS):
        found = shift(vectors(rng, 60), vectors(rng, 45), seed=run)
        assert found is not None
        alarms += found.p_value <= ALPHA
    assert alarms <= MOST


def test_shift_sees_what_moved() -> None:
    rng = np.random.default_rng(2)
    found = shift(vectors(rng, 150), vectors(rng, 150, moved=1.5))
    assert found is not None and found.p_value < 1e-4 and found.effect > 0.75


def test_shift_needs_rows() -> None:
    rng = np.random.default_rng(3)
    assert shift(vectors(rng, 19), vectors(rng, 500)) is None


def test_more_directions_than_rows() -> None:
    rng = np.random.default_rng(4)
    found = shift(rng.normal(size=(24, 384)), rng.normal(size=(24, 384)))
    assert found is not None and 0 < found.p_value <= 1


def test_shares_keep_their_level_where_counts_are_small() -> None:
    rng = np.random.default_rng(5)
    chances = [0.6, 0.3, 0.06, 0.04]
    alarms = 0
    for run in range(RUNS):
        old, new = rng.multinomial(40, chances), rng.multinomial(30, chances)
        alarms += shares(list(old), list(new), ALPHA, seed=run).p_value <= ALPHA
    assert alarms <= MOST


def test_shares_see_what_moved() -> None:
    found = shares([50, 40, 10], [10, 40, 50], 0.001)
    assert found.p_value < 0.001 and found.effect == pytest.approx(0.4)
    assert shares([50, 0], [40, 0], 0.05).p_value == 1.0
    assert shares([10, 10], [10, 10], 0.05).p_value == 1.0


@settings(max_examples=12, deadline=None)
@given(st.integers(1, 10), st.integers(1, 10), st.floats(0.01, 0.99), st.floats(0.001, 0.3))
def test_fisher_keeps_its_level_exactly(n: int, m: int, rate: float, alpha: float) -> None:
    """The chance of an alarm, summed over every outcome."""
    chance = (
        sum(
            binom.pmf(a, n, rate) * binom.pmf(b, m, rate)
            for a in range(n + 1)
            for b in range(m + 1)
            if b / m > a / n and more_often(a, n, b, m).p_value <= alpha
        )
        if n * m <= 100
        else 0.0
    )
    assert chance <= alpha + 1e-9


def test_rates_and_limits() -> None:
    assert more_often(2, 100, 30, 100).p_value < 1e-6
    assert more_often(30, 100, 2, 100).p_value > 0.99
    assert above_share(20, 100, 0.05).p_value < 1e-6 and above_share(5, 100, 0.05).p_value > 0.3
    assert mean_above([2.0, 2.1, 1.9] * 20, 1.0).p_value < 1e-9
    assert mean_above([0.9, 1.1] * 20, 1.0).p_value > 0.4
    assert mean_above([2.0] * 30, 1.0).p_value == 0.0 and mean_above([1.0] * 30, 2.0).p_value == 1.0
    assert higher([0.0] * 30, [1.0] * 30).p_value < 1e-9
    assert higher([1.0] * 30, [0.0] * 30).p_value > 0.99


def test_alpha_is_shared() -> None:
    assert per_test(0.05, 8, 52) * 8 * 52 == pytest.approx(0.05)
    with pytest.raises(UserError, match="alpha is 0: give a chance"):
        per_test(0, 8, 52)
