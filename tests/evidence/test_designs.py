"""Looks, verdicts and certified bounds of every kind of design."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from rung.errors import UserError
from rung.evidence import non_inferiority, sequential

MODES = ["traffic", "fast", "replay", "suite"]
ANY_DESIGN = [
    *(sequential(0.8, 0.01, 120, 20, mode=mode) for mode in MODES),
    sequential(0.8, 0.01, 120, 20, graded=True),
    sequential(0.8, 0.01, 240, 20, graded=True),
]
binary = st.lists(st.sampled_from([0.0, 1.0]), max_size=120)
mostly_right = st.tuples(st.integers(0, 2**32 - 1), st.floats(0.4, 1.0)).map(
    lambda pair: (np.random.default_rng(pair[0]).random(120) < pair[1]).astype(float).tolist()
)


def first_stop(design, scores):
    """What a run does that looks after every batch and stops at the first verdict."""
    for end in (*range(20, len(scores) + 1, 20), len(scores)):
        decision = design.look(scores[:end])
        if decision.state != "continue":
            return decision
    return decision


@pytest.mark.parametrize("design", ANY_DESIGN, ids=lambda d: f"{d.kind}-{d.max_examples}")
@given(scores=mostly_right, cut=st.integers(0, 120))
@settings(max_examples=25, deadline=None)
def test_a_resumed_run_decides_the_same(design, scores, cut):
    stopped = first_stop(design, scores)
    resumed = type(design).model_validate_json(design.model_dump_json())
    assert resumed == design
    assert first_stop(resumed, scores) == stopped
    # Answers that came in ahead of the look change nothing either, short of overruling a DROP.
    longer = resumed.look(scores[: max(cut, stopped.n)])
    if stopped.state == "pass" or longer.state != "pass":
        assert (longer.state, longer.n) == (stopped.state, stopped.n) or (
            stopped.state == "continue"
        )


@pytest.mark.parametrize("mode", MODES)
@given(scores=mostly_right, seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_the_order_within_a_batch_does_not_matter(mode, scores, seed):
    design = sequential(0.8, 0.01, 120, 20, mode=mode)
    rng = np.random.default_rng(seed)
    batches = [rng.permutation(scores[start : start + 20]) for start in range(0, 120, 20)]
    mixed = np.concatenate(batches)
    for end in range(20, 121, 20):
        assert design.look(mixed[:end]) == design.look(scores[:end])
    assert design.look(mixed).lower_bound == design.look(scores).lower_bound


@pytest.mark.lengthy
@pytest.mark.parametrize("design", ANY_DESIGN, ids=lambda d: f"{d.kind}-{d.max_examples}")
@given(scores=mostly_right)
@settings(max_examples=10, deadline=None)
def test_more_examples_never_lower_a_certified_bound(design, scores):
    bounds = [design.look(scores[:end]).lower_bound for end in range(0, 121, 20)]
    assert bounds[0] == 0.0
    assert all(later >= earlier for earlier, later in itertools.pairwise(bounds))


@pytest.mark.parametrize("rate", [0.6, 0.8, 0.9])
@pytest.mark.parametrize("graded", [False, True])
def test_more_data_at_the_same_rate_never_widens_a_certified_bound(rate, graded):
    bounds = []
    for size in (50, 100, 200, 400, 800):
        # Spread evenly, so that the rate is the same at every look.
        steps = np.floor(np.arange(1, size + 1) * rate + 1e-9)
        scores = np.diff(steps, prepend=0.0)
        design = sequential(0.8, 0.01, size, 25, graded=graded)
        bounds.append(design.look(scores).lower_bound)
    assert bounds == sorted(bounds)
    assert bounds[-1] < rate


@given(scores=mostly_right)
@settings(max_examples=25, deadline=None)
def test_the_bound_would_have_passed_and_so_would_lower_targets_but_no_step_higher(scores):
    def passes(target):
        return sequential(target, 0.01, 120, 20).look(scores).state == "pass"

    bound = sequential(0.8, 0.01, 120, 20).look(scores).lower_bound
    assert all(passes(bound - less) for less in (0.0, 0.0002, 0.0032) if bound - less > 0)
    # Whole counts can make a yet higher target pass again; the bound stays below the gap.
    assert not passes(bound + 0.0001)


@pytest.mark.parametrize("mode", MODES)
def test_pass_and_bound_agree(mode):
    design = sequential(0.8, 0.01, 120, 20, mode=mode)
    rng = np.random.default_rng(3)
    states = set()
    for chance in np.linspace(0.6, 1.0, 60):
        decision = design.look((rng.random(120) < chance).astype(float))
        states.add(decision.state)
        if mode != "replay":
            assert (decision.lower_bound >= 0.8) == (decision.state == "pass")
        else:  # foretelling the full run and the bound of its count meet only within rounding
            assert decision.state != "pass" or decision.lower_bound >= 0.8 - 1e-9
    assert {"pass", "drop"} <= states


@pytest.mark.lengthy
@pytest.mark.parametrize("mean", [0.55, 0.7, 0.8, 0.93])
def test_the_certified_bound_covers_exactly(mean):
    """All 1,331 ways through three looks, weighed exactly: P(bound > mean) <= alpha."""
    design = sequential(0.8, 0.05, 30, 10)
    weight = binom(10, mean).pmf(np.arange(11))
    too_high = 0.0
    for counts in itertools.product(range(11), repeat=3):
        scores = np.concatenate([np.repeat([1.0, 0.0], [count, 10 - count]) for count in counts])
        if design.look(scores).lower_bound > mean:
            too_high += math.prod(weight[count] for count in counts)
    assert too_high <= 0.05


def test_first_pass_is_final():
    design = sequential(0.8, 0.01, 200, 20)
    early = [1.0] * 60 + [0.0] * 140
    passed = design.look(early[:60])
    assert passed.state == "pass"
    assert design.look(early) == passed


def test_an_overruled_drop_can_still_pass_and_else_stands():
    design = sequential(0.5, 0.05, 400, 20)
    start = [0.0] * 20
    dropped = design.look(start)
    assert (dropped.state, dropped.n) == ("drop", 20)
    assert design.look(start + [0.0, 1.0] * 40) == dropped
    assert design.look(start + [1.0] * 380).state == "pass"


@pytest.mark.parametrize("graded", [False, True])
def test_between_looks_the_run_goes_on(graded):
    design = sequential(0.8, 0.01, 300, 25, graded=graded)
    assert design.look([]).state == "continue"
    assert design.look([]).n == 0
    steady = [1.0, 1.0, 1.0, 1.0, 0.0, 1.0] * 10
    assert design.look(steady[:49]) == design.look(steady[:25])
    assert design.look(steady[:49]).n == 25


def test_examples_that_run_out_are_undecided_and_a_clear_miss_is_a_drop():
    design = sequential(0.8, 0.01, 50, 50)
    assert design.needed == 47
    verdicts = {
        right: design.look([1.0] * right + [0.0] * (50 - right)).state for right in (10, 46, 47)
    }
    assert verdicts == {10: "drop", 46: "undecided", 47: "pass"}


def test_suite_mode_answers_about_these_examples_only():
    design = sequential(0.8, 0.01, 50, 50, mode="suite")
    assert design.needed == 40
    assert design.look([1.0] * 40 + [0.0] * 10).state == "pass"
    assert design.look([1.0] * 39 + [0.0] * 11).state == "drop"
    assert design.look([1.0] * 40 + [0.0] * 10).lower_bound == 0.8
    assert sequential(1.0, 0.01, 20, 20, mode="suite").look([1.0] * 20).state == "pass"


def test_a_design_that_cannot_certify_says_so():
    assert sequential(0.8, 0.01, 20, 10).needed is None
    assert sequential(0.8, 0.01, 20, 10).look([1.0] * 20).state == "undecided"
    assert sequential(0.8, 0.01, 21, 21).needed == 21


def test_numbers_and_lists_and_integers_are_all_scores():
    design = sequential(0.8, 0.01, 100, 10)
    scores = [1, 1, 1, 0, 1, 1, 1, 1, 1, 1] * 6
    assert design.look(scores) == design.look(np.array(scores)) == design.look(map_float(scores))


def map_float(scores):
    return [float(score) for score in scores]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: sequential(0.8, 0.01, 50, 10).look([0.5]), "right \\(1\\) and wrong \\(0\\)"),
        (lambda: sequential(0.8, 0.01, 50, 10).look([2.0]), "between 0 and 1"),
        (lambda: sequential(0.8, 0.01, 50, 10).look([float("nan")]), "between 0 and 1"),
        (lambda: sequential(0.8, 0.01, 50, 10).look([1.0] * 51), "51 scores"),
        (lambda: sequential(0.8, 0.01, 50, 10).look([[1.0]]), "one number per example"),
        (lambda: sequential(1.0, 0.01, 50, 10), "Target is 1.0"),
        (lambda: sequential(0.0, 0.01, 50, 10), "Target is 0.0"),
        (lambda: sequential(0.8, 0.0, 50, 10), "Alpha is 0.0"),
        (lambda: sequential(0.8, 0.01, 0, 10), "max_examples is 0"),
        (lambda: sequential(0.8, 0.01, 50, 0), "Batch is 0"),
        (lambda: sequential(0.8, 0.01, 50, 10, eps=1.0), "Eps is 1.0"),
        (lambda: sequential(0.8, 0.01, 50, 10, mode="slow"), "'slow'"),
        (lambda: sequential(0.8, 0.01, 50, 10, mode="suite", graded=True), "'traffic' only"),
        (lambda: non_inferiority(0.0, 0.05, 50, 10), "Margin is 0.0"),
        (lambda: non_inferiority(0.1, 0.05, 50, 10).look([1.0], []), "same examples"),
    ],
)
def test_impossible_input_is_explained(call, says):
    with pytest.raises(UserError, match=says):
        call()


def test_non_inferiority_round_trips_and_uses_pairing():
    design = non_inferiority(0.05, 0.05, 600, 20)
    assert type(design).model_validate_json(design.model_dump_json()) == design
    rng = np.random.default_rng(0)
    reference = (rng.random(600) < 0.8).astype(float)
    same = reference.copy()
    worse = np.where(rng.random(600) < 0.15, 0.0, reference)
    passed = design.look(same, reference)
    assert passed.state == "pass"
    assert passed.n < 400
    assert -0.05 <= passed.lower_bound <= 0.0
    assert design.look(worse, reference).state == "drop"
    shuffled = rng.permutation(same)
    assert design.look(shuffled, reference).lower_bound < passed.lower_bound
