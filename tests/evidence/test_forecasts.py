"""Forecasts: the tables of the design, and calibration against what then happened."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, betabinom

from rung.errors import UserError
from rung.evidence import (
    certifiable_mean,
    forecast,
    forecast_counts,
    information_bound,
    must_see,
)


@pytest.mark.parametrize(
    ("n", "right", "true_mean"),
    [
        (50, 47, 0.965),
        (100, 90, 0.93),
        (200, 174, 0.90),
        (500, 421, 0.865),
        (1000, None, 0.846),
        (2000, None, 0.832),
    ],
)
def test_what_n_can_certify(n, right, true_mean):
    if right is not None:
        assert must_see(n, 0.8, 0.01) == right
    assert certifiable_mean(n, 0.8, 0.01) == pytest.approx(true_mean, abs=0.005)


def test_too_few_examples_certify_nothing():
    assert must_see(20, 0.8, 0.01) is None
    assert must_see(21, 0.8, 0.01) == 21
    assert certifiable_mean(20, 0.8, 0.01) is None


@pytest.mark.parametrize(
    ("target", "margin", "calls"),
    [
        (0.8, 0.01, 12_071),
        (0.8, 0.02, 2_978),
        (0.8, 0.03, 1_306),
        (0.8, 0.05, 456),
        (0.8, 0.10, 105),
        (0.9, 0.01, 6_669),
        (0.9, 0.02, 1_613),
        (0.9, 0.03, 692),
        (0.9, 0.05, 229),
    ],
)
def test_calls_to_certify_at_least(target, margin, calls):
    assert math.ceil(information_bound(target + margin, target, 0.01)) == calls


def test_nothing_certifies_a_mean_at_the_target():
    assert information_bound(0.8, 0.8, 0.01) == math.inf


@pytest.mark.lengthy
@given(st.integers(5, 200), st.floats(0.5, 1.0), st.floats(0.5, 0.95))
@settings(max_examples=40, deadline=None)
def test_count_forecast_is_the_beta_binomial_tail(n, rate, target):
    right = round(n * rate)
    found = forecast_counts(right, n, target, 0.01, factors=(2.0,))
    needed = must_see(2 * n, target, 0.01)
    expected = 0.0
    if needed is not None:
        expected = betabinom(n, right + 0.5, n - right + 0.5).sf(needed - right - 1)
    assert found.points[0].n == 2 * n
    assert found.points[0].chance == pytest.approx(expected, abs=1e-9)
    assert found.ceiling == pytest.approx(beta.sf(target, right + 0.5, n - right + 0.5), abs=1e-9)


@pytest.mark.lengthy
@given(st.integers(20, 300), st.floats(0.7, 1.0))
@settings(max_examples=30, deadline=None)
def test_sizes_for_even_and_good_chances_are_in_order(n, rate):
    found = forecast_counts(round(n * rate), n, 0.8, 0.01)
    for size, chance in ((found.n_for_50, 0.5), (found.n_for_80, 0.8)):
        if size is not None:
            again = forecast_counts(round(n * rate), n, 0.8, 0.01, factors=(size / n,))
            assert again.points[0].chance >= chance
        if found.ceiling < chance:
            assert size is None
    if found.n_for_80 is not None:
        assert found.n_for_50 <= found.n_for_80


def test_a_score_at_the_target_promises_no_number():
    found = forecast_counts(240, 300, 0.8, 0.01)
    assert (found.n_for_50, found.n_for_80) == (None, None)
    assert found.ceiling == pytest.approx(0.5, abs=0.02)
    assert all(point.chance < 0.1 for point in found.points)


def test_graded_scores_are_forecast_on_their_own_spread():
    rng = np.random.default_rng(0)
    narrow = np.clip(rng.normal(0.82, 0.05, 60), 0, 1)
    wide = np.clip(rng.normal(0.82, 0.30, 60), 0, 1)
    assert forecast(narrow, 0.8, 0.01).points[1].chance > forecast(wide, 0.8, 0.01).points[1].chance
    chances = [point.chance for point in forecast(wide, 0.8, 0.01).points]
    assert chances == sorted(chances)
    assert forecast([0.9] * 10, 0.8, 0.01).ceiling < 0.999


def test_right_and_wrong_scores_take_the_exact_path():
    scores = [1.0] * 85 + [0.0] * 15
    assert forecast(scores, 0.8, 0.01) == forecast_counts(85, 100, 0.8, 0.01)


@pytest.mark.slow
@pytest.mark.parametrize("graded", [False, True])
def test_forecasts_are_calibrated(graded):
    """Predicted against observed in bins, true means spread evenly around the target."""
    rng = np.random.default_rng(21)
    predicted, happened = [], []
    for _ in range(3_000):
        mean = rng.uniform(0.72, 0.92)
        scores = rng.random(300) < mean if not graded else rng.beta(9 * mean, 9 * (1 - mean), 300)
        scores = np.asarray(scores, dtype=float)
        first = scores[:150]
        predicted.append(forecast(first, 0.8, 0.01, factors=(2.0,)).points[0].chance)
        if graded:
            bound = scores.mean() - 2.339 * scores.std(ddof=1) / np.sqrt(300)
            happened.append(bound >= 0.8)
        else:
            happened.append(scores.sum() >= must_see(300, 0.8, 0.01))
    predicted, happened = np.array(predicted), np.array(happened)
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        within = (predicted >= low) & (predicted <= low + 0.2)
        assert within.sum() > 40
        assert predicted[within].mean() == pytest.approx(happened[within].mean(), abs=0.1)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: forecast([], 0.8, 0.01), "n = 0"),
        (lambda: forecast_counts(5, 4, 0.8, 0.01), "impossible"),
        (lambda: forecast_counts(0, 0, 0.8, 0.01), "impossible"),
    ],
)
def test_impossible_input_is_explained(call, says):
    with pytest.raises(UserError, match=says):
        call()
