"""Who is a witness, and when witnesses agree."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rung.diagnose.bench import Bench, Case
from rung.diagnose.probes.suspects import suspects
from rung.diagnose.witnesses import agreed, misheard, plain, said, strong
from rung.records import Answer, Attempt
from rung.task.types import Example, LabelsOutput, SchemaOutput, TextOutput

KINDS = {"a": "rag", "b": "fine-tuning", "c": "rag", "d": "prompting", "e": "prompting"}


def attempt(ident: str, text: str, score: float | None = 0.0, valid: bool = True) -> Attempt:
    answer = Answer(text=text, value=text if valid else None, valid=valid)
    return Attempt(candidate="a", split="dev", example_id=ident, answer=answer, score=score)


def test_two_techniques_and_most_of_those_asked_must_agree() -> None:
    assert agreed({"a": "x", "b": "x"}, KINDS, asked=2) == ("x", ("a", "b"))
    assert agreed({"a": "x", "c": "x"}, KINDS, asked=2) is None  # one technique
    assert agreed({"a": "x", "b": "y"}, KINDS, asked=2) is None
    assert agreed({"a": "x", "b": "x", "d": "y"}, KINDS, asked=3) is not None
    assert agreed({"a": "x", "b": "x", "d": "y"}, KINDS, asked=4) is None  # half of those asked
    assert agreed({}, KINDS, asked=2) is None


def test_witnesses_are_right_half_of_the_time_and_unscored_is_no_credit() -> None:
    assert strong({"1": attempt("1", "x", 1.0), "2": attempt("2", "x", 0.0)})
    assert not strong({"1": attempt("1", "x", 0.9), "2": attempt("2", "x", None)})
    assert not strong({})


def test_answers_are_compared_by_their_words() -> None:
    assert plain("The  Harbour!") == plain("harbour")
    assert said(LabelsOutput(labels=("a b",)), attempt("1", "A-b.")) == "b"
    assert said(TextOutput(), attempt("1", "...")) is None
    assert said(TextOutput(), attempt("1", "x", valid=False)) is None
    schema = SchemaOutput(json_schema={"properties": {"k": {}, "l": {}}})
    first, second = ({"k": 1, "l": "Ab"}, {"l": "ab", "k": 1})
    both = [
        said(schema, attempt("1", "").model_copy(update={"answer": Answer(text="", value=value)}))
        for value in (first, second)
    ]
    assert both[0] == both[1]


def test_the_placebo_gives_all_but_one_an_answer_to_another_example() -> None:
    own = {i: attempt(i, f"said {i}") for i in "123"}
    heard = {"a": "said 1", "b": "said 1"}
    swapped = misheard(TextOutput(), {"a": own, "b": own}, heard, "1", seed=0)
    assert swapped["a"] == "said 1" and swapped["b"] in ("said 2", "said 3")
    assert misheard(TextOutput(), {"a": own, "b": {"1": own["1"]}}, heard, "1", 0) == {
        "a": "said 1"
    }


@pytest.mark.parametrize(
    ("doubts", "accused"),
    [
        (None, False),  # half of those asked are too few by themselves
        ({"1": "right"}, True),  # not where the judge says it too
        ({"1": "third"}, False),
        ({}, False),
    ],
)
def test_half_of_the_witnesses_are_enough_beside_the_judge(
    doubts: dict[str, str] | None, accused: bool
) -> None:
    said = {"a": "right", "b": "right", "d": "other", "e": "wrong"}
    task = SimpleNamespace(
        output=LabelsOutput(labels=("right", "wrong", "other", "third", "elsewhere")),
        climb=SimpleNamespace(seed=0),
    )
    peers = {
        key: {
            "1": attempt("1", text, 1.0 if text == "wrong" else 0.0),
            "2": attempt("2", "elsewhere", 1.0),
        }
        for key, text in said.items()
    }
    bench = SimpleNamespace(
        subject=SimpleNamespace(candidate=SimpleNamespace(key="own")),
        task=task,
        peers=peers,
        techniques=KINDS,
        doubts=doubts,
        cut=0.5,
    )
    case = Case(Example(id="1", input="i", expected="wrong"), peers["a"]["1"])
    (found,) = asyncio.run(suspects(cast(Bench, cast(Any, bench)), case))
    assert found.flipped == accused
