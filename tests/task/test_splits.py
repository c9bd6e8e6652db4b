from __future__ import annotations

import random
import time
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.errors import UserError
from rung.task.duplicates import groups, normalised
from rung.task.rows import stated_day
from rung.task.splits import DEV_MOST, How, as_given, carve_dev, place, split_one, take
from rung.task.types import Example, LabelsOutput, TextOutput

LABELS = ("a", "b", "c")
HOW = How(LabelsOutput(labels=LABELS))
FREE = How(TextOutput())


def noise(seed: int) -> str:
    """A sentence unlike every other."""
    source = random.Random(seed)
    return " ".join(
        "".join(source.choices("abcdefghijklmnopqrstuvwxyz", k=source.randint(3, 9)))
        for _ in range(9)
    )


def many(count: int, start: int = 0) -> list[Example]:
    return [
        Example(id=str(n), input=noise(n), expected=LABELS[n % 3])
        for n in range(start, start + count)
    ]


def ids(examples: tuple[Example, ...]) -> set[str]:
    return {example.id for example in examples}


def test_shares_are_kept_label_by_label() -> None:
    splits = split_one(many(600), HOW)
    assert (len(splits.train), len(splits.dev), len(splits.test)) == (
        splits.report.train,
        splits.report.dev,
        splits.report.test,
    )
    for label in LABELS:
        share = [sum(e.expected == label for e in part) / 200 for part in splits[:3]]
        assert abs(share[0] - 0.5) <= 0.11 and abs(share[1] - 0.2) <= 0.2
        assert abs(share[2] - 0.3) <= 0.11


@pytest.mark.lengthy
def test_dev_is_bounded_and_the_rest_learns() -> None:
    splits = split_one(many(1200), HOW)
    assert len(splits.dev) == DEV_MOST
    assert min(Counter(e.expected for e in splits.dev).values()) >= DEV_MOST // 3 - 10
    assert abs(len(splits.test) - 360) < 60
    carved = carve_dev(many(1200), many(50, 5000), HOW)
    assert (len(carved.train), len(carved.dev), len(carved.test)) == (1050, DEV_MOST, 50)


@pytest.mark.lengthy
@settings(max_examples=25, deadline=None)
@given(st.integers(0, 99), st.randoms(use_true_random=False))
def test_order_of_the_file_does_not_matter(seed: int, source: random.Random) -> None:
    examples = many(40)
    how = HOW._replace(seed=seed)
    once = split_one(examples, how)
    source.shuffle(examples)
    assert split_one(examples, how) == once
    everyone = [ids(part) for part in once[:3]]
    assert sum(map(len, everyone)) == 40 and len(set.union(*everyone)) == 40
    assert all(everyone)


def test_more_examples_move_few() -> None:
    before, after = split_one(many(300), HOW), split_one(many(330), HOW)
    stayed = sum(len(ids(a) & ids(b)) for a, b in zip(before[:3], after[:3], strict=True))
    assert stayed >= 295
    assert not ids(before.dev) & ids(after.test)


def test_another_seed_is_another_split() -> None:
    assert ids(split_one(many(90), HOW).test) != ids(split_one(many(90), HOW._replace(seed=1)).test)


def test_near_duplicates_stay_together() -> None:
    examples = many(100)
    twins = [
        e.model_copy(update={"id": f"{e.id}t", "input": f"{str(e.input).upper()}!"})
        for e in examples
    ]
    splits = split_one([*examples, *twins], HOW)
    assert splits.report.near_duplicates == 200
    for part in splits[:3]:
        assert {i for i in ids(part) if i.endswith("t")} == {
            f"{i}t" for i in ids(part) if i.isdigit()
        }


