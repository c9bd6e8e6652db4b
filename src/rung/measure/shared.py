"""The call cache in a PostgreSQL that several climbs share, and one account of a task's money.

An answered call is paid once, whichever of them asked it. Who makes a call holds a claim on it;
who spends has money reserved. Both live as long as their climb renews its lease: one that died
leaves nothing behind after `LEASE_S`, and what is paid again is at most what it had in flight.
"""

import asyncio
import hashlib
import os
import threading
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from rung.errors import MissingExtraError, StoreError, UserError
from rung.measure.budget import Budget
from rung.measure.cache import Cache
from rung.models.base import ChatReply

T = TypeVar("T")

LEASE_S = 30.0
"""How long a climb that does not renew its lease is believed to be alive."""
POLL_S = 0.2
"""How often a climb looks whether another one has answered a call or left money."""
WAIT_S = 10
"""How long a database is waited for."""
_SCHEMA = """
SELECT pg_advisory_xact_lock(1383427688);
CREATE SCHEMA IF NOT EXISTS rung;
CREATE TABLE IF NOT EXISTS rung.calls (
    key TEXT PRIMARY KEY, model TEXT NOT NULL, reply TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS rung.vectors (
    embedder TEXT NOT NULL, text TEXT NOT NULL, seconds DOUBLE PRECISION NOT NULL,
    vector BYTEA NOT NULL, PRIMARY KEY (embedder, text)
);
CREATE TABLE IF NOT EXISTS rung.accounts (name TEXT PRIMARY KEY, spent NUMERIC NOT NULL);
CREATE TABLE IF NOT EXISTS rung.climbs (
    id UUID PRIMARY KEY, account TEXT NOT NULL, reserved NUMERIC NOT NULL,
    until TIMESTAMPTZ NOT NULL
);
CREATE TABLE IF NOT EXISTS rung.claims (key TEXT PRIMARY KEY, climb UUID NOT NULL);
CREATE OR REPLACE FUNCTION rung.reserve(mine UUID, named TEXT, usd NUMERIC, most NUMERIC,
    OUT fits BOOLEAN, OUT spent NUMERIC, OUT reserved NUMERIC) LANGUAGE plpgsql AS $$
BEGIN  -- one after the other: the row of the account is locked
    SELECT a.spent INTO spent FROM rung.accounts a WHERE name = named FOR UPDATE;
    SELECT coalesce(sum(c.reserved), 0) INTO reserved FROM rung.climbs c
        WHERE account = named AND until > clock_timestamp();
    fits := spent + reserved + usd <= most;
    IF fits THEN
        UPDATE rung.climbs c SET reserved = c.reserved + usd WHERE id = mine;
        reserved := reserved + usd;
    END IF;
END $$;
"""
_RENEW = """
INSERT INTO climbs VALUES (%s, %s, 0, clock_timestamp() + %s * interval '1 second')
ON CONFLICT (id) DO UPDATE SET until = excluded.until
"""
_SWEEP = """
DELETE FROM climbs WHERE until < clock_timestamp();
DELETE FROM claims WHERE NOT EXISTS (SELECT FROM climbs WHERE id = claims.climb);
"""
_CLAIM = """
INSERT INTO claims AS held VALUES (%s, %s)
ON CONFLICT (key) DO UPDATE SET climb = excluded.climb WHERE NOT EXISTS (
    SELECT FROM climbs WHERE id = held.climb AND until > clock_timestamp()
)
RETURNING key
"""
_SETTLE = """
WITH free AS (UPDATE climbs SET reserved = greatest(0, reserved - %(aside)s) WHERE id = %(climb)s),
paid AS (UPDATE accounts SET spent = spent + %(cost)s WHERE name = %(account)s RETURNING spent)
SELECT spent, (SELECT greatest(0, coalesce(sum(reserved), 0) - %(aside)s) FROM climbs
    WHERE account = %(account)s AND until > clock_timestamp()) FROM paid
"""


