"""Token F1: how far the words of the answer are those expected (SQuAD, Rajpurkar et al. 2016)."""

from __future__ import annotations

from collections import Counter

from rung.records import Answer
from rung.scorers.base import ComparingScorer, Score, answer_text, marks
from rung.scorers.words import words
from rung.task.types import Example


class TokenF1(ComparingScorer):
    """Harmonic mean of precision and recall of the normalised words."""

    name = "token_f1"
    graded = True
    kinds = frozenset({"text"})

    def compare(self, example: Example, answer: Answer) -> Score:
        """F1 of two bags of words, with `exact_match` beside it."""
        said, gold = words(answer_text(answer)), words(str(example.expected))
        shared = sum((Counter(said) & Counter(gold)).values())
        value = 2 * shared / (len(said) + len(gold)) if said or gold else 1.0
        return marks(value, exact_match=float(said == gold))