def test_clusters_stay_together() -> None:
    examples = [e.model_copy(update={"meta": {"user": int(e.id) // 5}}) for e in many(200)]
    splits = split_one(examples, FREE._replace(cluster="user"))
    owners = [{e.meta["user"] for e in part} for part in splits[:3]]
    assert not owners[0] & owners[1] and not owners[1] & owners[2] and not owners[0] & owners[2]


def test_rare_labels_do_not_empty_a_split() -> None:
    labels = tuple(f"l{n}" for n in range(9))
    examples = [Example(id=str(n), input=noise(n), expected=labels[n]) for n in range(9)]
    splits = split_one(examples, How(LabelsOutput(labels=labels)))
    assert splits.train and splits.dev and splits.test


def test_train_examples_that_are_tested_are_dropped() -> None:
    train = many(30)
    test = [e.model_copy(update={"id": f"t{e.id}"}) for e in train[:4]]
    splits = carve_dev(train, test, FREE)
    assert sorted(splits.report.dropped_from_train) == ["0", "1", "2", "3"]
    assert len(splits.train) + len(splits.dev) == 26 and len(splits.test) == 4


def test_smaller_samples_are_part_of_larger_ones() -> None:
    examples = many(90)
    small, large = take(examples, 9, HOW, by_label=True), take(examples, 30, HOW, by_label=True)
    assert ids(small) < ids(large)
    assert set(Counter(e.expected for e in large).values()) == {10}
    ordered = take(examples, 20, HOW, by_label=False)
    assert list(ordered) == sorted(examples, key=lambda e: place(e, 0))[:20]


def test_similar_texts_are_one_group() -> None:
    text = "Please send the invoice for the parcel that came on Monday to our new address"
    texts = [text, text.replace("Monday", "Tuesday"), "Where is my refund?", f" {text.lower()}  "]
    assert groups(texts) == [0, 0, 2, 0]
    assert groups(["a", "b", "a"], [1, 1, None]) == [0, 0, 0]
    assert groups([]) == []
    assert normalised(" Ｆｕｌｌ \n Width ") == "full width"


def test_a_template_is_no_duplicate() -> None:
    texts = [
        f"Please tell me where the order number {n} is that I placed last week" for n in range(60)
    ]
    assert groups([*texts, texts[0].upper()]) == [*range(60), 0]


@pytest.mark.lengthy
def test_thousands_in_time() -> None:
    started = time.perf_counter()
    splits = split_one(many(3000), HOW)
    assert len(splits.dev) == DEV_MOST
    assert time.perf_counter() - started < 6


def dated(count: int) -> list[Example]:
    return [
        example.model_copy(update={"meta": {"on": f"2025-{n // 28 + 1:02}-{n % 28 + 1:02}"}})
        for n, example in enumerate(many(count))
    ]


def test_by_time_the_newest_are_test() -> None:
    splits = split_one(dated(200), HOW._replace(time="on", test=0.4, dev=0.1))
    days = [[e.meta["on"] for e in part] for part in splits[:3]]
    assert max(days[0]) < min(days[1]) and max(days[1]) < min(days[2])
    assert [len(part) for part in days] == [100, 20, 80]
    same = [e.model_copy(update={"meta": {"on": "2025-01-01"}}) for e in many(30)]
    with pytest.raises(UserError, match="1 different days in 'on' are too few to cut at"):
        split_one(same, HOW._replace(time="on"))
    with pytest.raises(UserError, match=r"30 of 30 examples have no date in 'on', such as '"):
        split_one(many(30), HOW._replace(time="on"))


def test_near_duplicates_of_new_examples_are_not_learnt_from() -> None:
    rows = dated(100)
    rows[0] = rows[0].model_copy(update={"input": f"{rows[99].input_text()} ok"})
    splits = split_one(rows, HOW._replace(time="on"))
    assert {"0", "99"} <= ids(splits.test)


def test_shares_can_be_given() -> None:
    splits = split_one(many(600), HOW._replace(test=0.5, dev=0.1))
    assert abs(len(splits.test) - 300) <= 60 and abs(len(splits.dev) - 60) <= 60


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (
            HOW._replace(group="custmer"),
            r"\[split\] group: no example has anything in 'custmer'; did",
        ),
        (HOW._replace(cluster="custmer"), r"\[task\] cluster: no example has .* mean 'customer'\?"),
    ],
)
def test_a_field_that_no_row_has_splits_nothing(how: How, said: str) -> None:
    rows = [e.model_copy(update={"meta": {"customer": f"c{e.id}"}}) for e in many(40)]
    with pytest.raises(UserError, match=said):
        split_one(rows, how)
    with pytest.raises(UserError, match=said):
        carve_dev(rows[:30], rows[30:], how)
    with pytest.raises(UserError, match=said):
        as_given(rows[:20], rows[20:30], rows[30:], how)
    with pytest.raises(UserError, match="the rows hold no further fields"):
        split_one(many(40), how)


@pytest.mark.parametrize("since", [1_700_000_000, 1_700_000_000_000, 1_700_000_000.5])
def test_seconds_since_1970_are_days(since: float) -> None:
    assert stated_day(since) == stated_day(str(since))
    assert int(stated_day(since) or 0) == stated_day("2023-11-14")
    assert stated_day("2024-05-01 12:00:00 UTC") == stated_day("2024-05-01T12:00:00")
    assert stated_day(12345) is stated_day("4100000000") is stated_day(None) is None


def test_groups_stay_on_one_side() -> None:
    rows = [
        e.model_copy(update={"meta": {"customer": f"c{n % 40}", "city": f"p{n % 50}"}})
        for n, e in enumerate(many(200))
    ]
    for how in (HOW._replace(group="customer"), HOW._replace(cluster="customer")):
        splits = split_one(rows, how)
        sides = [{e.meta["customer"] for e in part} for part in splits[:3]]
        assert not sides[0] & sides[2] and not sides[1] & sides[2] and not sides[0] & sides[1]
