"""Several rankings made one: by their scores, or by rank alone where these have no common scale.

By score: a convex combination (Bruch, Gai & Ingber 2023, "An Analysis of Fusion Functions for
Hybrid Retrieval", https://arxiv.org/abs/2210.11934), each score over the best one of its ranking,
so that an embedder to which everything is alike has next to no say.
By rank, reciprocal rank fusion: Cormack, Clarke & Buettcher, "Reciprocal Rank Fusion outperforms
Condorcet and individual Rank Learning Methods", SIGIR 2009.
"""

from collections.abc import Iterable, Sequence

from rung.knowledge.lexical import Ranking

K = 60
"""The paper's constant: how quickly a place further down loses weight."""


def weighed(rankings: Sequence[tuple[float, Ranking]], k: int) -> Ranking:
    """The `k` best by the sum of weight x score / best score; equal sums by position.

    What a ranking lacks, or scores below 0, counts nothing there.
    """
    sums: dict[int, float] = {}
    for weight, ranking in rankings:
        best = max((score for _, score in ranking), default=0.0)
        for position, score in ranking:
            share = weight * max(score, 0.0) / best if best > 0 else 0.0
            sums[position] = sums.get(position, 0.0) + share
    return _best(sums, k)


def fuse(rankings: Iterable[Sequence[int]], k: int) -> Ranking:
    """The `k` best by the sum of 1 / (60 + rank), rank from 1; equal sums by position."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, position in enumerate(ranking, start=1):
            scores[position] = scores.get(position, 0.0) + 1 / (K + rank)
    return _best(scores, k)


def _best(scores: dict[int, float], k: int) -> Ranking:
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))[: max(k, 0)]
