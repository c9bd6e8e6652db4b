"""What is served: winners kept by hash, swapped after a paired test, rolled back, re-indexed."""

from rung.loop.shipping.check import Checked, check
from rung.loop.shipping.promote import Promotion, promote
from rung.loop.shipping.reindex import Reindexed, reindex
from rung.loop.shipping.winners import Winners

__all__ = ["Checked", "Promotion", "Reindexed", "Winners", "check", "promote", "reindex"]
