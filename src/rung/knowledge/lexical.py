"""Word search: BM25 in SQLite's full-text index (FTS5), in memory, with Porter stems.

Porter's stems are English. Writing without blanks is searched by characters and pairs of them (Luk
and Kwok 2002 for Chinese; Lucene's CJKAnalyzer takes the pairs), other writing outside Latin by
words and their parts of four letters, which find a word under other endings and prefixes as often
as a stemmer of its language does (McNamee and Mayfield 2004). FTS5 fixes k1 = 1.2 and b = 0.75 and
bounds the inverse document frequency from below (https://www.sqlite.org/fts5.html#the_bm25_function;
Robertson & Zaragoza 2009, "The Probabilistic Relevance Framework").
"""

from __future__ import annotations

import sqlite3
import threading
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import pairwise

import regex

from rung.records import Passage
from rung.task.scripts import UNSPACED

_ONE = regex.compile(UNSPACED)
_TERM = regex.compile(
    rf"(?P<run>(?:{UNSPACED})+)|(?:(?!{UNSPACED})(?:[^\W_]|\p{{M}}))+",
)
_OUTSIDE_LATIN = regex.compile(r"(?!\p{Latin})\p{L}")
PARTS = 4
"""Letters of a part of a word."""

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
        # Built in one thread and perhaps asked in another (a server): the lock serialises use.
        self._db = sqlite3.connect(":memory:", check_same_thread=False)
        self._lock = threading.Lock()
        self._db.execute(
            "CREATE VIRTUAL TABLE passages USING fts5(body, "
            "tokenize=\"porter unicode61 categories 'L* M* N* Co'\")"
        )
        rows = enumerate(map(written, texts))
        self._db.executemany("INSERT INTO passages(rowid, body) VALUES (?, ?)", rows)

    def search(self, query: str, k: int) -> Ranking:
        """At most `k` texts that share a term with the query, by descending BM25 (above 0)."""
        sought = match_expression(query)
        if not sought or k < 1:
            return []
        with self._lock:
            rows = self._db.execute(
                "SELECT rowid, -bm25(passages) AS score FROM passages WHERE passages MATCH ? "
                "ORDER BY score DESC, rowid LIMIT ?",
                (sought, k),
            ).fetchall()
        return [(int(row), float(score)) for row, score in rows]

    def close(self) -> None:
        """Free the index."""
        self._db.close()


def written(text: str) -> str:
    """The text as it is indexed: itself, or its terms between blanks where they are no words."""
    return text if text.isascii() else " ".join(terms(text))


def match_expression(query: str) -> str:
    """The query as an FTS5 expression: every distinct term quoted, joined by OR.

    Only letters and digits reach it, so no operator, column filter or quote of the query does.
    """
    distinct = dict.fromkeys(terms(query))
    return " OR ".join(f'"{term}"' for term in list(distinct)[:MAX_TERMS])


def terms(text: str) -> Iterator[str]:
    """What a text is searched by, in order, each as often as it stands there."""
    for found in _TERM.finditer(unicodedata.normalize("NFKC", text).casefold()):
        word = found.group()
        if found["run"]:
            characters = _ONE.findall(word)
            yield from characters
            yield from map("".join, pairwise(characters))
        else:
            yield word
            if len(word) > PARTS and _OUTSIDE_LATIN.search(word):
                yield from (word[i : i + PARTS] for i in range(len(word) - PARTS + 1))
