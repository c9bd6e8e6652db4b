"""Which of the given passages an answer rests on. No model is asked."""

import re
from collections.abc import Sequence

from rung.knowledge.words import Word, occurrences, words
from rung.records import MARKER, Passage

_BETWEEN = re.compile(r"[,;，、]")
_RANGE = re.compile(r"[–-]")

LONG_ANSWER_WORDS = 5
"""From this many distinct words on, an answer may be supported without standing there verbatim."""

MIN_OVERLAP = 0.5
"""Share of a long answer's distinct words that a passage must contain to be cited.

Measured with `benchmarks/citations.py` on sentences that restate a document in other words: at
0.5, 92 % (scifact-mini) and 99 % (pubmedqa) of the cited passages are of the right document, and
63 % and 23 % of the answers get one. Higher cites less and hardly better, lower cites wrongly.
"""

# They stand in nearly every passage, so finding them in one is no evidence.
_NO_EVIDENCE = frozenset(
    {"yes", "no", "true", "false", "none", "not", "and", "or", "of", "in", "on", "at", "to"}
    | {"for", "from", "by", "with", "as", "is", "are", "was", "were", "be", "been", "it", "its"}
    | {"this", "that", "these", "those"}
)


def cite(answer_text: str, passages: Sequence[Passage]) -> tuple[int, ...]:
    """Indices into `passages`, empty where nothing supports the answer.

    Markers come first: `[1]`, `[1, 3]`, `[1-3]` name passages counted from 1, in the order given; a
    number that no passage has is ignored, and one whose passage has no telling word of the answer
    where another passage has some. Without a marker: the passages that contain the whole
    answer (whole words; case, punctuation and articles ignored). For an answer of
    `LONG_ANSWER_WORDS` or more that stands nowhere verbatim: those that share most of its words,
    if they share at least `MIN_OVERLAP` of them.
    """
    by_marker = marked(answer_text, len(passages))
    answer = words(MARKER.sub(" ", answer_text))
    own = telling(answer)
    if not own:
        return by_marker  # "yes [2]": no word that could be looked up
    read = [words(f"{passage.title}\n{passage.text}") for passage in passages]
    holds = [bool(own & {word.text for word in own_words}) for own_words in read]
    if by_marker and not any(holds):
        return by_marker  # in other words or another language: the text cannot tell
    holding = tuple(i for i in by_marker if holds[i])
    if holding:
        return holding
    read = [words(passage.text) for passage in passages]
    verbatim = tuple(i for i, own_words in enumerate(read) if occurrences(answer, own_words))
    if verbatim or len(own) < LONG_ANSWER_WORDS:
        return verbatim
    shares = [len(own & {word.text for word in own_words}) / len(own) for own_words in read]
    best = max(shares, default=0.0)
    return tuple(i for i, share in enumerate(shares) if share == best >= MIN_OVERLAP)


def marked(answer_text: str, count: int) -> tuple[int, ...]:
    """Indices of the passages, of so many, that markers name."""
    numbers: list[int] = []
    for marker in MARKER.finditer(answer_text):
        for part in _BETWEEN.split(marker[1]):
            first, *more = map(int, _RANGE.split(part))
            numbers += range(first, more[-1] + 1) if more else [first]
    return tuple(dict.fromkeys(n - 1 for n in numbers if 1 <= n <= count))


def telling(answer: list[Word]) -> set[str]:
    """Those of its words that are evidence where they are found."""
    return {word.text for word in answer} - _NO_EVIDENCE
