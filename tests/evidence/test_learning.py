"""The learning-curve gate: what it extrapolates, and how often it is right on power laws."""

import numpy as np
import pytest

from rung.errors import UserError
from rung.evidence import learning_curve

SIZES = [50, 100, 200, 400]


def power_law(ceiling, gap, exponent, sizes=SIZES):
    return [ceiling - gap * (size / sizes[0]) ** -exponent for size in sizes]


def test_a_steep_curve_would_reach_and_a_flat_one_could_not():
    steep = learning_curve(SIZES, power_law(0.97, 0.4, 0.7), [2000] * 4, 0.88)
    assert [point.outlook for point in steep.points] == [
        "may, if the curve goes on as it went, reach"
    ] * 2
    flat = learning_curve(SIZES, power_law(0.7, 0.1, 0.8), [2000] * 4, 0.88)
    assert [point.outlook for point in flat.points] == ["could not plausibly reach"] * 2


def test_points_are_ordered_and_named():
    curve = learning_curve(SIZES, power_law(0.9, 0.3, 0.4), [200] * 4, 0.85)
    assert [(point.factor, point.n) for point in curve.points] == [(2.0, 800), (4.0, 1600)]
    for point in curve.points:
        assert point.low < point.median < point.high
        assert 0 <= point.chance <= 1
    assert curve.points[0].chance <= curve.points[1].chance


def test_the_truth_is_found_with_much_test_data():
    truth = power_law(0.92, 0.35, 0.5, [*SIZES, 1600])[-1]
    point = learning_curve(SIZES, power_law(0.92, 0.35, 0.5), [5000] * 4, 0.9).points[1]
    assert point.median == pytest.approx(truth, abs=0.02)
    assert point.low <= truth <= point.high


def test_no_forecast_before_training_beats_the_base():
    curve = learning_curve(SIZES, power_law(0.9, 0.3, 0.4), [200] * 4, 0.85, base=0.7)
    assert curve.points == ()
    assert "no better than the 0.700" in curve.reason


@pytest.mark.slow
def test_intervals_cover_and_the_gate_errs_on_the_careful_side():
    """statistics.md 3.8: 90 % intervals of a fourfold extrapolation cover 0.905 (m = 300)."""
    rng = np.random.default_rng(31)
    covered, width, sure, sure_right = [], [], 0, 0
    for _ in range(1_000):
        ceiling, gap, exponent = (
            rng.uniform(0.7, 0.98),
            rng.uniform(0.1, 0.5),
            rng.uniform(0.2, 0.9),
        )
        truth = power_law(ceiling, gap, exponent, [*SIZES, 1600])
        noisy = [rng.normal(value, 0.01) for value in truth[:4]]
        scores = [rng.binomial(300, min(max(value, 0), 1)) / 300 for value in noisy]
        point = learning_curve(SIZES, scores, [300] * 4, 0.85, factors=(4.0,)).points[0]
        covered.append(point.low <= truth[-1] <= point.high)
        width.append(point.high - point.low)
        if point.outlook.startswith("may"):
            sure += 1
            sure_right += truth[-1] >= 0.85
    assert 0.86 <= np.mean(covered) <= 0.97
    assert np.mean(width) < 0.13
    assert sure_right / sure >= 0.8


@pytest.mark.lengthy
def test_low_ceilings_are_covered_and_a_plateau_is_seldom_promised_away():
    """A ceiling below one half, and a curve that levels off where a power law would not."""
    rng = np.random.default_rng(1)

    def forecasts(truth, target):
        for _ in range(60):
            noisy = np.clip(rng.normal(truth[:4], 0.01), 0, 1)
            scores = rng.binomial(60, noisy) / 60
            yield learning_curve(SIZES, scores, [60] * 4, target, factors=(4.0,)).points[0]

    for ceiling, gap, exponent, target in ((0.3, 0.2, 0.5, 0.35), (0.45, 0.3, 0.8, 0.5)):
        truth = np.array(power_law(ceiling, gap, exponent, [*SIZES, 1600]))
        covered = [p.low <= truth[-1] <= p.high for p in forecasts(truth, target)]
        assert np.mean(covered) >= 0.85
    level = np.minimum(power_law(0.95, 0.5, 0.5, [*SIZES, 1600]), 0.7)
    assert np.mean([p.outlook.startswith("may") for p in forecasts(level, 0.75)]) <= 0.15


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (([50, 100], [0.5, 0.6], [9, 9]), "at least three"),
        (([50, 100, 200], [0.5, 0.6], [9, 9, 9]), "equally many"),
        (([50, 50, 200], [0.5, 0.6, 0.7], [9, 9, 9]), "ascending"),
        (([50, 100, 200], [0.5, 0.6, 1.7], [9, 9, 9]), "between 0 and 1"),
        (([50, 100, 200], [0.5, 0.6, 0.7], [9, 0, 9]), "at least one example"),
    ],
)
def test_impossible_input_is_explained(arguments, says):
    with pytest.raises(UserError, match=says):
        learning_curve(*arguments, target=0.8)
