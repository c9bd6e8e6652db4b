"""The port of the shelf: one query on its way, and what a stage makes of it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, Protocol

from rung.errors import UserError
from rung.knowledge.lexical import Ranking
from rung.knowledge.stores.base import EVERYTHING, Store, Where
from rung.knowledge.tools import Tool
from rung.models.base import ChatModel, ChatReply
from rung.records import Passage, Step


class Hunt(NamedTuple):
    """One query on its way through the stages."""

    query: str
    """As it is searched for: a rewriting stage changes it."""
    depth: int
    """How far down a search looks."""
    k: int = 0
    """Most passages that are handed over."""
    also: tuple[str, ...] = ()
    """What else is searched for, each as much as the query."""
    rankings: tuple[Ranking, ...] = ()
    """One of each search; one in all once they are fused."""
    passages: tuple[Passage, ...] = ()
    """What is handed over, best first, once it was read."""
    seconds: float = 0.0
    """Of this machine, waiting left out."""
    where: Where = EVERYTHING
    """What `meta` of a passage must be."""
    tools: Mapping[str, Tool] = MappingProxyType({})
    """The task's, by name."""
    chat: ChatModel | None = None
    """The task's own model, where one may be asked."""
    steps: tuple[Step, ...] = ()
    """What was asked of tools and of the model on the way."""
    replies: tuple[ChatReply, ...] = ()
    """What the model said to it."""

    @property
    def queries(self) -> tuple[str, ...]:
        """All that is searched for."""
        return (self.query, *self.also)

    def asked(self) -> ChatModel:
        """The model. Raises `UserError` where nothing was handed over."""
        if self.chat is None:
            raise UserError(
                "this context asks the task's model before it searches, and no model is at hand: "
                "answer through its solver, or leave out its `rewrite` and `rerank`"
            )
        return self.chat


class Stage(Protocol):
    """One step. Equal hunts over equal stores come out equal."""

    async def run(self, hunt: Hunt, store: Store) -> Hunt:
        """The hunt after this step, its own seconds added."""
        ...
