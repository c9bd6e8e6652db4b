"""Searches by words and by meaning, and both made one."""

import time

from rung.candidate import Context
from rung.knowledge.fusion import weighed
from rung.knowledge.stages.base import Hunt
from rung.knowledge.stores.base import Store
from rung.models.base import Embedder
from rung.models.metered import Metered, unread_share


class ByWords:
    """Passages that share words with the query."""

    def __init__(self, context: Context, embedder: Embedder | None) -> None:
        pass

    async def run(self, hunt: Hunt, store: Store) -> Hunt:
        """One ranking more."""
        started = time.perf_counter()
        ranking = await store.by_words(hunt.query, hunt.depth, hunt.where)
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
        vectors, seconds = await metered.embed_metered([hunt.query])
        started = time.perf_counter()
        ranking = await store.by_vector(vectors[0], hunt.depth, hunt.where)
        took = hunt.seconds + seconds[0] + time.perf_counter() - started
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
