"""Word search, meaning search and their fusion."""

import numpy as np
import pytest

from rung.knowledge.dense import DenseIndex
from rung.knowledge.fusion import fuse
from rung.knowledge.lexical import MAX_TERMS, LexicalIndex, match_expression

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
    long = " ".join(f"w{i}" for i in range(5000))
    assert match_expression(long).count(" OR ") == MAX_TERMS - 1
    assert LexicalIndex(TEXTS).search(long, 3) == []


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
