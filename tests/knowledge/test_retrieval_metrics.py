"""Retrieval measures, by hand."""

import sys
from math import log2
from pathlib import Path

import pytest

from rung.records import Passage

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from retrieval_metrics import (
    document_ranking,
    judge,
    ndcg_at,
    recall_at,
    reciprocal_rank,
)


def test_by_hand() -> None:
    ranking, relevant = ("a", "b", "c", "d"), {"b", "d"}
    assert recall_at(2, ranking, relevant) == 0.5
    assert reciprocal_rank(10, ranking, relevant) == 0.5
    assert reciprocal_rank(1, ranking, relevant) == 0
    expected = (1 / log2(3) + 1 / log2(5)) / (1 + 1 / log2(3))
    assert ndcg_at(10, ranking, relevant) == pytest.approx(expected)


def test_means_leave_out_queries_without_a_relevant_document() -> None:
    scores = judge([(("a",), {"a"}), (("b",), {"a"}), (("b",), set())])
    assert (scores.n, scores.recall_at_1, scores.ndcg_at_10) == (2, 0.5, 0.5)
    with pytest.raises(ValueError, match="nothing to judge"):
        judge([(("a",), set())])


def test_documents_count_at_their_first_passage() -> None:
    passages = [Passage(document_id=i, text="t") for i in ("b", "a", "b")]
    assert document_ranking(passages) == ("b", "a")
