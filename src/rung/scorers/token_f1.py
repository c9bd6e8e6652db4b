"""Token F1: how far the words of the answer are those expected.

The F1 of SQuAD's script (Rajpurkar et al. 2016), with 2.0's rule for questions without an answer
(Rajpurkar et al. 2018), on the words of `rung.scorers.words`; by character where writing has no
blanks, as CMRC 2018, DRCD and KorQuAD 1.0 do.
"""

from collections import Counter

from rung.scorers.base import Score, TextScorer, marks
from rung.scorers.words import words


class TokenF1(TextScorer):
    """Harmonic mean of precision and recall of the normalised words."""

    name = "token_f1"
    version = "4"
    graded = True

    def texts(self, gold: str, text: str) -> Score:
        """F1 of two bags of words, with `exact_match` beside it."""
        right, given = words(gold), words(text)
        shared = sum((Counter(given) & Counter(right)).values())
        value = 2 * shared / (len(given) + len(right))
        return marks(value, exact_match=float(given == right))
