"""Alpha of test rows, and the units and order of evidence."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.errors import UserError
from rung.evidence import AlphaLedger, cluster_means, fixed_order
from rung.evidence.ledger import SMALLEST_ALPHA, equal_weight, summary

ROWS = [f"r{number}" for number in range(8)]


def used(ledger: AlphaLedger, key, rows, confidence, weight) -> AlphaLedger:
    alpha = ledger.offer(key, rows, confidence, weight)
    return ledger if alpha is None else ledger.grant(key, rows, confidence, alpha)


USE = st.tuples(
    st.sampled_from("abcdef"),
    st.sets(st.sampled_from(ROWS), min_size=1),
    st.sampled_from([0.8, 0.9, 0.95, 0.99]),
    st.floats(0.01, 1.0),
)


@given(st.lists(USE, max_size=30))
def test_no_row_ever_spends_more_than_any_confidence_leaves(uses):
    """The union bound's premise, whatever is used in whatever order at whatever confidence."""
    ledger = AlphaLedger()
    for key, rows, confidence, weight in uses:
        offered = ledger.offer(key, rows, confidence, weight)
        after = used(ledger, key, rows, confidence, weight)
        assert (offered is None) == (after.find(key, rows) is None)
        assert used(after, key, rows, confidence, weight) == after  # the same test spends once
        assert offered is None or after.offer(key, rows, confidence, 1.0) == offered
        ledger = after
    for level in {use.confidence for use in ledger.uses}:
        for row in ROWS:
            spent = sum(u.alpha for u in ledger.uses if row in u.rows and u.confidence >= level)
            assert spent <= 1 - level + 1e-9
    assert AlphaLedger.from_dict(json.loads(json.dumps(ledger.to_dict()))) == ledger


def test_a_split_that_shares_a_row_draws_on_what_the_row_has_left():
    ledger = used(AlphaLedger(), "a", ROWS[:4], 0.95, 0.8)
    assert ledger.left(ROWS[3:], 0.95) == pytest.approx(0.01)
    assert ledger.left(ROWS[4:], 0.95) == pytest.approx(0.05)
    assert ledger.left(ROWS, 0.95) == pytest.approx(0.01)


def test_a_raised_confidence_has_its_own_smaller_total():
    ledger = used(AlphaLedger(), "a", ROWS, 0.95, 0.5)
    assert ledger.left(ROWS, 0.99) == pytest.approx(0.01)
    ledger = used(ledger, "a at 99", ROWS, 0.99, 1.0)
    assert ledger.left(ROWS, 0.99) == pytest.approx(0.0)
    assert ledger.left(ROWS, 0.95) == pytest.approx(0.05 - 0.025 - 0.01)
    assert ledger.left(ROWS, 0.90) == pytest.approx(0.10 - 0.025 - 0.01)
    # What .95 has spent leaves .99 no more than .95 has left.
    assert used(AlphaLedger(), "a", ROWS, 0.95, 0.9).left(ROWS, 0.99) == pytest.approx(0.005)


@given(st.integers(1, 40), st.floats(0.001, 0.2))
def test_equal_weights_give_equal_shares(planned, total):
    left, shares = total, []
    for number in range(planned):
        shares.append(equal_weight(planned, number) * left)
        left -= shares[-1]
    assert shares == pytest.approx([0.8 * total / planned] * planned)


def test_the_smallest_share_is_given_while_it_is_there():
    ledger = AlphaLedger()
    assert ledger.offer("a", ROWS, 0.95, 1e-6) == SMALLEST_ALPHA
    ledger = ledger.grant("a", ROWS, 0.95, 0.05 - SMALLEST_ALPHA / 2)
    assert ledger.offer("b", ROWS, 0.95, 1.0) is None


def test_granting_does_not_change_the_ledger_it_came_from():
    before = AlphaLedger()
    used(before, "a", ROWS, 0.95, 0.5)
    assert before.uses == ()


def test_a_used_up_split_says_so():
    ledger = AlphaLedger()
    for number in range(14):
        ledger = used(ledger, str(number), ROWS, 0.95, 0.5)
    assert len(ledger.uses) == 9
    assert summary(ledger.uses, ledger.left(ROWS, 0.95)) == (
        "this test split has been used by 9 candidates; "
        "no error is left for further ones: add examples"
    )
    assert summary(ledger.uses[:1], 0.01).endswith(
        "used by 1 candidate; error left for further ones: 0.01"
    )


STORED = {"key": "a", "alpha": 0.01, "confidence": 0.95, "rows": "rows 1"}


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: AlphaLedger().offer("a", ROWS, 0.95, 0.0), "Weight is 0.0"),
        (lambda: AlphaLedger().offer("a", ROWS, 0.95, 1.1), "Weight is 1.1"),
        (lambda: AlphaLedger().grant("a", ROWS, 0.95, 0.06), "error of 0.05 left, not 0.06"),
        (lambda: equal_weight(2, 2), "none is left"),
        (lambda: AlphaLedger.from_dict({"alpha": 0.05}), "cannot be read"),
        (lambda: AlphaLedger.from_dict({"uses": [STORED], "rows": {}}), "cannot be read"),
        (
            lambda: AlphaLedger.from_dict(
                {"uses": [STORED | {"alpha": -0.9}], "rows": {"rows 1": ["x"]}}
            ),
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


@given(
    st.lists(st.floats(0.0001, 0.005), min_size=1, max_size=8),
    st.data(),
)
def test_what_certified_ones_leave_never_sums_above_what_was_granted(alphas, data):
    ledger, names = AlphaLedger(), []
    for place, alpha in enumerate(alphas):
        known = data.draw(st.sets(st.sampled_from(names))) if names else set()
        heirs = ledger.heirs_by_alpha(sorted(known), ROWS)
        assert sum(share for _, share in heirs) == pytest.approx(1.0 if known else 0.0)
        ledger = ledger.grant(f"c{place}", ROWS, 0.95, alpha, heirs)
        names.append(f"c{place}")
    passed = data.draw(st.sets(st.sampled_from(names)))
    more = passed | data.draw(st.sets(st.sampled_from(names)))
    levels = {n: a + ledger.freed(n, ROWS, passed) for n, a in zip(names, alphas, strict=True)}
    after = {n: a + ledger.freed(n, ROWS, more) for n, a in zip(names, alphas, strict=True)}
    # Weighted Bonferroni of the graph: of those not certified, the levels sum to alpha at most,
    # and no level falls when another one is certified.
    assert sum(levels[n] for n in names if n not in passed) <= sum(alphas) + 1e-12
    assert all(after[n] >= levels[n] for n in names)
    assert ledger.freed(names[0], ["other"], passed) == 0.0
    assert AlphaLedger.from_dict(ledger.to_dict()) == ledger
    assert ledger.spent(ROWS) == pytest.approx(sum(alphas))


def test_heirs_that_would_get_more_than_there_is_are_refused():
    ledger = AlphaLedger().grant("a", ROWS, 0.95, 0.01)
    kept = ledger.grant("b", ROWS, 0.95, 0.01, (("a", 1.0),)).to_dict()
    kept["uses"][1]["heirs"]["a"] = 1.5
    with pytest.raises(UserError, match="changed by hand"):
        AlphaLedger.from_dict(kept)
