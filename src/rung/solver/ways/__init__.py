"""The shelf of ways: how one model, asked, comes to an answer."""

from rung.solver.ways.base import Asked, Way, answer_of
from rung.solver.ways.shelf import WAYS

__all__ = ["WAYS", "Asked", "Way", "answer_of"]
