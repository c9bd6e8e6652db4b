"""Agreement of a judge with people, and scores with its errors taken out."""

from __future__ import annotations

import numpy as np
import pytest

from rung.evidence.judging import agreement, cohen_kappa, prediction_powered, rogan_gladen


def test_kappa_is_that_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    rng = np.random.default_rng(1)
    human = rng.integers(0, 5, 60)
    judge = np.clip(human + rng.integers(-1, 2, 60), 0, 4)
    for one, other, weights in ((human, judge, "quadratic"), (human > 2, judge > 2, None)):
        theirs = metrics.cohen_kappa_score(one, other, weights=weights)
        assert cohen_kappa(list(one / 1.0), list(other / 1.0)) == pytest.approx(theirs)


def test_a_published_table_of_two_raters() -> None:
    """Cohen (1960), as in textbooks: 20 and 15 agreed, 5 and 10 not; kappa is 0.4."""
    human = [1.0] * 25 + [0.0] * 25
    judge = [1.0] * 20 + [0.0] * 5 + [1.0] * 10 + [0.0] * 15
    found = agreement(human, judge)
    assert found.n == 50 and found.same.value == 0.7
    assert found.kappa is not None and found.kappa.value == pytest.approx(0.4)
    assert found.kappa.low < 0.4 < found.kappa.high and found.bias == pytest.approx(0.1)


def test_one_mark_throughout_has_no_kappa() -> None:
    assert agreement([1.0] * 5, [1.0] * 5).kappa is None
    with pytest.raises(ValueError, match="equally many"):
        agreement([1.0], [])


def test_a_perfect_judge_needs_no_correction() -> None:
    marks = [1.0, 0.0] * 50
    found = rogan_gladen(marks, marks, [1.0] * 80 + [0.0] * 20)
    assert found is not None and found.value == 0.8 and found.low < 0.8 < found.high


def test_rogan_and_gladen_by_hand() -> None:
    """Sensitivity 0.9, specificity 0.8, apparent share 0.55: (0.55 + 0.8 - 1) / 0.7 = 0.5."""
    human = [1.0] * 100 + [0.0] * 100
    judge = [1.0] * 90 + [0.0] * 10 + [1.0] * 20 + [0.0] * 80
    found = rogan_gladen(human, judge, [1.0] * 55 + [0.0] * 45)
    assert found is not None and found.value == pytest.approx(0.5)
    assert rogan_gladen([1.0] * 5, [1.0] * 5, [1.0]) is None
    assert rogan_gladen([1.0, 0.0], [0.0, 1.0], [1.0]) is None


def made(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    human = (rng.random(n) < 0.6) * 1.0
    judge = np.where(rng.random(n) < 0.85, human, 1.0)
    return human, judge


def test_corrected_intervals_hold_what_they_promise() -> None:
    rng = np.random.default_rng(7)
    held = {"ppi": 0, "rg": 0}
    draws = 300
    for _ in range(draws):
        human, judge = made(rng, 120)
        _, rest = made(rng, 400)
        ppi = prediction_powered(list(human), list(judge), list(rest))
        rg = rogan_gladen(list(human), list(judge), list(rest))
        assert rg is not None
        held["ppi"] += ppi.low <= 0.6 <= ppi.high
        held["rg"] += rg.low <= 0.6 <= rg.high
    assert all(n / draws >= 0.91 for n in held.values()), held


def test_prediction_powered_is_shorter_than_the_labels_alone() -> None:
    human, judge = made(np.random.default_rng(3), 100)
    _, rest = made(np.random.default_rng(4), 2000)
    powered = prediction_powered(list(human), list(judge), list(rest))
    alone = prediction_powered(list(human), [0.5] * 100, [0.5] * 2000)
    assert powered.high - powered.low < alone.high - alone.low
    assert alone.value == pytest.approx(human.mean())
