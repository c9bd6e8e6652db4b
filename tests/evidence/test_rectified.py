"""What is certified of people's marks from a judge's: never more often wrong than it says."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest

from rung.evidence import sequential
from rung.evidence.rectified import Rectifier, half_as_sure


def pairs(over: int, under: int, n: int) -> Rectifier:
    """`over` answers that the judge alone calls right, `under` that people alone do, of `n`."""
    human = (0.0,) * over + (1.0,) * (n - over)
    judge = (1.0,) * over + (0.0,) * under + (1.0,) * (n - over - under)
    return Rectifier(human, judge)


@pytest.mark.lengthy
@pytest.mark.parametrize("error", [0.0125, 0.025])
@pytest.mark.parametrize("n", [12, 30])
def test_the_bound_of_the_rectifier_errs_no_more_than_it_says(n: int, error: float) -> None:
    """Exactly, over a grid of laws on -1, 0 and 1: how likely the bound lies above the mean."""
    lows = {
        (over, under): pairs(over, under, n).low(error)
        for over in range(n + 1)
        for under in range(n + 1 - over)
    }
    for over in (0.01, 0.05, 0.2, 0.5):
        for under in (0.0, 0.02, 0.1, 0.4):
            mean, rest = under - over, 1.0 - over - under
            wrong = sum(
                comb(n, a) * comb(n - a, b) * over**a * under**b * rest ** (n - a - b)
                for (a, b), low in lows.items()
                if low > mean + 1e-9
            )
            assert wrong <= error, (over, under, wrong)


def test_figures_move_by_the_bias_and_ends_by_what_is_not_known_of_it() -> None:
    lenient = pairs(10, 0, 100)
    assert lenient.mean == pytest.approx(-0.1) and lenient.value(0.9) == pytest.approx(0.8)
    assert lenient.value(0.05) == 0.0
    low, high = lenient.interval([1.0] * 90 + [0.0] * 10, 0.95)
    assert low < 0.75 < 0.85 < high
    assert lenient.low(0.01) < lenient.low(0.1) < -0.1 < lenient.high(0.1) < lenient.high(0.01)


def test_what_the_judge_is_asked_for_certifies_the_target() -> None:
    known = pairs(3, 5, 200)
    asked = known.judge_target(0.8, 0.03)
    assert asked is not None and known.certified(asked, 0.03) == pytest.approx(0.8)
    few = pairs(0, 0, 10)
    assert few.judge_target(0.8, 0.03) is None
    more = few.pairs_for(0.8, 0.03, 0.9)
    assert more is not None and pairs(0, 0, more).judge_target(0.8, 0.03) < 0.9
    assert pairs(60, 0, 60).pairs_for(0.8, 0.03, 0.9) is None
    strict = pairs(0, 100, 100).judge_target(0.5, 0.03)
    assert strict is not None and strict < 0.01


@pytest.mark.slow
@pytest.mark.parametrize(("over", "under"), [(0.1, 0.02), (0.25, 0.25)])
def test_candidates_below_the_target_seldom_pass(over: float, under: float) -> None:
    """The whole way: pairs, shifted target, looks. People's mean is just below the target."""
    rng, alpha, target, runs = np.random.default_rng(7), 0.1, 0.7, 300
    truth = target - 0.002
    wrong = covered = 0
    for _ in range(runs):
        gaps = rng.choice(3, size=80, p=[over, under, 1 - over - under])
        known = pairs(int((gaps == 0).sum()), int((gaps == 1).sum()), 80)
        scores = (rng.random(150) < truth + over - under).astype(float)
        asked = known.judge_target(target, alpha)
        if asked is not None:
            wrong += sequential(asked, alpha / 2, 150, 25).look(scores).state == "pass"
        low, high = known.interval(scores, 0.9)
        covered += low <= truth <= high
    assert wrong / runs <= alpha and covered / runs >= 0.9


def test_two_intervals_share_the_error() -> None:
    assert half_as_sure(0.95) == pytest.approx(0.975)
