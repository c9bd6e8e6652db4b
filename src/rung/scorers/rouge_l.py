"""ROUGE-L: the longest common subsequence of words, as F1 (Lin 2004)."""

import unicodedata

import regex

from rung.scorers.base import Score, TextScorer, marks
from rung.task.scripts import split_characters

_WORD = regex.compile(r"[\w\p{M}]+")


class RougeL(TextScorer):
    """F1 of the longest common subsequence; rapidfuzz finds it.

    Words are runs of letters and digits of any script, lower case, not stemmed: on English text
    the figure of Google's `rouge-score` without stemmer, which knows only a to z. Where writing
    has no blanks a character is a word.
    """

    name = "rouge_l"
    version = "3"
    graded = True

    def texts(self, gold: str, text: str) -> Score:
        """ROUGE-L F1 of answer against expected text."""
        from rapidfuzz.distance import LCSseq

        given, right = _words(text), _words(gold)
        return marks(2 * LCSseq.similarity(given, right) / (len(given) + len(right)))


def _words(text: str) -> list[str]:
    """Never empty: text without letters and digits counts as one word."""
    plain = unicodedata.normalize("NFC", text).lower()
    return _WORD.findall(split_characters(plain)) or [plain.strip()]
