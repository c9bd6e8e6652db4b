"""Alpha of a test split, and the units and order of evidence."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.errors import UserError
from rung.evidence import AlphaLedger, cluster_means, fixed_order


def test_planned_candidates_share_four_fifths():
    ledger = AlphaLedger(0.05, 5)
    assert ledger.next() == pytest.approx(0.008)
    ledger = ledger.register(["a", "b", "c", "d", "e"])
    assert ledger.spent == pytest.approx(0.04)
    assert ledger.next() == pytest.approx(0.2 * 0.05 / 2)
    ledger = ledger.register("f")
    assert ledger.next() == pytest.approx(0.2 * 0.05 / 6)


@given(st.floats(0.001, 0.2), st.integers(1, 30), st.lists(st.text(max_size=3), max_size=40))
def test_never_more_than_alpha_and_never_twice(alpha, planned, keys):
    ledger = AlphaLedger(alpha, planned)
    for key in keys:
        if key not in ledger.granted and ledger.next() is None:
            with pytest.raises(UserError, match="fresh test examples"):
                ledger.register(key)
            continue
        offered = ledger.next()
        known = key in ledger.granted
        after = ledger.register(key)
        assert after.register(key) == after
        assert after.alpha_of(key) == (ledger.alpha_of(key) if known else offered)
        ledger = after
    assert ledger.spent <= alpha * (1 + 1e-9)
    assert AlphaLedger.from_dict(json.loads(json.dumps(ledger.to_dict()))) == ledger


def test_registering_does_not_change_the_ledger_it_came_from():
    before = AlphaLedger(0.05, 2)
    before.register("a")
    assert before.granted == {}


def test_a_used_up_split_says_so():
    ledger = AlphaLedger(0.05, 5).register(str(number) for number in range(14))
    assert ledger.next() is None
    assert ledger.summary() == (
        "this test split has been used by 14 candidates; "
        "no error is left for further ones: add examples"
    )
    assert "error left for further ones: 0.01" in AlphaLedger(0.05, 1).register("a").summary()
    assert ledger.register("3") == ledger


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: AlphaLedger(1.0, 5), "Alpha is 1.0"),
        (lambda: AlphaLedger(0.05, 0), "plan at least 1"),
        (lambda: AlphaLedger(0.05, 5).alpha_of("x"), "register it first"),
        (lambda: AlphaLedger.from_dict({"alpha": 0.05}), "cannot be read"),
        (
            lambda: AlphaLedger.from_dict({"alpha": 0.05, "planned": 1, "granted": {"a": 0.9}}),
            "changed by hand",
        ),
    ],
)
def test_impossible_input_is_explained(call, says):
    with pytest.raises(UserError, match=says):
        call()


def test_a_unit_is_a_document():
    assert cluster_means([1, 0, 1, 1], ["b", "b", "a", "b"]) == [pytest.approx(2 / 3), 1.0]
    assert cluster_means([], []) == []
    with pytest.raises(UserError, match="one name per score"):
        cluster_means([1.0], [])


@given(st.lists(st.text(max_size=6), unique=True, max_size=30), st.integers(0, 9), st.randoms())
def test_the_order_follows_from_content_and_seed_alone(ids, seed, random):
    shuffled = list(ids)
    random.shuffle(shuffled)
    assert fixed_order(shuffled, seed) == fixed_order(ids, seed)
    assert sorted(fixed_order(ids, seed)) == sorted(ids)


def test_the_order_is_the_same_on_every_machine_and_changes_with_the_seed():
    ids = [f"example-{number}" for number in range(6)]
    assert fixed_order(ids, 0) == [f"example-{number}" for number in (5, 0, 4, 3, 2, 1)]
    assert fixed_order(ids, 1) != fixed_order(ids, 0)
