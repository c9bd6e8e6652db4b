"""The shelf of contexts: what a model is given to know, one file a choice."""

from rung.knowledge.contexts.base import Found, Knowledge, Question
from rung.knowledge.contexts.shelf import knowledge_of

__all__ = ["Found", "Knowledge", "Question", "knowledge_of"]
