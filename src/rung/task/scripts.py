"""Words where writing has no blanks between them: Chinese, Japanese, Thai and their neighbours.

A character is the unit there, as in the official scripts of CMRC 2018 (Cui et al. 2019), DRCD and
MLQA (Lewis et al. 2020); in Thai, Lao, Khmer and Burmese with the vowel signs and tones on it.
Korean has blanks, but endings stick to its words: KorQuAD 1.0 (Lim et al. 2019) compares it by
syllable, so that is done for scores and not for counting.
"""

import regex

_EAST = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Bopomofo}ー々〆"
_SOUTH_EAST = r"\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_ONE = r"(?:(?=\p{{L}})[{0}])\p{{M}}*"
UNSPACED = _ONE.format(_EAST + _SOUTH_EAST + r"\p{Hangul}")
"""A pattern of `regex`: a character that stands for itself in a comparison, with its marks."""
_SCORED = regex.compile(UNSPACED)
_COUNTED = regex.compile(_ONE.format(_EAST))
_CLUSTER = regex.compile(_ONE.format(_SOUTH_EAST))
_CLUSTERS_A_WORD = 3
"""Of Thai and its neighbours: without a dictionary their words can only be estimated."""


_INVISIBLE = regex.compile(
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]"
)
"""Soft hyphen, zero-width blanks, marks and brackets of writing direction, byte order marks."""


def without_invisible(text: str) -> str:
    """The text without characters that no reader sees; joiners, which shape letters, stay."""
    return str(_INVISIBLE.sub("", text))


def whole_characters(text: str) -> str:
    """Halves of a character joined to it; a half alone, left by a cut in UTF-16, as U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def split_characters(text: str) -> str:
    """Blanks around every character that stands for itself in a comparison."""
    return str(_SCORED.sub(r" \g<0> ", text))


def count_words(text: str) -> int:
    """Words of a text as word processors count them: a Chinese or Japanese character is one.

    Three characters of Thai, Lao, Khmer or Burmese count as one word, an estimate on the short
    side, so that a limit refuses no answer that keeps it.
    """
    clusters = len(_CLUSTER.findall(text))
    apart = _COUNTED.sub(r" \g<0> ", _CLUSTER.sub(" ", text))
    if apart == text:
        return len(text.split())
    words = [word for word in apart.split() if any(c.isalnum() for c in word)]
    return len(words) + -(-clusters // _CLUSTERS_A_WORD)
