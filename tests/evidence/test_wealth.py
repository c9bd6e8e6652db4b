"""Betting on bounded means: a fair game under the hypothesis, on every path."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.evidence import sequential
from rung.evidence.wealth import (
    CERTIFY_BETS,
    DROP_BETS,
    base_bet,
    log_wealth,
    running_variance,
)

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


@pytest.mark.parametrize("size", [150, 300])
def test_bets_and_last_test_share_alpha(size):
    design = sequential(0.8, 0.01, size, 20, graded=True)
    assert design.wealth_alpha + design.last_alpha == pytest.approx(0.01)
    assert 0 < design.wealth_alpha < 0.01


def test_the_last_test_passes_what_the_bets_leave_open():
    grades = np.random.default_rng(8).permutation(np.repeat([1.0, 0.5, 0.0], [95, 50, 5]))
    design = sequential(0.73, 0.05, 150, 37, graded=True)
    assert design.look(grades[:148]).state == "continue"
    assert design.look(grades).state == "pass" and design.look(grades).n == 150
    assert 0.73 <= design.look(grades).lower_bound < grades.mean()


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
