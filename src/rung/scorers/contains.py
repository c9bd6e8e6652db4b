"""Contains: the expected phrase stands in the answer as whole words.

Answer inclusion, as TriviaQA and Natural Questions are scored for models that answer in sentences
(Mallen et al. 2023, Liu et al. 2024), on the words of `rung.scorers.words`.
"""

import re

from rung.scorers.base import Score, TextScorer, marks
from rung.scorers.words import ARTICLES, words


class Contains(TextScorer):
    """1 where the normalised words of the expected phrase follow one another in the answer.

    Says nothing of what else the answer holds: a long enough answer contains anything.
    """

    name = "contains"
    version = "4"

    def texts(self, gold: str, text: str) -> Score:
        """There or not, with `exact_match` beside it."""
        sought, given = words(gold), words(text)
        size = len(sought)
        there = any(given[i : i + size] == sought for i in range(len(given) - size + 1))
        if not there and sought[-1] in ARTICLES:  # `A` before a word reads as an article
            there = re.search(rf"(?<!\w){re.escape(gold)}(?!\w|[-+*#](?!\w))", text) is not None
        reason = None if there else "the expected phrase is not in the answer"
        return marks(float(there), reason, exact_match=float(given == sought))
