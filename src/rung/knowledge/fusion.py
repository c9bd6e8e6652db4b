"""Several rankings made one, by rank alone, so their scores need no common scale.

Reciprocal rank fusion: Cormack, Clarke & Buettcher, "Reciprocal Rank Fusion outperforms
Condorcet and individual Rank Learning Methods", SIGIR 2009.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rung.knowledge.lexical import Ranking

K = 60
"""The paper's constant: how quickly a place further down loses weight."""


def fuse(rankings: Iterable[Sequence[int]], k: int) -> Ranking:
    """The `k` best by the sum of 1 / (60 + rank), rank from 1; equal sums by position."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, position in enumerate(ranking, start=1):
            scores[position] = scores.get(position, 0.0) + 1 / (K + rank)
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))[: max(k, 0)]
