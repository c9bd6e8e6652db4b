"""Texts as comparable words: the normalising of SQuAD (Rajpurkar et al. 2016).

Lower case, no punctuation, no English articles, single blanks. Not a scorer.
"""

from __future__ import annotations

import re
import unicodedata

_ARTICLES = re.compile(r"\b(a|an|the)\b")


def normalised(text: str) -> str:
    """SQuAD's `normalize_answer`, with the punctuation of every script instead of ASCII's."""
    folded = unicodedata.normalize("NFKC", text).lower()
    bare = "".join(c for c in folded if not unicodedata.category(c).startswith(("P", "S")))
    return " ".join(_ARTICLES.sub(" ", bare).split())


def words(text: str) -> list[str]:
    """The normalised words; the raw ones where normalising leaves nothing, as of `"the"`."""
    return normalised(text).split() or text.split()
