"""What is served: winners kept by hash, swapped after a paired test, rolled back, re-indexed."""

from rung.loop.shipping.promote import Promotion, promote
from rung.loop.shipping.reindex import Reindexed, reindex
from rung.loop.shipping.winners import Winners

__all__ = ["Promotion", "Reindexed", "Winners", "promote", "reindex"]
