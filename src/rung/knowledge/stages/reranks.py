"""Passages put in another order than their search gave."""

import json

from rung.candidate import Context
from rung.errors import UserError
from rung.knowledge.lexical import searched_text
from rung.knowledge.stages.base import Hunt
from rung.knowledge.stores.base import Store
from rung.models.base import Embedder

RERANKED = 20
"""Passages sent of a search; those further down are left out."""


class ByEndpoint:
    """In the order of a reranker's `relevance_score`: the context's `tool`, of `[[tools]]`."""

    def __init__(self, context: Context, embedder: Embedder | None) -> None:
        self._name = context.tool

    async def run(self, hunt: Hunt, store: Store) -> Hunt:
        """One ranking in all. Raises `SourceError` where the endpoint does not order all."""
        tool = hunt.tools.get(self._name)
        if tool is None or tool.settings.informs:
            raise UserError(
                f"the candidate reranks by {self._name!r}, which is no reranker: add it to "
                '[[tools]] with protocol = "rerank"'
            )
        (ranking,) = hunt.rankings
        places = [place for place, _ in ranking[:RERANKED]]
        if not places:
            return hunt
        texts = [searched_text(passage) for passage in await store.read(places)]
        asked = {"query": hunt.query, "documents": texts, "top_n": len(texts)}
        said = await tool.call(asked | ({"model": m} if (m := tool.settings.model) else {}))
        ordered = [(places[index], score) for index, score in json.loads(said.text)]
        step = said.step(self._name, hunt.query)
        return hunt._replace(rankings=(ordered,), steps=(*hunt.steps, step))
