"""The port of the shelf: one query on its way, and what a stage makes of it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, Protocol

from rung.knowledge.lexical import Ranking
from rung.knowledge.stores.base import EVERYTHING, Store, Where
from rung.knowledge.tools import Tool
from rung.records import Step


class Hunt(NamedTuple):
    """One query on its way through the stages."""

    query: str
    """As it is searched for: a rewriting stage changes it."""
    depth: int
    """How far down a search looks."""
    rankings: tuple[Ranking, ...] = ()
    """One of each search; one in all once they are fused."""
    seconds: float = 0.0
    """Of this machine, waiting left out."""
    where: Where = EVERYTHING
    """What `meta` of a passage must be."""
    tools: Mapping[str, Tool] = MappingProxyType({})
    """The task's, by name."""
    steps: tuple[Step, ...] = ()
    """What was asked of them on the way."""


class Stage(Protocol):
    """One step. Equal hunts over equal stores come out equal."""

    async def run(self, hunt: Hunt, store: Store) -> Hunt:
        """The hunt after this step, its own seconds added."""
        ...
