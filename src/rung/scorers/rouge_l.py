"""ROUGE-L: the longest common subsequence of words, as F1 (Lin 2004)."""

from __future__ import annotations

import re

from rung.records import Answer
from rung.scorers.base import ComparingScorer, Score, answer_text, marks
from rung.task.types import Example

_WORD = re.compile(r"\w+")


class RougeL(ComparingScorer):
    """F1 of the longest common subsequence; rapidfuzz finds it.

    Words are runs of letters and digits of any script, lower case, not stemmed: on English text
    the figure of Google's `rouge-score` without stemmer, which knows only a to z.
    """

    name = "rouge_l"
    graded = True
    kinds = frozenset({"text"})

    def compare(self, example: Example, answer: Answer) -> Score:
        """ROUGE-L F1 of answer against expected text."""
        from rapidfuzz.distance import LCSseq

        said, gold = _words(answer_text(answer)), _words(str(example.expected))
        return marks(2 * LCSseq.similarity(said, gold) / (len(said) + len(gold)))


def _words(text: str) -> list[str]:
    """Never empty: text without letters and digits counts as one word."""
    return _WORD.findall(text.lower()) or [text.strip()]