class SharedCache(Cache):
    """One climb's way into the database. Safe to use from several threads."""

    def __init__(self, url: str, account: str) -> None:
        """`account` names the task whose money is counted together.

        Raises `UserError` for another kind of URL, `StoreError` where the database is away, and
        `MissingExtraError`.
        """
        if not url.startswith(("postgresql://", "postgres://")):
            raise UserError(
                f"RUNG_STORE begins with {url.split(':')[0]!r}: give postgresql://user@host/name"
            )
        try:
            import psycopg
        except ImportError:
            raise MissingExtraError("a shared store", "postgres") from None
        self._errors, self._url = psycopg, url
        self.account, self.climb = account, uuid.uuid4()
        self._lease = (self.climb, account, LEASE_S)
        self._lock = threading.Lock()
        self.place = "in RUNG_STORE"
        """Without the URL, which may hold a password."""
        self._db = self._connected()
        self._within("opened", self._begin)
        self._stopped = threading.Event()
        threading.Thread(target=self._renew, daemon=True, name="rung-lease").start()

    @asynccontextmanager
    async def turn(self, key: str) -> AsyncIterator[ChatReply | None]:
        """See `Cache.turn`."""
        while not self._row(_CLAIM, key, self.climb):
            await asyncio.sleep(POLL_S)
            if (reply := self.get(key)) is not None:
                yield reply
                return
        try:
            yield self.get(key)  # whoever held the claim kept the reply before letting go
        finally:
            self._write("DELETE FROM claims WHERE key = ? AND climb = ?", [(key, self.climb)])

    def budget(self, limit: Decimal | None) -> Budget:
        """The account's money."""
        return SharedBudget(limit, self)

    def reserve(self, usd: Decimal, limit: Decimal) -> tuple[bool, Decimal, Decimal]:
        """Whether so much could be set aside; then what is spent, and reserved in all climbs."""
        statement = "SELECT * FROM reserve(%s, %s, %s, %s)"
        fits, spent, reserved = self._asked(statement, (self.climb, self.account, usd, limit))
        return fits, spent, reserved

    def settle(self, reserved: Decimal, cost: Decimal) -> tuple[Decimal, Decimal]:
        """What was set aside is let go and what it cost put down; then spent and reserved."""
        names = {"climb": self.climb, "account": self.account, "aside": reserved, "cost": cost}
        spent, left = self._asked(_SETTLE, names)
        return spent, left

    def close(self) -> None:
        """Give up the lease and what was reserved; the tables stay."""
        self._stopped.set()
        if not self._db.closed:
            self._write("DELETE FROM climbs WHERE id = ?", [(self.climb,)])
        self._db.close()

    def _begin(self) -> None:
        self._db.execute(_SCHEMA)
        self._db.execute(
            "INSERT INTO accounts VALUES (%s, 0) ON CONFLICT DO NOTHING", (self.account,)
        )
        self._db.execute(_SWEEP)
        self._db.execute(_RENEW, self._lease)

    def _renew(self) -> None:
        """Beside the loop, which a model here may keep busy for longer than a lease."""
        while not self._stopped.wait(LEASE_S / 4):
            try:
                self._within("written", lambda: self._db.execute(_RENEW, self._lease))
            except StoreError:
                continue  # whoever asks next says so

    def _named(self, text: str) -> str:
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    def _row(self, statement: str, *values: object) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._asked(statement.replace("?", "%s"), values)
        return row

    def _kept(self, embedder: str, names: list[str]) -> dict[str, tuple[bytes, float]]:
        statement = (
            "SELECT text, vector, seconds FROM vectors WHERE embedder = %s AND text = ANY(%s)"
        )
        rows = self._within(
            "asked", lambda: self._db.execute(statement, (embedder, names)).fetchall()
        )
        return {name: (vector, seconds) for name, vector, seconds in rows}

    def _asked(self, statement: str, values: object) -> Any:
        return self._within("asked", lambda: self._db.execute(statement, values).fetchone())

    def _write(self, statement: str, rows: list[tuple[object, ...]]) -> None:
        def work() -> None:
            with self._db.cursor() as cursor:
                cursor.executemany(statement.replace("?", "%s"), rows)

        self._within("written", work)

    def _within(self, what: str, work: Callable[[], T]) -> T:
        """Once more where only the connection was lost. A statement is a transaction."""
        with self._lock:
            try:
                if self._db.closed:
                    self._db = self._connected()
                return work()
            except self._errors.OperationalError as error:
                if not self._db.broken:
                    raise self._failed(what, error) from None
                self._db = self._connected()
                try:
                    return work()
                except self._errors.Error as again:
                    raise self._failed(what, again) from None
            except self._errors.Error as error:
                raise self._failed(what, error) from None

    def _connected(self) -> Any:
        try:
            db = self._errors.connect(self._url, autocommit=True, connect_timeout=WAIT_S)
            db.execute("SET search_path = rung")
        except self._errors.Error as error:
            raise self._failed("reached", error) from None
        return db

    def _failed(self, what: str, error: Exception) -> StoreError:
        # Another kind of error may repeat the URL, and with it a password.
        message = str(error).strip() if isinstance(error, self._errors.OperationalError) else ""
        return StoreError(
            f"the shared store of RUNG_STORE could not be {what} "
            f"({message.splitlines()[0] if message else type(error).__name__}): see that it is "
            "there and run again; answered calls are kept"
        )


def open_cache(path: Path, account: str) -> Cache:
    """The file at `path`, or the database that `RUNG_STORE` names."""
    url = os.environ.get("RUNG_STORE")
    return SharedCache(url, account) if url else Cache(path)


class SharedBudget(Budget):
    """What all climbs of one task may spend, those before and beside this one counted."""

    def __init__(self, limit: Decimal | None, store: SharedCache) -> None:
        super().__init__(limit)
        self._store = store
        self.settle(Decimal(0), Decimal(0))

    async def set_aside(self, dearest: Decimal) -> None:
        """As `Budget`, whichever climb's calls stand in the way."""
        while not self._fits(dearest):
            if self.limit is not None and self.spent + dearest > self.limit:
                super().reserve(dearest)
            await asyncio.sleep(POLL_S)

    def reserve(self, dearest: Decimal) -> None:
        """As `Budget`."""
        if not self._fits(dearest):
            super().reserve(dearest)

    def settle(self, reserved: Decimal, cost: Decimal) -> None:
        """As `Budget`."""
        aside = Decimal(0) if self.limit is None else reserved
        self.spent, self.reserved = self._store.settle(aside, cost)

    def _fits(self, dearest: Decimal) -> bool:
        if self.limit is None:
            return True
        fits, self.spent, self.reserved = self._store.reserve(dearest, self.limit)
        return fits
