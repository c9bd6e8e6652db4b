"""chrF: F-score of character n-grams (Popović 2015), computed by sacrebleu with its defaults."""

from __future__ import annotations

from functools import cache
from typing import Any

from rung.records import Answer
from rung.scorers.base import ComparingScorer, Score, answer_text, marks
from rung.task.types import Example


class Chrf(ComparingScorer):
    """Sentence chrF (n-grams up to 6, beta 2), divided by 100."""

    name = "chrf"
    graded = True
    kinds = frozenset({"text"})

    def compare(self, example: Example, answer: Answer) -> Score:
        """chrF of answer against expected text."""
        gold, said = str(example.expected).strip(), answer_text(answer)
        found = _metric().sentence_score(said, [gold])
        return marks(1.0 if said == gold else found.score / 100)


@cache
def _metric() -> Any:
    from sacrebleu.metrics import CHRF

    return CHRF()
