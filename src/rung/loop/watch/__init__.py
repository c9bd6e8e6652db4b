"""Is the served winner still what was measured? Inputs, answers, documents, cost and time."""

from rung.loop.watch.checks import Check
from rung.loop.watch.run import Look, watch

__all__ = ["Check", "Look", "watch"]
