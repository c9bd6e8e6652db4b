"""Every answered call, content-addressed, in one SQLite file the moment it arrives.

A killed run loses at most the calls in flight. Keys hold the model's identity and the request;
never a key, a header or an address with credentials.
"""

import asyncio
import secrets
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from rung.errors import StoreError
from rung.measure.budget import Budget
from rung.models.base import ChatReply, Embedder, Vectors
from rung.models.metered import CountingEmbedder, Metered
from rung.records import Usage
from rung.state import model_of

_SCHEMA = """
CREATE TABLE IF NOT EXISTS calls (
    key TEXT PRIMARY KEY, model TEXT NOT NULL, reply TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS vectors (
    embedder TEXT NOT NULL, text TEXT NOT NULL, seconds REAL NOT NULL, vector BLOB NOT NULL,
    PRIMARY KEY (embedder, text)
) WITHOUT ROWID;
"""
_KEEP = "INSERT INTO calls VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
_WAIT_S = 30.0
DRAW = "draw"
"""No call has this key."""
CURE = "move the file away, then what it holds is asked and paid for again"


class Cache:
    """The file. Safe to use from several threads and processes at once."""

    def __init__(self, path: Path) -> None:
        self.place = str(path)
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db: Any = sqlite3.connect(path, timeout=_WAIT_S, check_same_thread=False)
            # WAL with NORMAL: a killed process loses nothing that was committed.
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.executescript(_SCHEMA)
        except (sqlite3.Error, OSError) as error:
            raise self._failed("opened", error) from error

    def get(self, key: str) -> ChatReply | None:
        """The reply to that call, marked as cached; None when it was never answered."""
        row = self._row("SELECT reply FROM calls WHERE key = ?", key)
        if row is None:
            return None
        reply = model_of(row[0], ChatReply, f"a reply in the call cache {self.place}", CURE)
        return reply.model_copy(update={"cached": True})

    @asynccontextmanager
    async def turn(self, key: str) -> AsyncIterator[ChatReply | None]:
        """Held while a call is made and kept; the reply, where another climb made it meanwhile."""
        yield None  # one climb at a time writes to the project folder

    def put(self, key: str, model: str, reply: ChatReply) -> None:
        """Keep a reply; the first answer to a call stays."""
        self._write(_KEEP, [(key, model, reply.model_dump_json(exclude={"cached"}))])

    def vectors(self, embedder: str, texts: list[str]) -> dict[str, tuple[Vectors, float]]:
        """Known vectors (dimension,) and what each took, by text."""
        names = {text: self._named(text) for text in texts}
        rows = self._kept(embedder, [*names.values()])
        return {text: self._vector(*rows[name]) for text, name in names.items() if name in rows}

    def _kept(self, embedder: str, names: list[str]) -> dict[str, tuple[bytes, float]]:
        statement = "SELECT vector, seconds FROM vectors WHERE embedder = ? AND text = ?"
        rows = ((name, self._row(statement, embedder, name)) for name in names)
        return {name: (row[0], row[1]) for name, row in rows if row is not None}

    def _vector(self, data: bytes, seconds: float) -> tuple[Vectors, float]:
        try:
            return np.frombuffer(data, dtype=np.float32), float(seconds)
        except (TypeError, ValueError) as error:
            raise self.damaged(str(error)) from None

    def damaged(self, why: str) -> StoreError:
        """The error for a vector of another form."""
        return StoreError(f"a vector in the call cache {self.place} cannot be read ({why}): {CURE}")

    def put_vectors(self, embedder: str, rows: list[tuple[str, Vectors, float]]) -> None:
        """Keep vectors with what each took: seconds, or tokens of a hosted embedder."""
        self._write(
            "INSERT INTO vectors VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            [
                (embedder, self._named(t), s, np.asarray(v, dtype=np.float32).tobytes())
                for t, v, s in rows
            ],
        )

    def said(self, key: str) -> str | None:
        """What a tool said to that call; None where it was never asked."""
        row = self._row("SELECT reply FROM calls WHERE key = ?", key)
        return None if row is None else str(row[0])

    def keep_said(self, key: str, tool: str, result: str) -> None:
        """Keep what a tool said; the first answer to a call stays."""
        self._write(_KEEP, [(key, f"tool:{tool}", result)])

    def forget_said(self, tool: str) -> None:
        """Have a tool asked anew."""
        self._write("DELETE FROM calls WHERE model = ?", [(f"tool:{tool}",)])

    @property
    def draw(self) -> str:
        """Names the answers that are kept here: those of another cache are drawn anew."""
        self._write(_KEEP, [(DRAW, DRAW, secrets.token_hex(4))])  # the first one stays
        return self.said(DRAW) or ""

    def _named(self, text: str) -> str:
        return text

    def budget(self, limit: Decimal | None) -> Budget:
        """What may be spent by whoever asks through this cache."""
        return Budget(limit)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def _row(self, statement: str, *values: object) -> tuple[Any, ...] | None:
        with self._lock:
            try:
                row: tuple[Any, ...] | None = self._db.execute(statement, values).fetchone()
            except sqlite3.Error as error:
                raise self._failed("read", error) from error
        return row

    def _write(self, statement: str, rows: list[tuple[object, ...]]) -> None:
        with self._lock:
            try:
                with self._db:
                    self._db.executemany(statement, rows)
            except sqlite3.Error as error:
                raise self._failed("written", error) from error

    def _failed(self, what: str, error: Exception) -> StoreError:
        return StoreError(
            f"the call cache {self.place} could not be {what} ({error}): free disk space or mend "
            "its permissions and run again; answered calls are kept"
        )


