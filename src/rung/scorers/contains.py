"""Contains: the expected phrase stands in the answer as whole words."""

from __future__ import annotations

from rung.records import Answer
from rung.scorers.base import ComparingScorer, Score, answer_text, marks
from rung.scorers.words import words
from rung.task.types import Example


class Contains(ComparingScorer):
    """1 where the normalised words of the expected phrase follow one another in the answer.

    Says nothing of what else the answer holds: a long enough answer contains anything.
    """

    name = "contains"
    kinds = frozenset({"text"})

    def compare(self, example: Example, answer: Answer) -> Score:
        """There or not, with `exact_match` beside it."""
        said, gold = words(answer_text(answer)), words(str(example.expected))
        size = len(gold)
        there = any(said[i : i + size] == gold for i in range(len(said) - size + 1))
        reason = None if there else "the expected phrase is not in the answer"
        return marks(float(there), reason, exact_match=float(said == gold))
