"""Meaning search: exact cosine over unit vectors, so no index error enters a measurement."""

from collections.abc import Sequence

import numpy as np

from rung.errors import SourceError
from rung.knowledge.lexical import Ranking, highest
from rung.models.base import Vectors


class DenseIndex:
    """Exact search; `vectors` are unit rows, shape (n, dimension), float32."""

    def __init__(self, vectors: Vectors) -> None:
        self.vectors = vectors

    def search(self, query: Vectors, k: int, among: Sequence[int] | None = None) -> Ranking:
        """The `k` nearest rows by cosine to one unit vector of shape (dimension,).

        `among` are the rows that are looked at, in order; all where None. Equal scores come by row.
        """
        rows = None if among is None else np.asarray(among, dtype=np.int64)
        size = len(self.vectors) if rows is None else len(rows)
        if k < 1 or not size:
            return []
        if len(query) != self.vectors.shape[1]:
            raise SourceError(
                f"the embedder gives {len(query)} numbers a text, and the index was made with "
                f"{self.vectors.shape[1]}: it is another one now"
            )
        if rows is None:
            return highest(self.vectors @ query, k)
        best = highest(self.vectors[rows] @ query, k)
        return [(int(rows[at]), score) for at, score in best]
