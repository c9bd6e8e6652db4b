"""Who is a witness, and when witnesses agree."""

from __future__ import annotations

from rung.diagnose.witnesses import agreed, misheard, plain, said, strong
from rung.records import Answer, Attempt
from rung.task.types import LabelsOutput, SchemaOutput, TextOutput

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
