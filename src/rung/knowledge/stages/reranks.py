"""Passages put in another order than their search gave."""

import json

from rung.candidate import Context
from rung.errors import UserError
from rung.knowledge.lexical import searched_text
from rung.knowledge.stages.base import Hunt
from rung.knowledge.stores.base import Store
from rung.models.base import ChatRequest, Embedder, Message
from rung.records import Passage

JUDGED = 8
"""Passages that the task's own model is asked about, one by one; others are left out."""
RELEVANT = "Does the passage hold what is needed to answer the input? Say yes or no."
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
        result = await tool.call(asked | ({"model": m} if (m := tool.settings.model) else {}))
        ordered = [(places[index], score) for index, score in json.loads(result.text)]
        step, here = result.step(self._name, hunt.query), 0.0
        if tool.settings.protocol == "cross-encoder":  # this machine's work, and no waiting
            step, here = step.model_copy(update={"seconds": 0.0}), step.seconds
        return hunt._replace(
            rankings=(ordered,), steps=(*hunt.steps, step), seconds=hunt.seconds + here
        )


def judging(query: str, passage: Passage) -> ChatRequest:
    """The call by which a model says whether a passage is of use."""
    text = f"Input: {query}\n\nPassage: {searched_text(passage)}"
    messages = (Message(role="system", content=RELEVANT), Message(role="user", content=text))
    return ChatRequest(messages=messages, max_tokens=4, choices=("yes", "no"))


class ByModel:
    """By how probable it is that the task's own model says yes to a passage (Nogueira et al. 2020,
    https://arxiv.org/abs/2003.06713). Equal ones, such as all answers of a model that does not tell
    probabilities, stay in the order of the search."""

    def __init__(self, context: Context, embedder: Embedder | None) -> None:
        pass

    async def run(self, hunt: Hunt, store: Store) -> Hunt:
        """One ranking in all, by probability. Raises `ProviderError`."""
        (ranking,) = hunt.rankings
        places = [place for place, _ in ranking[:JUDGED]]
        scored, replies = [], []
        for place, passage in zip(places, await store.read(places), strict=True):
            reply = await hunt.asked().reply(judging(hunt.query, passage))
            sure = 1.0 if reply.confidence is None else reply.confidence
            said_yes = reply.text.strip().lower().startswith("yes")
            scored.append((place, sure if said_yes else 1 - sure))
            replies.append(reply)
        scored.sort(key=lambda one: -one[1])
        return hunt._replace(rankings=(scored,), replies=(*hunt.replies, *replies))
