"""What no scorer may depend on: the order of two texts, accents' form, case, white space."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.records import Answer
from rung.scorers.contains import Contains
from rung.scorers.exact_match import ExactMatch, same_json
from rung.scorers.field_f1 import FieldF1
from rung.scorers.rouge_l import RougeL
from rung.scorers.sample_f1 import SampleF1
from rung.scorers.token_f1 import TokenF1
from rung.scorers.words import normalised
from rung.task.labelling import folded
from rung.task.types import Example

SCRIPTS = "abcÀéñßşЯйΣς日本語京ไทย한국가كتابשלוםहिन्दी"
SIGNS = " .,;:!?'\"()-_/%$€+*#&@°²½\u200b\u00a0\u3000「」«»–—👍"
TEXTS = st.text(st.sampled_from(SCRIPTS + SIGNS + "0123456789٠١٢"), min_size=1, max_size=30).filter(
    str.strip
)
"""No blank one: no answer is a gold of its own."""
LEAVES = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-2, 2) | st.text(max_size=4)
JSON: Any = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=6,
)


def marks(scorer: Any, gold: Any, said: Any) -> float:
    text = said if isinstance(said, str) else "x"
    example = Example(id="1", input="q", expected=gold)
    value: float = scorer.compare(example, Answer(text=text, value=said)).value
    return value


@pytest.mark.parametrize("scorer", [ExactMatch(), TokenF1(), RougeL()])
@given(one=TEXTS, other=TEXTS)
@settings(max_examples=60, deadline=None)
def test_text_against_text_is_symmetric_and_full_for_itself(
    scorer: Any, one: str, other: str
) -> None:
    assert marks(scorer, one, other) == pytest.approx(marks(scorer, other, one))
    assert marks(scorer, one, one) == 1.0


@pytest.mark.lengthy
@given(TEXTS)
@settings(max_examples=150, deadline=None)
def test_accents_case_and_white_space_do_not_count(text: str) -> None:
    plain = normalised(text)
    assert normalised(unicodedata.normalize("NFD", text)) == plain
    assert normalised(unicodedata.normalize("NFC", text)) == plain
    assert normalised(text.upper()) == plain == normalised(text.lower())
    assert normalised(f"\t{text.replace(' ', '  ')}\n") == plain
    assert normalised(f"\ufeff{text}\u200e") == plain
    assert folded(f" {text}\u200b ") == folded(text) == folded(folded(text))


@given(st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9))
def test_whole_numbers_are_the_same_only_where_they_are(one: int, other: int) -> None:
    spellings = (str(one), f"{one:,}", f"{one:,}".replace(",", "\u202f"), f"{one}.")
    for said in (*spellings, str(one).translate({ord("0") + i: 0x660 + i for i in range(10)})):
        assert marks(ExactMatch(), str(one), said) == 1.0
        assert marks(ExactMatch(), str(other), said) == float(one == other)
        assert marks(ExactMatch(), f"{one}%", said) == 0.0


@given(st.decimals(-1000, 1000, places=2), st.sampled_from(["", " mg", "%", " €", " km/h", "°C"]))
def test_decimals_keep_point_sign_and_unit(number: Any, unit: str) -> None:
    gold = f"{number}{unit}"
    assert marks(ExactMatch(), gold, f"{number}{unit}.") == 1.0
    assert marks(Contains(), gold, f"It is {gold}, I think.") == 1.0
    for wrong in (f"{number}{unit}".replace(".", ""), f"{-number}{unit}", f"{number}1{unit}"):
        if number and wrong != gold:
            assert marks(ExactMatch(), gold, wrong) == 0.0
            assert marks(Contains(), gold, f"It is {wrong}") == 0.0


@pytest.mark.lengthy
@given(one=JSON, other=JSON)
@settings(max_examples=150, deadline=None)
def test_json_is_compared_symmetrically(one: Any, other: Any) -> None:
    assert same_json(one, one) and same_json(one, other) == same_json(other, one)
    assert marks(FieldF1(), one, one) == 1.0
    assert marks(FieldF1(), one, other) == pytest.approx(marks(FieldF1(), other, one))
    if same_json(one, other):
        assert marks(FieldF1(), one, other) == 1.0


@given(*[st.lists(st.sampled_from("abcd"), unique=True)] * 2)
def test_sets_of_labels_have_no_order(one: list[str], other: list[str]) -> None:
    assert marks(SampleF1(), one, one[::-1]) == 1.0
    assert marks(SampleF1(), one, other) == marks(SampleF1(), other[::-1], one)
    assert marks(ExactMatch("multilabel"), one, other) == float(set(one) == set(other))
