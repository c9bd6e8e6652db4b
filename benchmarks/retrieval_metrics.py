"""How good a ranking of documents is, given the relevant ones (binary relevance).

A passage search is judged by its documents: each counts at the place of its first passage.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from math import log2
from typing import NamedTuple

from rung.records import Passage


class RetrievalScores(NamedTuple):
    """Means over `n` queries that have a relevant document, each in [0, 1]."""

    n: int
    recall_at_1: float
    recall_at_3: float
    recall_at_10: float
    mrr_at_10: float
    ndcg_at_10: float


def document_ranking(passages: Iterable[Passage]) -> tuple[str, ...]:
    """Document ids in the order of their first passage."""
    return tuple(dict.fromkeys(passage.document_id for passage in passages))


def recall_at(k: int, ranking: Sequence[str], relevant: Collection[str]) -> float:
    """Share of the relevant documents among the first `k`."""
    return len(set(ranking[:k]) & set(relevant)) / len(relevant)


def reciprocal_rank(k: int, ranking: Sequence[str], relevant: Collection[str]) -> float:
    """1 / rank of the first relevant document, 0 where none is among the first `k`."""
    ranks = (rank for rank, name in enumerate(ranking[:k], start=1) if name in relevant)
    return 1 / next(ranks, float("inf"))


def ndcg_at(k: int, ranking: Sequence[str], relevant: Collection[str]) -> float:
    """Discounted gain over the best possible (Järvelin & Kekäläinen 2002, ACM TOIS 20(4))."""
    gain = sum(
        1 / log2(rank + 1) for rank, name in enumerate(ranking[:k], start=1) if name in relevant
    )
    ideal = sum(1 / log2(rank + 1) for rank in range(1, min(k, len(relevant)) + 1))
    return gain / ideal


def judge(pairs: Iterable[tuple[Sequence[str], Collection[str]]]) -> RetrievalScores:
    """Mean scores over (ranking, relevant) pairs; queries without a relevant document are left out.

    Raises `ValueError` when none is left: no data is no score.
    """
    judged = [(ranking, set(relevant)) for ranking, relevant in pairs if relevant]
    if not judged:
        raise ValueError("no query has a relevant document, so there is nothing to judge")
    rows = [
        (
            *(recall_at(k, ranking, relevant) for k in (1, 3, 10)),
            reciprocal_rank(10, ranking, relevant),
            ndcg_at(10, ranking, relevant),
        )
        for ranking, relevant in judged
    ]
    return RetrievalScores(
        len(rows), *(sum(column) / len(rows) for column in zip(*rows, strict=True))
    )
