"""Words where writing has no blanks between them: Chinese, Japanese, Thai and their neighbours.

A character is the unit there, as in the scripts of CMRC 2018 (Cui et al. 2019), DRCD and MLQA
(Lewis et al. 2020), which take Chinese apart so; in Thai, Lao, Khmer and Burmese a character comes
with the vowel signs and tones written on it.
"""

from __future__ import annotations

import re

_IDEOGRAPHS = (
    r"\u3005-\u3007\u3031-\u3035\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    r"\uff66-\uff9f\U0001b000-\U0001b16f\U00020000-\U000323af"
)
_SOUTH_EAST = (
    r"\u0e01-\u0e30\u0e32-\u0e33\u0e40-\u0e46\u0e80-\u0eb0\u0eb2-\u0eb3\u0ebd\u0ec0-\u0ec6"
    r"\u0edc-\u0edf\u1000-\u102a\u103f\u1050-\u1055\u1780-\u17b3"
)
_MARKS = (
    r"\u3099\u309a\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece\u102b-\u103e"
    r"\u1056-\u109d\u17b4-\u17d3\u200c\u200d\ufe00-\ufe0f"
)
UNSPACED = re.compile(f"[{_IDEOGRAPHS}{_SOUTH_EAST}][{_MARKS}]*")
"""One character of such a script, with its marks."""
_CLUSTERS = re.compile(f"[{_SOUTH_EAST}][{_MARKS}]*")
_CLUSTERS_A_WORD = 3
"""Of Thai and its neighbours: without a dictionary their words can only be estimated."""


def split_unspaced(text: str) -> str:
    """Blanks around every character of a script that has none; other text as it is."""
    return UNSPACED.sub(r" \g<0> ", text)


def count_words(text: str) -> int:
    """Words of a text as word processors count them: a Chinese or Japanese character is one.

    Three characters of Thai, Lao, Khmer or Burmese count as one word, an estimate on the short
    side, so that a limit refuses no answer that keeps it.
    """
    clusters = len(_CLUSTERS.findall(text))
    rest = split_unspaced(_CLUSTERS.sub(" ", text)).split()
    words = [word for word in rest if any(c.isalnum() for c in word)] if clusters else rest
    return len(words) + -(-clusters // _CLUSTERS_A_WORD)
