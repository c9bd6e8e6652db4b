"""The promised errors, recomputed exactly and by another road than the code's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, hypergeom

from rung.evidence import sequential
from rung.evidence.boundaries import (
    critical_count,
    drop_boundary,
    late_spending,
    look_schedule,
    pass_boundary,
    replay_boundary,
)

PLANS = st.tuples(
    st.integers(5, 160),  # examples
    st.integers(1, 40),  # batch
    st.floats(0.3, 0.97),  # target
    st.sampled_from([0.002, 0.01, 0.05]),  # alpha
)


def crossing_chance(looks, upper, lower, mean):
    """Exact (P(pass), P(drop early), expected examples) of a candidate with true mean `mean`.

    The check of every promise above: no simulation noise. Examples are independent draws.
    """
    alive = np.ones(1)
    seen, passed, dropped, expected = 0, 0.0, 0.0, 0.0
    for look, high, low in zip(looks.tolist(), upper.tolist(), lower.tolist(), strict=True):
        alive = np.convolve(alive, binom(look - seen, mean).pmf(np.arange(look - seen + 1)))
        expected += (look - seen) * max(1.0 - passed - dropped, 0.0)
        passed += float(alive[high:].sum())
        alive[high:] = 0.0
        dropped += float(alive[: low + 1].sum())
        alive[: low + 1] = 0.0
        seen = look
    return passed, dropped, expected


def with_replacement(looks, leaves, chance):
    """P(leave at each look) by walking whole laws with scipy.stats, not by convolution."""
    law, seen, left = {0: 1.0}, 0, []
    for index, look in enumerate(looks):
        step = binom(look - seen, chance).pmf(np.arange(look - seen + 1))
        after = {}
        for count, weight in law.items():
            for more, p in enumerate(step):
                after[count + more] = after.get(count + more, 0.0) + weight * p
        left.append(sum(weight for count, weight in after.items() if leaves(index, count)))
        law = {count: weight for count, weight in after.items() if not leaves(index, count)}
        seen = look
    return left


def without_replacement(looks, final, stops, counted):
    """P(a counted stop) when the N answers hold exactly `final` right ones, by hypergeom steps."""
    total = looks[-1]
    law, seen, chance = {0: 1.0}, 0, 0.0
    for index, look in enumerate(looks[:-1]):
        after = {}
        for count, weight in law.items():
            if weight == 0.0:  # a count that the rest could no longer make up
                continue
            step = hypergeom(total - seen, final - count, look - seen)
            for more in range(min(look - seen, final - count) + 1):
                after[count + more] = after.get(count + more, 0.0) + weight * step.pmf(more)
        chance += sum(weight for count, weight in after.items() if counted(index, count))
        law = {count: weight for count, weight in after.items() if not stops(index, count)}
        seen = look
    return chance


@pytest.mark.lengthy
@pytest.mark.parametrize(
    ("n", "batch", "target"),
    [(500, 10, 0.8), (500, 25, 0.8), (1000, 10, 0.8), (1000, 10, 0.9), (2000, 10, 0.8)],
)
def test_false_pass_is_just_below_alpha(n, batch, target):
    looks = look_schedule(n, batch)
    upper = pass_boundary(looks, target, 0.01, late_spending)
    false_pass, _, _ = crossing_chance(looks, upper, np.full_like(looks, -1), target)
    assert 0.0089 <= false_pass <= 0.0100


def test_false_pass_by_another_road():
    looks = look_schedule(100, 10)
    upper = pass_boundary(looks, 0.7, 0.01, late_spending)
    by_walking = sum(with_replacement(looks.tolist(), lambda i, s: s >= upper[i], 0.7))
    by_convolution, _, _ = crossing_chance(looks, upper, np.full_like(looks, -1), 0.7)
    assert by_convolution == pytest.approx(by_walking, rel=1e-9)
    assert by_walking <= 0.01


@pytest.mark.lengthy
@given(PLANS)
@settings(max_examples=60, deadline=None)
def test_false_pass_never_exceeds_alpha(plan):
    n, batch, target, alpha = plan
    design = sequential(target, alpha, n, batch)
    looks = look_schedule(n, min(batch, n))
    nobody = np.full_like(looks, -1)
    for mean in (target, target * 0.98):
        assert crossing_chance(looks, np.array(design.upper), nobody, mean)[0] <= alpha


@pytest.mark.lengthy
@pytest.mark.parametrize(("n", "batch", "target"), [(120, 10, 0.8), (90, 15, 0.6), (100, 20, 0.9)])
def test_early_drop_of_a_full_run_that_passes_is_at_most_eps(n, batch, target):
    looks = look_schedule(n, batch)
    upper = pass_boundary(looks, target, 0.01, late_spending)
    needed = int(upper[-1])
    lower = drop_boundary(looks, needed, 0.05, upper)

    def stops(index, count):
        return count >= upper[index] or count <= lower[index]

    for final in {needed, min(needed + 3, n), n}:
        early = without_replacement(looks.tolist(), final, stops, lambda i, s: s <= lower[i])
        assert early <= 0.05
    worst = without_replacement(looks.tolist(), needed, stops, lambda i, s: s <= lower[i])
    if target <= 0.8:  # at 0.9 a hundred whole counts are too coarse to come near
        assert worst > 0.02, "a promise far from used up wastes calls"


@pytest.mark.lengthy
def test_replay_foretells_the_full_run_within_eps():
    looks = look_schedule(120, 10)
    needed = critical_count(120, 0.8, 0.01)
    upper = replay_boundary(looks, needed, 0.01)
    lower = drop_boundary(looks, needed, 0.01, upper)

    def stops(index, count):
        return count >= upper[index] or count <= lower[index]

    for final in range(needed - 4, needed):
        wrong = without_replacement(looks.tolist(), final, stops, lambda i, s: s >= upper[i])
        assert wrong <= 0.01
    for final in range(needed, needed + 4):
        wrong = without_replacement(looks.tolist(), final, stops, lambda i, s: s <= lower[i])
        assert wrong <= 0.01


@pytest.mark.lengthy
@given(PLANS, st.sampled_from(["traffic", "fast", "replay", "suite"]))
@settings(max_examples=80, deadline=None)
def test_boundaries_are_monotone_and_apart(plan, mode):
    n, batch, target, alpha = plan
    design = sequential(target, alpha, n, batch, mode=mode)
    upper, lower = np.array(design.upper), np.array(design.lower)
    looks = np.array(design.looks)
    reachable = upper <= looks
    assert (np.diff(upper[reachable]) >= 0).all()
    assert (np.diff(lower[:-1]) >= 0).all()
    assert (lower < upper).all()
    # Once reachable, a PASS stays reachable: more examples cannot take the chance away.
    assert (np.diff(reachable.astype(int)) >= 0).all()


@given(st.integers(1, 400), st.floats(0.05, 0.95), st.sampled_from([0.001, 0.01, 0.1]))
@settings(max_examples=60, deadline=None)
def test_critical_count_is_the_smallest(n, target, alpha):
    count = critical_count(n, target, alpha)
    assert count == n + 1 or binom.sf(count - 1, n, target) <= alpha * (1 + 1e-9)
    assert binom.sf(count - 2, n, target) > alpha * (1 - 1e-9)


# simulation.md: one candidate, N = 500, target .80, alpha .01: true mean, calls, P(PASS)
EXPECTED = {
    "traffic": (
        (0.62, 30, 0.0),
        (0.74, 80, 0.0),
        (0.78, 145, 0.0),
        (0.82, 310, 0.10),
        (0.84, 364, 0.42),
        (0.865, 306, 0.91),
        (0.90, 174, 1.0),
        (0.94, 92, 1.0),
    ),
    "fast": (
        (0.62, 23, 0.0),
        (0.74, 55, 0.0),
        (0.78, 98, 0.0),
        (0.82, 236, 0.08),
        (0.84, 301, 0.37),
        (0.865, 270, 0.86),
        (0.90, 155, 0.99),
        (0.94, 85, 1.0),
    ),
}


@pytest.mark.lengthy
@pytest.mark.parametrize(("mode", "table"), EXPECTED.items())
def test_expected_calls_and_power_are_those_of_the_design(mode, table):
    design = sequential(0.8, 0.01, 500, 10, mode=mode)
    looks = np.array(design.looks)
    for mean, calls, power in table:
        chance, _, expected = crossing_chance(
            looks, np.array(design.upper), np.array(design.lower), mean
        )
        assert expected == pytest.approx(calls, rel=0.04, abs=2)
        assert chance == pytest.approx(power, abs=0.02)


@pytest.mark.lengthy
@given(PLANS, st.sampled_from([0.0005, 0.01, 0.04]))
@settings(max_examples=25, deadline=None)
def test_freed_error_is_spent_at_the_last_look_alone_and_never_beyond_its_sum(plan, freed):
    examples, batch, target, alpha = plan
    looks = look_schedule(examples, batch)
    before = pass_boundary(looks, target, alpha, late_spending)
    after = pass_boundary(looks, target, alpha, late_spending, freed)
    never = np.full_like(looks, -1)
    assert crossing_chance(looks, after, never, target)[0] <= alpha + freed + 1e-12
    assert (after <= before).all()  # whoever passes without it passes with it
    early = after[:-1] < before[:-1]
    assert (after[:-1][early] == after[-1]).all()  # they only hold what the last look asks for


def test_freed_error_lets_the_last_look_ask_for_less_in_either_design():
    plain, more = (sequential(0.8, 0.01, 100, 25, freed=freed) for freed in (0.0, 0.03))
    assert more.needed < plain.needed
    right = [1.0] * more.needed + [0.0] * (100 - more.needed)
    scores = np.random.default_rng(4).permutation(right)
    assert plain.look(scores).state != "pass" and more.look(scores).state == "pass"
    assert more.look(scores).lower_bound >= 0.8 > plain.look(scores).lower_bound
    graded = [sequential(0.8, 0.01, 100, 25, graded=True, freed=f) for f in (0.0, 0.03)]
    assert graded[0].wealth_alpha == graded[1].wealth_alpha
    assert graded[1].last_alpha == pytest.approx(graded[0].last_alpha + 0.03)
    assert type(more).model_validate_json(more.model_dump_json()) == more