class PaidEmbedder(Metered):
    """A hosted embedder whose every request is paid for out of a budget."""

    def __init__(self, inner: Embedder, budget: Budget, price: Callable[[Usage], Decimal]) -> None:
        super().__init__(inner)
        self._budget, self._price = budget, price

    async def took(self, texts: list[str]) -> tuple[Vectors, list[float]]:
        """As `Metered`; no token is shorter than a byte, so no more is spent than was set aside."""
        most = sum(len(text.encode("utf-8", "surrogatepass")) + 2 for text in texts)
        dearest = (
            self._price(Usage(input_tokens=most)) if self._budget.limit is not None else Decimal(0)
        )
        await self._budget.set_aside(dearest)
        cost = Decimal(0)
        try:
            vectors, tokens = await super().took(texts)
            cost = self._price(Usage(input_tokens=round(sum(tokens))))
            return vectors, tokens
        finally:
            self._budget.settle(dearest, cost)


class CachedEmbedder(Metered):
    """A metered embedder that computes each text once per cache."""

    def __init__(self, inner: Metered, cache: Cache) -> None:
        super().__init__(inner.inner)
        self._metered = inner
        self._cache = cache
        self._coming: dict[str, asyncio.Task[None]] = {}
        """Texts that a request in flight embeds."""
        self.fresh = False
        """While set, every text is computed anew: for timing."""

    async def took(self, texts: list[str]) -> tuple[Vectors, list[float]]:
        """As `Metered`; a cached text reports what it took when it was computed.

        What a hosted embedder has answered is kept request by request.
        """
        if self.fresh:
            return await self._metered.took(texts)
        known = self._cache.vectors(self.identity, texts)
        missing = [t for t in dict.fromkeys(texts) if t not in known]
        if missing:
            await self._compute(missing)
            known.update(self._cache.vectors(self.identity, missing))
        if not texts:
            return np.zeros((0, 0), dtype=np.float32), []
        sizes = {known[t][0].shape for t in texts}
        if len(sizes) > 1:
            raise self._cache.damaged(f"{len(sizes)} lengths of one embedder's vectors")
        return np.stack([known[t][0] for t in texts]), [known[t][1] for t in texts]

    async def _compute(self, missing: list[str]) -> None:
        """Have them kept. A request that another one waits for too is not given up with either."""
        if not isinstance(self.inner, CountingEmbedder):
            return await self._keep(missing)
        for some in self.inner.batches([t for t in missing if t not in self._coming]):
            task = asyncio.create_task(self._keep(some))
            self._coming |= dict.fromkeys(some, task)
            task.add_done_callback(partial(self._came, some))
        waited = {self._coming[t] for t in missing if t in self._coming}
        done = await asyncio.gather(*map(asyncio.shield, waited), return_exceptions=True)
        for failure in done:
            if isinstance(failure, BaseException):
                raise failure
        return None

    def _came(self, texts: list[str], _: object) -> None:
        for text in texts:
            del self._coming[text]

    async def _keep(self, texts: list[str]) -> None:
        vectors, took = await self._metered.took(texts)
        rows = list(zip(texts, vectors, took, strict=True))
        self._cache.put_vectors(self.identity, rows)
