"""Searches by words and by meaning, and both made one."""

import time
from collections.abc import Sequence

from rung.candidate import Context
from rung.knowledge.fusion import weighed
from rung.knowledge.lexical import Ranking
from rung.knowledge.stages.base import Hunt
from rung.knowledge.stores.base import Store
from rung.models.base import Embedder
from rung.models.metered import Metered, prompted, unread_share


class ByWords:
    """Passages that share words with the query."""

    def __init__(self, context: Context, embedder: Embedder | None) -> None:
        pass

    async def run(self, hunt: Hunt, store: Store) -> Hunt:
        """One ranking more."""
        started = time.perf_counter()
        rankings = [await store.by_words(query, hunt.depth, hunt.where) for query in hunt.queries]
        ranking = _evenly(rankings, hunt.depth)
        took = hunt.seconds + time.perf_counter() - started
        return hunt._replace(rankings=(*hunt.rankings, ranking), seconds=took)


class ByMeaning:
    """Passages whose vectors are near to the query's."""

    def __init__(self, context: Context, embedder: Embedder | None) -> None:
        self._embedder = embedder

    async def run(self, hunt: Hunt, store: Store) -> Hunt:
        """One ranking more."""
        embedder = self._embedder
        assert embedder is not None
        metered = embedder if isinstance(embedder, Metered) else Metered(embedder)
        vectors, seconds = await metered.embed_metered(prompted(embedder, "query", hunt.queries))
        started = time.perf_counter()
        rankings = [await store.by_vector(vector, hunt.depth, hunt.where) for vector in vectors]
        ranking = _evenly(rankings, hunt.depth)
        took = hunt.seconds + sum(seconds) + time.perf_counter() - started
        return hunt._replace(rankings=(*hunt.rankings, ranking), seconds=took)


class Fused:
    """Words and vectors made one ranking, weighed as the context says; words count for at least the
    share of the query that the embedder cannot read."""

    def __init__(self, context: Context, embedder: Embedder | None) -> None:
        self._weight, self._embedder = context.word_weight, embedder

    async def run(self, hunt: Hunt, store: Store) -> Hunt:
        """One ranking in all."""
        started = time.perf_counter()
        words, vectors = hunt.rankings
        weight = max(self._weight, unread_share(self._embedder, [hunt.query]))
        ranking = weighed([(weight, words), (1 - weight, vectors)], hunt.depth)
        took = hunt.seconds + time.perf_counter() - started
        return hunt._replace(rankings=(ranking,), seconds=took)


def _evenly(rankings: Sequence[Ranking], depth: int) -> Ranking:
    """One ranking of those of all queries, each as much as the others."""
    if len(rankings) == 1:
        return rankings[0]
    return weighed([(1 / len(rankings), ranking) for ranking in rankings], depth)
