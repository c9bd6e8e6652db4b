"""The shelf of executors: where solvers answer. Scoring, cache and budget stay with the runner."""

from rung.measure.executors.base import Executor, Question
from rung.measure.executors.shelf import EXECUTORS

__all__ = ["EXECUTORS", "Executor", "Question"]
