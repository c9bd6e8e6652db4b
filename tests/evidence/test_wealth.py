"""Betting on bounded means: a fair game under the hypothesis, on every path."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t as student

from rung.evidence import sequential
from rung.evidence.wealth import (
    CERTIFY_BETS,
    DROP_BETS,
    base_bet,
    log_wealth,
    running_variance,
)
from rung.evidence.wealth_design import fixed_lower_bound

graded = st.lists(st.floats(0, 1), min_size=1, max_size=60).map(np.array)


@pytest.mark.parametrize("mean", [0.3, 0.8, 0.95])
@pytest.mark.parametrize("bets", [CERTIFY_BETS, DROP_BETS])
def test_wealth_is_a_fair_game_at_the_hypothesis(mean, bets):
    """Every one of the 4,096 answer sequences, weighed exactly: expected wealth is 1."""
    paths = np.array(list(itertools.product([0.0, 1.0], repeat=12)))
    chance = np.prod(np.where(paths == 1.0, mean, 1.0 - mean), axis=1)
    bet = base_bet(running_variance(paths, mean, mean * (1 - mean)), 0.01, 12)
    wealth = np.exp(log_wealth(paths, mean, bet, bets))
    assert chance @ wealth == pytest.approx(np.ones(12))
    assert chance @ (wealth.max(axis=1) >= 20.0) <= 1 / 20


@given(graded, st.floats(0.05, 0.95), st.floats(0.05, 0.95))
@settings(max_examples=60, deadline=None)
def test_wealth_never_rises_with_the_mean_bet_against(scores, one, other):
    bet = base_bet(running_variance(scores, 0.5, 0.25), 0.01, 60)
    at_low = log_wealth(scores, min(one, other), bet, CERTIFY_BETS)
    at_high = log_wealth(scores, max(one, other), bet, CERTIFY_BETS)
    assert (at_high <= at_low + 1e-9).all()


@given(graded, graded)
@settings(max_examples=40, deadline=None)
def test_bets_are_predictable(scores, future):
    whole = np.concatenate([scores, future])
    known = running_variance(scores, 0.5, 0.25)
    assert running_variance(whole, 0.5, 0.25)[: scores.size] == pytest.approx(known, abs=1e-12)
    changed = scores.copy()
    changed[-1] = 1.0 - changed[-1]
    assert running_variance(changed, 0.5, 0.25) == pytest.approx(known, abs=1e-12)


def test_running_variance_approaches_the_variance():
    scores = np.random.default_rng(0).beta(4, 1, 20_000)
    assert running_variance(scores, 0.5, 0.25)[-1] == pytest.approx(scores.var(), rel=0.01)


def test_the_last_test_is_exact_for_counts_and_student_for_grades():
    right = np.repeat([1.0, 0.0], [421, 79])
    assert fixed_lower_bound(right, 0.01) >= 0.8
    assert fixed_lower_bound(np.repeat([1.0, 0.0], [420, 80]), 0.01) < 0.8
    half = np.random.default_rng(1).uniform(0, 0.4, 150)
    even = np.concatenate([0.6 - half, 0.6 + half])
    expected = 0.6 - student.ppf(0.99, 299) * even.std(ddof=1) / np.sqrt(300)
    assert fixed_lower_bound(even, 0.01) == pytest.approx(expected)
    assert fixed_lower_bound(np.full(300, 0.9), 0.01) == 0.0


def test_a_long_lower_tail_lowers_the_last_bound():
    """Mostly full marks: Student alone would certify far more than it promises."""
    marks = np.array([1.0] * 194 + [0.5] * 3 + [0.0] * 3)
    plain = marks.mean() - student.ppf(0.995, 199) * marks.std(ddof=1) / np.sqrt(200)
    assert plain > 0.945
    assert fixed_lower_bound(marks, 0.005) < 0.935
    assert fixed_lower_bound(1.0 - marks, 0.005) > 1.0 - marks.mean() - (marks.mean() - plain)


@pytest.mark.slow
@pytest.mark.parametrize("n", [200, 500])
def test_the_last_test_of_mostly_full_marks_keeps_its_level(n):
    draw = np.random.default_rng(17).random((20_000, n))
    marks = np.where(draw < 0.94, 1.0, np.where(draw < 0.96, 0.5, 0.0))
    assert (fixed_lower_bound(marks, 0.01) > 0.95).mean() <= 0.011


def test_below_200_the_bets_hold_all_of_alpha():
    assert sequential(0.8, 0.01, 199, 20, graded=True).wealth_alpha == 0.01
    assert sequential(0.8, 0.01, 200, 20, graded=True).wealth_alpha == 0.005


def test_added_examples_continue_the_bets_without_a_second_last_test():
    design = sequential(0.8, 0.01, 300, 25, graded=True)
    longer = design.extended(450)
    grades = np.random.default_rng(4).beta(8, 1.8, 450)
    grades[300:] = 1.0
    assert longer.look(grades[:275]) == design.look(grades[:275])
    assert design.look(grades[:300]).state != "pass"
    assert longer.look(grades[:300]).state == "continue"
    assert longer.look(grades).state == "pass"
    assert longer.look(grades).n > 300
    assert longer.look(grades).lower_bound >= 0.8


@pytest.mark.slow
def test_false_pass_and_wrong_drop_of_graded_scores():
    """4,000 candidates exactly at the target, then worth every example."""
    design = sequential(0.8, 0.05, 400, 25, graded=True)
    rng = np.random.default_rng(11)
    at_target = [design.look(rng.beta(6, 1.5, 400)).state for _ in range(4_000)]
    assert at_target.count("pass") / 4_000 <= 0.05
    deviation = np.sqrt(0.83 * 0.17 / 8.5)
    hoped = 0.8 + (1.645 + 1.2816) * deviation / np.sqrt(400)
    worthy = [
        design.look(rng.beta(7.5 * hoped, 7.5 * (1 - hoped), 400)).state for _ in range(4_000)
    ]
    assert worthy.count("drop") / 4_000 <= 0.1
