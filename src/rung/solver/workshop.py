"""What fitting needs from outside."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from rung.behaviour.trainers.base import Hooks, Till, Tuned
from rung.candidate import Candidate
from rung.knowledge.contexts import Knowledge, knowledge_of
from rung.knowledge.retriever import Retriever
from rung.knowledge.tools import Tool, open_tool
from rung.models.base import ChatModel
from rung.models.metered import MeteredEmbedder, Read, note_read, reads
from rung.records import Usage
from rung.task.tools import ToolSettings
from rung.task.types import Document, Task, digest


@dataclass
class Workshop:
    """Open models, an embedder, and a folder for adapters.

    `chat` is the model to ask (metered, cached); `raw` the same model without wrappers, which a
    trainer needs.
    """

    chat: Callable[[str], ChatModel]
    raw: Callable[[str], ChatModel]
    embedder: Callable[[str], MeteredEmbedder]
    folder: Path
    on_tuning: Callable[[str, str, float], None] | None = None
    """Told the candidate's key, the stage and the share of it that is done."""
    tool: Callable[[ToolSettings], Tool] = open_tool
    """What a tool is asked through: a climb keeps what it says."""
    stop: threading.Event = field(default_factory=threading.Event)
    tuned: dict[str, Tuned] = field(default_factory=dict)
    """What tuning each candidate took, by key."""
    till: Till | None = None
    """Prices and the budget; without it nothing is bought."""
    price: Callable[[Usage, str], Decimal] = lambda usage, model: Decimal(0)
    """USD of one call of a model."""
    embedded: dict[str, int] = field(default_factory=dict)
    """Tokens that a hosted embedder read to make each candidate, by key."""
    _retrievers: dict[str, Retriever] = field(default_factory=dict)
    _indexed: dict[str, list[Read]] = field(default_factory=dict)

    def hooks(self, key: str) -> Hooks:
        """What a training of the candidate tells, and when it is to stop."""

        def progress(stage: str, share: float) -> None:
            if self.on_tuning is not None:
                self.on_tuning(key, stage, share)

        return Hooks(progress, self.stop.is_set)

    async def knowledge(self, candidate: Candidate, task: Task) -> Knowledge:
        """The candidate's context, fitted; the same documents and cut are indexed once."""
        context = candidate.context

        async def index(documents: Sequence[Document]) -> Retriever:
            embedder = self.embedder(candidate.embedder) if candidate.embedder else None
            parts = (context.cut, context.chunk_chars, context.search, context.store)
            name = digest([*parts, candidate.embedder])
            if name not in self._retrievers:
                with reads() as read:
                    self._retrievers[name] = await Retriever.build(documents, context, embedder)
                self._indexed[name] = read
            for one in self._indexed[name]:  # each candidate is set up with all of it
                note_read(one)
            return self._retrievers[name].as_of(context)

        return await knowledge_of(context).fit(context, task.documents, index)
