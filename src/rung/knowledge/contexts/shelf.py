"""The shelf's list: which class fits which kind of context."""

from rung.candidate import Context
from rung.knowledge.contexts.base import Knowledge
from rung.knowledge.contexts.live import Live
from rung.knowledge.contexts.searched import Gold, Retrieved
from rung.knowledge.contexts.whole import AllDocuments, Nothing

CONTEXTS: dict[str, type[Knowledge]] = {
    "none": Nothing,
    "all": AllDocuments,
    "retrieved": Retrieved,
    "gold": Gold,
    "tool": Live,
}


def knowledge_of(context: Context) -> type[Knowledge]:
    """The class that fits it."""
    return CONTEXTS[context.kind]
