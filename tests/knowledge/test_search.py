"""Word search, meaning search and their fusion."""

from itertools import product
from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.knowledge.dense import DenseIndex
from rung.knowledge.fusion import fuse, weighed
from rung.knowledge.lexical import MAX_TERMS, LexicalIndex, highest

TEXTS = ["refund for shoes", "parcel is late", "late refunds of parcels", "naïve café"]


def test_words_are_stemmed_folded_and_ranked() -> None:
    index = LexicalIndex(TEXTS)
    assert [i for i, _ in index.search("Refunding", 5)] == [0, 2]
    assert [i for i, _ in index.search("late parcel", 5)] == [1, 2]
    assert [i for i, _ in index.search("CAFE", 5)] == [3]
    assert all(score > 0 for _, score in index.search("late parcel refund", 5))
    assert len(index.search("late refund", 1)) == 1


@pytest.mark.parametrize(
    "query",
    ['"', "shoes\" OR body:*", "NOT shoes", "NEAR(a b)", "^shoes", "shoes*", "a AND (", "body : x",
     "{body}: shoes", "'; DROP TABLE passages; --", "\x00shoes", "- + ^", "💥", "", "   "],
)  # fmt: skip
def test_no_syntax_of_the_query_reaches_the_index(query: str) -> None:
    index = LexicalIndex(TEXTS)
    found = [i for i, _ in index.search(query, 9)]
    assert found == ([0] if "shoes" in query else [])
    assert index.search("shoes", 9)


def test_equal_scores_come_by_position_and_long_queries_are_cut() -> None:
    assert [i for i, _ in LexicalIndex(["same", "same", "same"]).search("same", 2)] == [0, 1]
    long = " ".join(map("".join, product("bcdfgkxz", repeat=4)))
    assert LexicalIndex(TEXTS).search(long, 3) == []
    assert LexicalIndex(TEXTS).search(f"{long} late", 3) == []
    within = " ".join(long.split()[: MAX_TERMS - 1])
    assert [i for i, _ in LexicalIndex(TEXTS).search(f"{within} shoes", 3)] == [0]


def test_bm25_by_hand() -> None:
    found = LexicalIndex(["pear", "pear fig fig plum", "plum", "oak"]).search("figs", 2)
    rarity, drag = log(1 + 3.5 / 1.5), 1.2 * (0.25 + 0.75 * 4 / 1.75)
    assert found == [(1, pytest.approx(rarity * 2 / (2 + drag)))]


def test_words_that_tell_nothing_find_only_what_nothing_else_does() -> None:
    texts = ["the bus the bus the", "what is the price", "a price list", "the price of the bus"]
    index = LexicalIndex(texts)
    found = [i for i, _ in index.search("What is the price?", 9)]
    assert set(found[:3]) == {1, 2, 3} and found[3:] == [0]
    assert [i for i, _ in index.search("What is the bus?", 2)] == [0, 3]
    assert [i for i, _ in index.search("what is the", 1)] == [1], "unless there is nothing else"


def test_letters_and_digits_of_a_word_are_found_apart_too() -> None:
    index = LexicalIndex(["error code E42", "error code 43", "the il2 gene", "Größe 7½ XR-2"])
    assert index.search("42", 1)[0][0] == index.search("E-42", 1)[0][0] == 0
    assert index.search("IL 2 gene", 1)[0][0] == 2
    assert index.search("xr2", 1)[0][0] == 3


@given(
    st.lists(st.sampled_from(["abcd", "efg", "the", "fig", "plum"]), max_size=40), st.integers(1, 9)
)
def test_fewer_are_the_first_of_more(words: list[str], k: int) -> None:
    index = LexicalIndex([" ".join(words[i : i + 3]) for i in range(len(words))])
    assert index.search("the fig efg", k) == index.search("the fig efg", 99)[:k]


@given(st.lists(st.sampled_from([-1.0, 0.0, 0.25, 0.5, 1.0]), min_size=1), st.integers(1, 9))
def test_the_highest_are_those_of_a_full_sort(scores: list[float], k: int) -> None:
    order = sorted(range(len(scores)), key=lambda i: (-scores[i], i))[:k]
    assert highest(np.array(scores), k) == [(i, scores[i]) for i in order]


def test_an_empty_index_finds_nothing() -> None:
    assert LexicalIndex([]).search("x", 3) == []
    assert DenseIndex(np.zeros((0, 0), np.float32)).search(np.ones(3, np.float32), 2) == []


def test_dense_is_exact_with_ties_by_position() -> None:
    vectors = np.eye(4, dtype=np.float32)[[0, 1, 0, 2]]
    found = DenseIndex(vectors).search(np.array([1, 0, 0, 0], np.float32), 3)
    assert found == [(0, 1.0), (2, 1.0), (1, 0.0)]


def test_fusion_by_hand() -> None:
    assert fuse([[5, 7], [7, 9]], 3) == [
        (7, pytest.approx(1 / 61 + 1 / 62)),
        (5, pytest.approx(1 / 61)),
        (9, pytest.approx(1 / 62)),
    ]
    assert [i for i, _ in fuse([[2], [1]], 5)] == [1, 2], "equal sums by position"
    assert fuse([], 3) == [] and fuse([[1]], 0) == []


def test_weighed_fusion_by_hand() -> None:
    words, vectors = [(5, 8.0), (7, 2.0)], [(7, 0.5), (9, 0.25), (5, -0.5)]
    assert weighed([(0.4, words), (0.6, vectors)], 9) == [
        (7, pytest.approx(0.4 * 0.25 + 0.6)),
        (5, pytest.approx(0.4)),
        (9, pytest.approx(0.3)),
    ]
    assert [i for i, _ in weighed([(0.5, [(2, 1.0)]), (0.5, [(1, 1.0)])], 5)] == [1, 2]
    assert weighed([(0.5, []), (0.5, [(3, -0.1)])], 2) == [(3, 0.0)] and weighed([], 3) == []
