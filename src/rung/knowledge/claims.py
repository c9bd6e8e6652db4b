"""Whether what an answer claims stands in its passages, sentence by sentence. No model is asked.

The text tells it one way or the other, or it does not: what is put in words of its own, or in
another language, is left to a judge.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from rung.knowledge.citations import LONG_ANSWER_WORDS, marked, telling
from rung.knowledge.words import occurrences, words
from rung.records import MARKER, Passage

Support = Literal["held", "elsewhere", "unheld", "untold"]
"""It stands in the passages that it names, or in any where it names none; only in others; a number
of it stands in none; or the text does not tell."""
MIN_SHARE = 0.8
"""Share of a sentence's telling words that one or two neighbouring sentences of a passage have,
every number and every "not" of it among them, from which it is held.

Measured with `benchmarks/citations.py` (docs/retrieval.md)."""
SPOKEN = 12
"""Numbers up to it are often written as words: a digit that is missing tells nothing."""
_SENTENCE = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n+")
_GROUPED = re.compile(r"(?<=\d)[,.'’\s](?=\d{3}(?!\d))")
_NEGATED = re.compile(r"\b(?:not?|never|none|without|neither|nor|cannot)\b|n['’]t\b", re.I)


class Claim(NamedTuple):
    """A sentence of an answer."""

    text: str
    support: Support
    named: tuple[int, ...]
    """Indices of the passages that it names."""


def claims(answer: str, passages: Sequence[Passage]) -> list[Claim]:
    """Those sentences of the answer that say something which could be looked up."""
    made = []
    for sentence in _SENTENCE.split(answer):
        claim = _plain(MARKER.sub(" ", sentence)).strip()
        if telling(words(claim)):
            named = marked(sentence, len(passages))
            made.append(Claim(claim, _support(claim, named, passages), named))
    return made


def _support(claim: str, named: Sequence[int], passages: Sequence[Passage]) -> Support:
    texts = [_plain(f"{p.title}\n{p.text}") for p in passages]
    holding = [i for i, text in enumerate(texts) if _holds(text, claim)]
    if holding:
        return "held" if not named or set(named) & set(holding) else "elsewhere"
    every = {word for text in texts for word in _numbers(text)}
    lacking = {n for n in _numbers(claim) if n.isdecimal() and int(n) > SPOKEN} - every
    return "unheld" if texts and lacking else "untold"


def _holds(text: str, claim: str) -> bool:
    sought = words(claim)
    own = telling(sought)
    if occurrences(sought, words(text)):
        return True
    if len(own) < LONG_ANSWER_WORDS:
        return False
    needed = _numbers(claim)
    for window in _windows(text):
        has = {word.text for word in words(window)}
        alike = bool(_NEGATED.search(window)) == bool(_NEGATED.search(claim))
        if alike and needed <= has and len(own & has) >= MIN_SHARE * len(own):
            return True
    return False


def _windows(text: str) -> Iterator[str]:
    sentences = [s for s in _SENTENCE.split(text) if s.strip()]
    yield from sentences
    yield from map(" ".join, pairwise(sentences))


def _numbers(text: str) -> set[str]:
    return {word.text for word in words(text) if any(c.isdigit() for c in word.text)}


def _plain(text: str) -> str:
    """Numbers without what parts their thousands."""
    return _GROUPED.sub("", text)
