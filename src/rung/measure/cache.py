"""Every answered call, content-addressed, in one SQLite file the moment it arrives.

A killed run loses at most the calls in flight. Keys hold the model's identity and the request;
never a key, a header or an address with credentials.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from rung.errors import StoreError
from rung.models.base import ChatReply, Vectors
from rung.models.metered import Metered
from rung.state import model_of

T = TypeVar("T")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS calls (
    key TEXT PRIMARY KEY, model TEXT NOT NULL, reply TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS vectors (
    embedder TEXT NOT NULL, text TEXT NOT NULL, seconds REAL NOT NULL, vector BLOB NOT NULL,
    PRIMARY KEY (embedder, text)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS said (
    key TEXT PRIMARY KEY, tool TEXT NOT NULL, result TEXT NOT NULL
) WITHOUT ROWID;
"""
_WAIT_S = 30.0
CURE = "move the file away, then what it holds is asked and paid for again"


class Cache:
    """The file. Safe to use from several threads and processes at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=_WAIT_S, check_same_thread=False)
            # WAL with NORMAL: a killed process loses nothing that was committed.
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.executescript(_SCHEMA)
        except (sqlite3.Error, OSError) as error:
            raise self._failed("opened", error) from error

    def get(self, key: str) -> ChatReply | None:
        """The reply to that call, marked as cached; None when it was never answered."""
        row = self._run(
            "read",
            lambda: self._db.execute("SELECT reply FROM calls WHERE key = ?", (key,)).fetchone(),
        )
        if row is None:
            return None
        reply = model_of(row[0], ChatReply, f"a reply in the call cache {self.path}", CURE)
        return reply.model_copy(update={"cached": True})

    def put(self, key: str, model: str, reply: ChatReply) -> None:
        """Keep a reply; the first answer to a call stays."""
        self._write(
            "INSERT OR IGNORE INTO calls VALUES (?, ?, ?)",
            [(key, model, reply.model_dump_json(exclude={"cached"}))],
        )

    def vectors(self, embedder: str, texts: list[str]) -> dict[str, tuple[Vectors, float]]:
        """Known vectors (dimension,) and their seconds, by text."""

        def read() -> dict[str, tuple[Vectors, float]]:
            found = {}
            for text in texts:
                row = self._db.execute(
                    "SELECT vector, seconds FROM vectors WHERE embedder = ? AND text = ?",
                    (embedder, text),
                ).fetchone()
                if row is not None:
                    found[text] = self._vector(*row)
            return found

        return self._run("read", read)

    def _vector(self, data: bytes, seconds: float) -> tuple[Vectors, float]:
        try:
            return np.frombuffer(data, dtype=np.float32), float(seconds)
        except (TypeError, ValueError) as error:
            raise self.damaged(str(error)) from None

    def damaged(self, why: str) -> StoreError:
        """The error for a vector of another form."""
        return StoreError(f"a vector in the call cache {self.path} cannot be read ({why}): {CURE}")

    def put_vectors(self, embedder: str, rows: list[tuple[str, Vectors, float]]) -> None:
        """Keep vectors with the seconds each took."""
        self._write(
            "INSERT OR IGNORE INTO vectors VALUES (?, ?, ?, ?)",
            [(embedder, t, s, np.asarray(v, dtype=np.float32).tobytes()) for t, v, s in rows],
        )

    def said(self, key: str) -> str | None:
        """What a tool said to that call; None where it was never asked."""
        query = "SELECT result FROM said WHERE key = ?"
        row = self._run("read", lambda: self._db.execute(query, (key,)).fetchone())
        return None if row is None else str(row[0])

    def keep_said(self, key: str, tool: str, result: str) -> None:
        """Keep what a tool said; the first answer to a call stays."""
        self._write("INSERT OR IGNORE INTO said VALUES (?, ?, ?)", [(key, tool, result)])

    def forget_said(self) -> None:
        """Have every tool asked anew."""
        self._write("DELETE FROM said WHERE ''=?", [("",)])

    def count(self) -> int:
        """Answered calls kept."""
        row = self._run("read", lambda: self._db.execute("SELECT count(*) FROM calls").fetchone())
        return int(row[0])

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def _write(self, statement: str, rows: list[tuple[object, ...]]) -> None:
        def write() -> None:
            with self._db:
                self._db.executemany(statement, rows)

        self._run("written", write)

    def _run(self, what: str, work: Callable[[], T]) -> T:
        with self._lock:
            try:
                return work()
            except sqlite3.Error as error:
                raise self._failed(what, error) from error

    def _failed(self, what: str, error: Exception) -> StoreError:
        return StoreError(
            f"the call cache {self.path} could not be {what} ({error}): free disk space or mend "
            "its permissions and run again; answered calls are kept"
        )


class CachedEmbedder(Metered):
    """A metered embedder that computes each text once per cache."""

    def __init__(self, inner: Metered, cache: Cache) -> None:
        super().__init__(inner.inner)
        self._metered = inner
        self._cache = cache
        self.fresh = False
        """While set, every text is computed anew: for timing."""

    async def embed_metered(self, texts: list[str]) -> tuple[Vectors, list[float]]:
        """As `Metered`; a cached text reports the seconds it took when it was computed."""
        if self.fresh:
            return await self._metered.embed_metered(texts)
        known = self._cache.vectors(self.identity, texts)
        missing = [t for t in dict.fromkeys(texts) if t not in known]
        if missing:
            vectors, seconds = await self._metered.embed_metered(missing)
            rows = list(zip(missing, vectors, seconds, strict=True))
            self._cache.put_vectors(self.identity, rows)
            known.update({t: (v, s) for t, v, s in rows})
        if not texts:
            return np.zeros((0, 0), dtype=np.float32), []
        sizes = {known[t][0].shape for t in texts}
        if len(sizes) > 1:
            raise self._cache.damaged(f"{len(sizes)} lengths of one embedder's vectors")
        return np.stack([known[t][0] for t in texts]), [known[t][1] for t in texts]
