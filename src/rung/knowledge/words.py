"""Words and where they stand: the one normalisation that gold passages and citations share.

Not for scoring (that is `rung.scorers`) and not for search (`rung.knowledge.lexical`
has terms).
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

import regex

from rung.task.scripts import UNSPACED

_WORD = re.compile(r"[^\W_]+")
_PARTS = regex.compile(rf"{UNSPACED}|(?:(?!{UNSPACED})(?:[^\W_]|\p{{M}}))+")

# Articles carry no evidence and come and go between an answer and its source (SQuAD drops them
# too: Rajpurkar et al. 2016, the official evaluation script).
_ARTICLES = frozenset({"a", "an", "the"})


class Word(NamedTuple):
    """A normalised word and the characters it came from."""

    text: str
    start: int
    end: int


def words(text: str) -> list[Word]:
    """Letters and digits, case-folded, without articles; offsets point into `text`."""
    every = (
        Word(unicodedata.normalize("NFKC", m.group()).casefold(), m.start(), m.end())
        for m in _found(text)
    )
    return [word for word in every if word.text not in _ARTICLES]


def _found(text: str) -> Iterator[re.Match[str]]:
    """Words; single characters where writing has no blanks, and marks stay on their letters."""
    return _WORD.finditer(text) if text.isascii() else _PARTS.finditer(text)


def may_contain(text: str, word: str) -> bool:
    """A quick look before `words`: False only where the normalised word stands nowhere."""
    return word in unicodedata.normalize("NFKC", text).casefold()


def occurrences(needle: list[Word], haystack: list[Word]) -> list[tuple[int, int]]:
    """Character spans in the haystack's text where the needle stands, whole words only."""
    if not needle:
        return []
    sought = [word.text for word in needle]
    size = len(sought)
    return [
        (haystack[i].start, haystack[i + size - 1].end)
        for i in range(len(haystack) - size + 1)
        if haystack[i].text == sought[0] and [w.text for w in haystack[i : i + size]] == sought
    ]
