"""chrF: F-score of character n-grams (Popović 2015), computed by sacreBLEU with its defaults."""

import unicodedata
from functools import cache
from typing import Any

from rung.scorers.base import Score, TextScorer, marks


class Chrf(TextScorer):
    """sacreBLEU's sentence chrF (n-grams up to 6, beta 2) of composed text, divided by 100."""

    name = "chrf"
    version = "3"
    graded = True

    def texts(self, gold: str, text: str) -> Score:
        """chrF of answer against expected text."""
        gold, text = unicodedata.normalize("NFC", gold), unicodedata.normalize("NFC", text)
        overlap = _metric().sentence_score(text, [gold])
        return marks(1.0 if text == gold else overlap.score / 100)


@cache
def _metric() -> Any:
    from sacrebleu.metrics import CHRF

    return CHRF()
