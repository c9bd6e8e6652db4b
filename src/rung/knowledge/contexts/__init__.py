"""The shelf of contexts: what a model is given to know, one file a choice."""

from rung.knowledge.contexts.base import Knowledge
from rung.knowledge.contexts.shelf import knowledge_of

__all__ = ["Knowledge", "knowledge_of"]
