"""Meaning search: exact cosine over unit vectors, so no index error enters a measurement."""

from __future__ import annotations

from rung.knowledge.lexical import Ranking, highest
from rung.models.base import Vectors


class DenseIndex:
    """Exact search; `vectors` are unit rows, shape (n, dimension), float32."""

    def __init__(self, vectors: Vectors) -> None:
        self.vectors = vectors

    def search(self, query: Vectors, k: int) -> Ranking:
        """The `k` nearest rows by cosine to one unit vector of shape (dimension,)."""
        if k < 1 or not len(self.vectors):
            return []
        return highest(self.vectors @ query, k)
