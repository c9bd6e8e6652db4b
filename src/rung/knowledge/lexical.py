"""Word search: BM25 over terms, every posting's weight computed once, when the index is made.

A term is a word without its accents and its English ending (Porter 1980); one of letters and digits
is searched by these apart as well. Writing without blanks is searched by characters and pairs of
them (Luk and Kwok 2002 for Chinese; Lucene's CJKAnalyzer takes the pairs), other writing outside
Latin by words and their parts of four letters, which find a word under other endings and prefixes
as often as a stemmer of its language does (McNamee and Mayfield 2004), and by the stems of
Snowball, which find those that are too short for parts. BM25 as Lucene has it, with
weights kept in columns of a sparse matrix (Kamphuis et al. 2020, ECIR; Lù 2024, https://arxiv.org/abs/2407.03618).
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise

import numpy as np
import regex
from numpy.typing import NDArray

from rung.records import Passage
from rung.task.scripts import UNSPACED

_TERM = regex.compile(rf"(?:{UNSPACED})+|(?:(?!{UNSPACED})(?:[^\W_]|\p{{M}}))+")
_ONE = regex.compile(UNSPACED)
OUTSIDE_LATIN = regex.compile(r"(?!\p{Latin})\p{L}")
_OPTIONAL_MARKS = regex.compile(
    r"(?<=[\p{Latin}\p{Greek}\p{Cyrillic}\p{Arabic}\p{Hebrew}]\p{M}*)\p{M}|ـ"
)
"""Marks that one writer sets and another leaves out, and the stroke that only widens a word."""
STEMMERS = {
    "Arabic": "arabic",
    "Armenian": "armenian",
    "Cyrillic": "russian",
    "Devanagari": "hindi",
    "Greek": "greek",
    "Tamil": "tamil",
}
"""Of Snowball, by script: that of the language which most of its texts are in."""
_SCRIPT = regex.compile("|".join(rf"(?P<{name}>\p{{{name}}})" for name in STEMMERS))
_SHORT_I = re.compile(r"(?<=[аеиоуыэюя])и$")
"""The mark on it is one that may be left out; at an end after a vowel it stood there."""
_WORD = re.compile(r"[^\W_]+")
_MORE_THAN_WORDS = regex.compile(rf"{UNSPACED}|\p{{M}}")
_LETTERS_OR_DIGITS = regex.compile(r"[^\W\d_]+|\d+")
PARTS = 4
"""Letters of a part of a word."""
K1, B = 1.2, 0.75
"""How soon a term that comes again counts for less, and how far a long text is held back
(Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework")."""
FUNCTION_WORDS = (
    "a an are at be been but can could did do does had has have he how i into it no of on she "
    "should such that the their then there these they this to was we were what when where which "
    "who whom whose why will would you"
)
"""Of English, which tell nothing where few texts hold them either: what questions are made of.
Words of programming languages are not among them."""
UNTELLING = 1e-6
"""What they count beside other terms: texts found by them alone come last."""

MAX_TERMS = 512
"""Distinct query terms that are searched for; a longer query counts by its first ones."""

Ranking = list[tuple[int, float]]
"""Positions with scores, best first; equal scores by position."""


def searched_text(passage: Passage) -> str:
    """What every search reads of a passage: title, a line break, text."""
    return f"{passage.title}\n{passage.text}" if passage.title else passage.text


class LexicalIndex:
    """BM25 over texts; a position in the given sequence is a text's name."""

    def __init__(self, texts: Sequence[str]) -> None:
        from scipy.sparse import csr_array

        self._columns: dict[str, int] = {}
        columns, ends = self._read(texts)
        function_words = terms(FUNCTION_WORDS)
        self._untelling = {self._columns[t] for t in function_words if t in self._columns}
        counts = csr_array(
            (np.ones(len(columns)), np.asarray(columns), np.asarray(ends)),
            shape=(len(texts), len(self._columns)),
        )
        counts.sum_duplicates()
        lengths = np.asarray(counts.sum(axis=1))
        counts = counts.tocsc()
        self._size, self._starts, self._rows = len(texts), counts.indptr, counts.indices
        holders = np.diff(counts.indptr)
        rarity = np.log1p((len(texts) - holders + 0.5) / (holders + 0.5))
        drag = K1 * (1 - B + B * lengths / max(1.0, lengths.sum() / max(1, len(texts))))
        saturated = counts.data / (counts.data + drag[self._rows])
        self._weights = (np.repeat(rarity, holders) * saturated).astype(np.float32)

    def _read(self, texts: Iterable[str]) -> tuple[array[int], array[int]]:
        """The column of each term of each text, and where each text ends among them."""
        columns, ends = array("i"), array("i", [0])
        known = _Known(self._columns)
        for text in texts:
            columns.extend(chain.from_iterable(map(known.__getitem__, words_of(text))))
            ends.append(len(columns))
        return columns, ends

    def search(self, query: str, k: int) -> Ranking:
        """At most `k` texts that share a term with the query, by descending BM25 (above 0)."""
        sought = list(dict.fromkeys(terms(query)))[:MAX_TERMS]
        columns = [self._columns[term] for term in sought if term in self._columns]
        if not columns or k < 1:
            return []
        scores = self._scores(c for c in columns if c not in self._untelling)
        if np.count_nonzero(scores) < k:
            untelling = UNTELLING * self._scores(c for c in columns if c in self._untelling)
            scores = np.where(scores > 0, scores, untelling)
        return [(place, score) for place, score in highest(scores, k) if score > 0]

    def _scores(self, columns: Iterable[int]) -> NDArray[np.float64]:
        scores = np.zeros(self._size)
        for column in columns:
            postings = slice(self._starts[column], self._starts[column + 1])
            scores[self._rows[postings]] += self._weights[postings]
        return scores


class _Known(dict[str, tuple[int, ...]]):
    """The columns of a word's terms, worked out when the word comes for the first time."""

    def __init__(self, columns: dict[str, int]) -> None:
        self._columns = columns

    def __missing__(self, word: str) -> tuple[int, ...]:
        columns = self._columns
        self[word] = numbers = tuple(columns.setdefault(t, len(columns)) for t in _terms([word]))
        return numbers


def highest(scores: NDArray[np.floating], k: int) -> Ranking:
    """The `k` highest of at least one score, without sorting the others."""
    least = np.partition(scores, -k)[-k] if k < len(scores) else scores.min()
    among = np.flatnonzero(scores >= least)
    best = among[np.argsort(-scores[among], kind="stable")][:k]
    return [(int(place), float(scores[place])) for place in best]


def words_of(text: str) -> list[str]:
    """Words, and runs of characters without blanks, lower-case and without optional marks."""
    text = text.casefold()
    if not text.isascii():
        marked = unicodedata.normalize("NFKD", text).casefold()
        text = unicodedata.normalize("NFC", _OPTIONAL_MARKS.sub("", marked))
        if _MORE_THAN_WORDS.search(text):
            return [m.group() for m in _TERM.finditer(text)]
    return _WORD.findall(text)


def terms(text: str) -> Iterator[str]:
    """What a text is searched by, in order, each as often as it stands there."""
    return _terms(words_of(text))


def _terms(words: Iterable[str]) -> Iterator[str]:
    from Stemmer import Stemmer

    stem = Stemmer("porter").stemWord
    for word in words:
        if _ONE.match(word):
            characters = _ONE.findall(word)
            yield from characters
            yield from map("".join, pairwise(characters))
            continue
        yield stem(word)
        if not word.isalpha() and len(parts := _LETTERS_OR_DIGITS.findall(word)) > 1:
            yield from map(stem, parts)
        if not OUTSIDE_LATIN.search(word):
            continue
        if (own := _stem_outside_latin(word)) != word:
            yield own
        if len(word) > PARTS:
            yield from (word[i : i + PARTS] for i in range(len(word) - PARTS + 1))


def _stem_outside_latin(word: str) -> str:
    """As the stemmer of its script gives it; the word itself where there is none."""
    from Stemmer import Stemmer

    script = _SCRIPT.search(word)
    if script is None:
        return word
    return str(Stemmer(STEMMERS[str(script.lastgroup)]).stemWord(_SHORT_I.sub("й", word)))
