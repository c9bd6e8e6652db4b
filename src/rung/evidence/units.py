"""What one unit of evidence is, and in which order units are seen.

Several questions on one document stand or fall together, and so do repeated answers to one
question: their mean is one score. The order is fixed by content, so that neither the file's order
nor which answer came back first can choose the examples.
"""

import hashlib
from collections.abc import Hashable, Iterable, Sequence

import numpy as np

from rung.errors import UserError


def fixed_order(ids: Iterable[str], seed: int) -> list[str]:
    """The ids in the one order that all candidates share: by sha256 of seed and id."""

    def place(identity: str) -> bytes:
        return hashlib.sha256(f"{seed}:{identity}".encode()).digest()

    return sorted(ids, key=place)


def cluster_means(scores: Sequence[float], clusters: Sequence[Hashable]) -> list[float]:
    """Mean score of each cluster, in order of first appearance.

    Also averages repeated answers: give the example's id as the cluster. Look only when the last
    cluster is complete; half a document is not a unit.
    """
    if len(scores) != len(clusters):
        raise UserError(
            f"{len(scores)!r} scores for {len(clusters)!r} cluster names; give one name per score."
        )
    members: dict[Hashable, list[float]] = {}
    for score, cluster in zip(scores, clusters, strict=True):
        members.setdefault(cluster, []).append(float(score))
    return [float(np.mean(group)) for group in members.values()]
