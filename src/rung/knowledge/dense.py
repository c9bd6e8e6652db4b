"""Meaning search: exact cosine over unit vectors, so no index error enters a measurement."""

from __future__ import annotations

import numpy as np

from rung.knowledge.lexical import Ranking
from rung.models.base import Vectors


class DenseIndex:
    """Exact search; `vectors` are unit rows, shape (n, dimension), float32."""

    def __init__(self, vectors: Vectors) -> None:
        self.vectors = vectors

    def search(self, query: Vectors, k: int) -> Ranking:
        """The `k` nearest rows by cosine to one unit vector of shape (dimension,)."""
        if k < 1 or not len(self.vectors):
            return []
        scores = self.vectors @ query
        best = np.argsort(-scores, kind="stable")[:k]
        return [(int(i), float(scores[i])) for i in best]
