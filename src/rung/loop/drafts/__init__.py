"""Examples that a model drafts and a person keeps, corrects or throws away before they count."""

from rung.loop.drafts.asking import Drafted, draft
from rung.loop.drafts.store import Draft, Drafts

__all__ = ["Draft", "Drafted", "Drafts", "draft"]
