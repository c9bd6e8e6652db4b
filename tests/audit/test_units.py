"""Units of evidence: clusters by where examples come from, repeats counted once."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from rung.audit.units import sentences, units_of
from rung.task.types import Example, LabelsOutput, Target, Task

WORDS = [
    "amber",
    "birch",
    "cedar",
    "dates",
    "elder",
    "fig",
    "grape",
    "hazel",
    "iris",
    "jade",
    "kelp",
    "lotus",
    "maple",
    "nutmeg",
    "olive",
]


def row(number: int, *, input: Any = None, expected: str = "a", **parts: Any) -> Example:
    words = Random(number).choices(WORDS, k=8)
    plain = f"{number} {' '.join(words)} {number * 7919}"
    return Example(**{"id": f"e{number}", "input": input or plain, "expected": expected, **parts})


def a_task(rows: list[Example], cluster: str | None = None) -> Task:
    return Task(
        name="t",
        instruction="x",
        output=LabelsOutput(labels=("a", "b")),
        target=Target(metric="accuracy", score=0.8),
        test=tuple(rows),
        cluster=cluster,
    )


def number_of(task: Task) -> int:
    units = units_of(task)
    return len({units.of(e) for e in task.test if e.id not in units.repeats})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("talk", lambda i: f"talk of {WORDS[i]}"),
        ("conversation_id", lambda i: i),
        ("anything", lambda i: f"t-{i}a"),
        ("page", lambda i: f"https://example.org/{i}"),
    ],
)
def test_a_field_that_tells_where_examples_come_from_makes_units(field: str, value: Any) -> None:
    task = a_task([row(i, meta={field: value(i // 5)}) for i in range(50)])
    assert units_of(task).field == f"meta.{field}" and number_of(task) == 10
    assert "10 groups" in sentences(task)[0] and "nobody declared" in sentences(task)[0]
    assert number_of(task.model_copy(update={"cluster": "id"})) == 50


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("topic", lambda i: WORDS[i]),
        ("difficulty", lambda i: i % 3),
        ("day", lambda i: f"2024-05-{i + 10}"),
        ("tokens", lambda i: 100 + i),
        ("user_id", lambda i: "u1"),
    ],
)
def test_a_field_that_tells_what_examples_are_about_makes_none(field: str, value: Any) -> None:
    task = a_task([row(i, meta={field: value(i // 5)}) for i in range(50)])
    assert units_of(task).field is None and number_of(task) == 50 and sentences(task) == ()


def test_ids_and_long_texts_tell_it_too() -> None:
    by_id = a_task([row(i, id=f"talk{i // 5}-{i % 5}") for i in range(50)])
    assert units_of(by_id).field == "the ids of the examples" and number_of(by_id) == 10
    text = {i: " ".join(WORDS[i:] + WORDS[:i]) * 2 for i in range(10)}
    read = [
        row(i, input={"text": text[i // 5], "question": f"{i} {WORDS[i % 9]}"}) for i in range(50)
    ]
    assert units_of(a_task(read)).field == "input.text" and number_of(a_task(read)) == 10


def test_of_two_fields_the_coarser_one_counts() -> None:
    rows = [row(i, meta={"talk": f"t{i // 5}", "user": f"u{i // 10}"}) for i in range(100)]
    assert units_of(a_task(rows)).field == "meta.user" and number_of(a_task(rows)) == 10


def test_a_repeat_is_counted_once_whatever_its_label_and_a_like_one_with_the_same_answer() -> None:
    rows = [row(i) for i in range(30)]
    text = rows[0].input_text()
    copies = [
        row(90, input=f"  {text.upper()} "),
        row(91, input=text, expected="b"),
        row(92, input=f"{text}!"),
        row(93, input=f"{text}?", expected="b"),
    ]
    task = a_task([*rows, *copies])
    # The last one asks for another answer than what it is like, but what equals it asks so too.
    assert number_of(task) == 30
    assert units_of(a_task([*copies, *rows])).repeats == units_of(task).repeats
    assert "4 test examples repeat another one" in sentences(task)[0]
    assert number_of(a_task([*rows, row(93, input=f"{text}?", expected="b")])) == 31


def test_a_template_is_no_repeat() -> None:
    task = a_task([row(i, input=f"Where is the parcel with the number {i}?") for i in range(60)])
    assert number_of(task) == 60
