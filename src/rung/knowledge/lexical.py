"""Word search: BM25 in SQLite's full-text index (FTS5), in memory, with Porter stems.

FTS5 fixes k1 = 1.2 and b = 0.75 and bounds the inverse document frequency from below
(https://www.sqlite.org/fts5.html#the_bm25_function; Robertson & Zaragoza 2009, "The
Probabilistic Relevance Framework").
"""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Sequence

_TERM = re.compile(r"[^\W_]+")

MAX_TERMS = 512
"""Distinct query terms that are searched for; a longer query counts by its first ones."""

Ranking = list[tuple[int, float]]
"""Positions with scores, best first; equal scores by position."""


class LexicalIndex:
    """BM25 over texts; a position in the given sequence is a text's name."""

    def __init__(self, texts: Sequence[str]) -> None:
        # Built in one thread and perhaps asked in another (a server): the lock serialises use.
        self._db = sqlite3.connect(":memory:", check_same_thread=False)
        self._lock = threading.Lock()
        self._db.execute(
            "CREATE VIRTUAL TABLE passages USING fts5(body, tokenize='porter unicode61')"
        )
        self._db.executemany("INSERT INTO passages(rowid, body) VALUES (?, ?)", enumerate(texts))

    def search(self, query: str, k: int) -> Ranking:
        """At most `k` texts that share a term with the query, by descending BM25 (above 0)."""
        terms = match_expression(query)
        if not terms or k < 1:
            return []
        with self._lock:
            rows = self._db.execute(
                "SELECT rowid, -bm25(passages) AS score FROM passages WHERE passages MATCH ? "
                "ORDER BY score DESC, rowid LIMIT ?",
                (terms, k),
            ).fetchall()
        return [(int(row), float(score)) for row, score in rows]

    def close(self) -> None:
        """Free the index."""
        self._db.close()


def match_expression(query: str) -> str:
    """The query as an FTS5 expression: every distinct term quoted, joined by OR.

    Only letters and digits reach it, so no operator, column filter or quote of the query does.
    """
    terms = dict.fromkeys(term.casefold() for term in _TERM.findall(query))
    return " OR ".join(f'"{term}"' for term in list(terms)[:MAX_TERMS])
