"""The shelf of executors: where solvers answer. Scoring, cache and budget stay with the runner."""

from rung.measure.executors.base import Executor, Placing, Question
from rung.measure.executors.shelf import EXECUTORS, executor_of

__all__ = ["EXECUTORS", "Executor", "Placing", "Question", "executor_of"]
