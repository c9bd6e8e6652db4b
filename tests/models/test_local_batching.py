"""Which prompts are computed together, without any model."""

import random

from hypothesis import given
from hypothesis import strategies as st

from rung.models.local.batching import (
    Limits,
    common_prefix,
    families,
    pad_right,
    plan,
    shared_prefix,
)

prompt = st.lists(st.integers(0, 5), min_size=1, max_size=30)


def test_common_prefix_counts_equal_leading_tokens():
    assert common_prefix([1, 2, 3], [1, 2, 4]) == 2
    assert common_prefix([1, 2], [1, 2, 4]) == 2
    assert common_prefix([9], [1]) == 0


@given(st.lists(prompt, min_size=1, max_size=8))
def test_shared_prefix_is_shared_and_leaves_every_prompt_a_token(prompts):
    length = shared_prefix(prompts)
    assert all(p[:length] == prompts[0][:length] for p in prompts)
    assert all(len(p) > length for p in prompts)
    longer = length + 1
    could_grow = all(len(p) > longer for p in prompts)
    assert not (could_grow and all(p[:longer] == prompts[0][:longer] for p in prompts))


@given(st.lists(prompt, min_size=1, max_size=20), st.integers(1, 60))
def test_families_hold_every_prompt_exactly_once(prompts, worthwhile):
    groups = families(prompts, Limits(worthwhile=worthwhile))
    assert sorted(i for group in groups for i in group) == list(range(len(prompts)))


def test_families_split_where_reading_a_prefix_once_pays():
    first = [[1] * 100 + [i] for i in range(8)]
    second = [[2] * 100 + [i] for i in range(8)]
    mixed = [p for pair in zip(first, second, strict=True) for p in pair]
    assert len(families(mixed, Limits(worthwhile=256))) == 2
    assert len(families(mixed, Limits(worthwhile=10_000))) == 1


@given(st.lists(prompt, min_size=1, max_size=40), st.integers(1, 16))
def test_plan_keeps_its_limits_and_serves_whoever_waited_longest(prompts, rows):
    limits = Limits(rows=rows, tokens=200, worthwhile=20)
    chosen = plan(prompts, [4] * len(prompts), limits)
    assert 0 in chosen
    assert len(chosen) == len(set(chosen)) <= rows
    widest = max(len(prompts[i]) for i in chosen) + 4
    assert len(chosen) == 1 or widest * len(chosen) <= 200


def test_plan_fills_batches_evenly_with_prompts_of_like_length():
    rng = random.Random(0)
    prompts = [[rng.randrange(1000)] * rng.randint(10, 200) for _ in range(20)]
    chosen = plan(prompts, [8] * 20, Limits(rows=16, worthwhile=10_000))
    assert len(chosen) == 10
    lengths = sorted(len(p) for p in prompts)
    mine = sorted(len(prompts[i]) for i in chosen)
    assert mine in (lengths[:10], lengths[10:])


def test_a_batch_that_would_not_fit_is_cut_around_the_first():
    prompts = [[1] * 50, *[[2] * 60] * 5]
    assert plan(prompts, [0] * 6, Limits(tokens=120, worthwhile=10_000)) == [0, 1]


def test_padding_goes_right_and_positions_go_on():
    padded = pad_right([[7, 8, 9], [5]], [10, 3])
    assert padded.ids.tolist() == [[7, 8, 9], [5, 0, 0]]
    assert padded.positions.tolist() == [[10, 11, 12], [3, 4, 5]]
    assert padded.last.tolist() == [2, 0]
