"""No similar pair is missed: against comparing every text with every other."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from rung.audit.pairs import _grams, bare, find_twins, similar_pairs

WORDS = st.sampled_from(
    ["red", "green", "blue", "box", "cart", "door", "late", "order", "parcel", "street", "the", "a"]
)
TEXTS = st.lists(st.lists(WORDS, min_size=1, max_size=9).map(" ".join), unique=True, max_size=25)


def jaccard(first: str, second: str) -> float:
    a, b = _grams(first), _grams(second)
    return len(a & b) / len(a | b)


@settings(max_examples=60, deadline=None)
@given(texts=TEXTS, least=st.sampled_from([0.3, 0.5, 0.8, 0.95, 1.0]))
def test_the_join_finds_exactly_the_similar_pairs(texts: list[str], least: float) -> None:
    every = {
        (i, j)
        for i in range(len(texts))
        for j in range(i + 1, len(texts))
        if jaccard(texts[i], texts[j]) >= least
    }
    assert {(i, j) for i, j, _ in similar_pairs(texts, least)} == every


@settings(max_examples=40, deadline=None)
@given(
    text=st.text(alphabet="abcdefghij klmnop", min_size=40, max_size=120).filter(
        lambda t: len(t.split()) > 3 and len(bare(t)) >= 40
    ),
    place=st.integers(0, 39),
)
def test_one_changed_letter_is_always_found(text: str, place: int) -> None:
    clean = bare(text)
    other = clean[:place] + "z" + clean[place + 1 :]
    twins = find_twins(["something else entirely, with no likeness", clean, other])
    pairs = {(n.first, n.second) for n in twins.near} | set(twins.equal)
    assert (1, 2) in pairs


def test_equal_means_letters_and_digits() -> None:
    twins = find_twins(
        ["Where is it?", "where  is it", "WHERE, IS IT!", "wherever is it", "Éa", "ea"]
    )
    assert twins.equal == ((0, 1, 2), (4, 5))
    assert bare("?!") == "?!"  # nothing but signs stays what it is
