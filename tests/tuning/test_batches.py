"""Training batches, without any model."""

from hypothesis import given
from hypothesis import strategies as st

from rung.behaviour.trainers.batches import Encoded, collate, epoch_order, in_order

example = st.builds(
    Encoded,
    st.lists(st.integers(3, 9), min_size=1, max_size=30),
    st.lists(st.integers(3, 9), min_size=1, max_size=5),
)


@given(st.lists(example, min_size=1, max_size=60), st.integers(0, 3))
def test_an_epoch_holds_every_example_once_within_its_limits(examples, seed):
    batches = epoch_order(examples, 4, 60, seed)
    assert sorted(i for batch in batches for i in batch) == list(range(len(examples)))
    for batch in batches:
        longest = max(examples[i].length for i in batch)
        assert len(batch) <= 4
        assert len(batch) == 1 or longest * len(batch) <= 60
    assert batches == epoch_order(examples, 4, 60, seed)


def test_every_epoch_has_its_own_order():
    examples = [Encoded([1] * n, [2]) for n in range(1, 40)]
    assert epoch_order(examples, 4, 999, 0) != epoch_order(examples, 4, 999, 1)
    assert in_order(examples, 4, 999) == in_order(examples, 4, 999)


def test_answers_are_predicted_from_the_token_before():
    batch = collate([Encoded([5, 6, 7], [8, 2]), Encoded([5], [9, 9, 2])])
    assert batch.ids.tolist() == [[5, 6, 7, 8, 2], [5, 9, 9, 2, 0]]
    flat = batch.ids.flatten()
    assert batch.targets.tolist() == [8, 2, 9, 9, 2]
    assert [flat[at + 1] for at in batch.at] == batch.targets.tolist()
    assert batch.tokens == 9
