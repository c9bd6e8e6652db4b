"""What a candidate's dev answers earn it of a test split's error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.errors import UserError
from rung.evidence import chance_to_reach, dev_weight
from rung.evidence.weights import KEPT, LAST, LEAST, MOST


def answers(right: int, n: int = 40) -> list[float]:
    return [1.0] * right + [0.0] * (n - right)


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 40)), min_size=1, max_size=30))
def test_shares_of_what_is_left_never_sum_above_alpha_and_leave_something_for_all(pilots):
    left = 1.0
    for place, (n, right) in enumerate(pilots):
        waiting = len(pilots) - place - 1
        weight = dev_weight(answers(min(right, n), n), 0.8, waiting=waiting, left=left)
        assert LEAST <= weight <= LAST
        left *= 1.0 - weight
        assert left >= KEPT * waiting * 0.9 or weight == LEAST
    assert 0.0 < left < 1.0


def test_a_likely_candidate_gets_much_and_an_unlikely_one_little():
    shares = [dev_weight(answers(right), 0.8, waiting=7) for right in range(41)]
    assert shares == sorted(shares)
    assert shares[0] == LEAST and shares[28] < 0.05 < 0.6 < shares[38] <= MOST
    assert shares[34] == pytest.approx(MOST * chance_to_reach(answers(34), 0.8) ** 2)


def test_the_last_one_gets_what_a_lone_candidate_gets():
    assert dev_weight(answers(10), 0.8) == dev_weight(answers(40), 0.8) == LAST


def test_graded_scores_earn_by_their_mean_and_spread():
    sure, unsure = [0.9, 0.92, 0.88] * 10, [1.0, 1.0, 0.7] * 10
    assert dev_weight(sure, 0.85, waiting=1) > dev_weight(unsure, 0.85, waiting=1)


def test_no_score_earns_nothing():
    with pytest.raises(UserError, match="n = 0"):
        dev_weight([], 0.8, waiting=1)
