"""How much at once: a rate for each key over all workers, a short queue before the solver, and
whether a worker can take one more request at all."""

from __future__ import annotations

import asyncio
import logging
import math
import mmap
import os
import struct
import threading
import time
import zlib
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rung.errors import StoreError
from rung.serve.errors import ApiError
from rung.serve.metrics import Metrics
from rung.task.config import ServeTable

if TYPE_CHECKING:
    from rung.traffic.store import TrafficStore

log = logging.getLogger("rung.serve")
SLOTS = 4096
"""Keys whose rates are told apart; names that share a slot share a rate."""
_STAMP = struct.Struct("d")
_LONGEST_S = 1e6
"""An event loop cannot wait for ever."""
SHARED_WAIT_S, SHARED_REST_S, SHARED_THREADS = 2.0, 5.0, 2
"""How long the database that servers share is waited for, and left alone where it was silent."""
_LEARNING = 0.1
"""Weight of the newest request in the running mean of their time."""


class Rate:
    """So many requests a minute for each key, and a burst before that (GCRA, ITU-T I.371).

    All it keeps of a key is when its next request would be on schedule, so that workers can share
    it in a file: `path`, or this process's memory where it is None.
    """

    def __init__(self, per_minute: int, burst: int, path: Path | None = None) -> None:
        self.gap_s = 60.0 / per_minute
        self.slack_s = self.gap_s * (burst - 1)
        self._thread = threading.Lock()
        self._file: int | None = None
        self._memory: mmap.mmap | bytearray = bytearray(SLOTS * _STAMP.size)
        if path is not None:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            os.ftruncate(self._file, SLOTS * _STAMP.size)
            self._memory = mmap.mmap(self._file, SLOTS * _STAMP.size)

    def take(self, key: str) -> float:
        """0 where one more request of `key` is within its rate, else the seconds to wait."""
        slot = zlib.crc32(key.encode()) % SLOTS * _STAMP.size
        with self._alone():
            now = time.monotonic()  # one clock for every process of this machine
            due: float = max(now, _STAMP.unpack_from(self._memory, slot)[0])
            early = due - now - self.slack_s
            if early > 0:
                return early
            _STAMP.pack_into(self._memory, slot, due + self.gap_s)
        return 0.0

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._thread:
            if self._file is None:
                yield
                return
            import fcntl

            fcntl.lockf(self._file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN)


class SharedRate:
    """A rate over all servers that keep their log in one PostgreSQL; its own for any other store.

    While the database is away, or slower than `SHARED_WAIT_S`, each server keeps the rate for
    itself. What the database has refused is refused here until the time that it said.
    """

    def __init__(self, own: Rate, store: TrafficStore | None) -> None:
        self._own = own
        self._store = store if store is not None and store.is_shared else None
        self._threads = ThreadPoolExecutor(SHARED_THREADS, "rung-rates")
        self._refused: dict[str, float] = {}
        self._rests_until = 0.0

    async def take(self, key: str) -> float:
        """As `Rate.take`."""
        now = time.monotonic()
        if (early := self._refused.get(key, now) - now) > 0:
            return early
        if self._store is None or now < self._rests_until:
            return self._own.take(key)
        asked = asyncio.get_running_loop().run_in_executor(
            self._threads, self._store.take, key, self._own.gap_s, self._own.slack_s
        )
        try:
            early = max(0.0, await asyncio.wait_for(asked, SHARED_WAIT_S))
        except (StoreError, TimeoutError) as error:
            self._rests_until = time.monotonic() + SHARED_REST_S
            log.error("rates are kept by each server for itself: %s", error or "no answer in time")
            return self._own.take(key)
        self._refused[key] = time.monotonic() + early
        return early


class Full(Exception):
    """Nobody more may wait; `retry_after_s` says when there is likely to be room."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(f"full for about {retry_after_s:.1f} s")
        self.retry_after_s = retry_after_s


class Gate:
    """At most `at_once` requests inside, at most `waiting` before it, first come first served, and
    none of them for longer than `most_wait_s`."""

    def __init__(self, at_once: int, waiting: int, most_wait_s: float = math.inf) -> None:
        self._at_once, self._most_waiting, self._most_wait_s = at_once, waiting, most_wait_s
        self._free = asyncio.Semaphore(at_once)
        self._seconds = 0.0
        self.running = 0
        self.waiting = 0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait for a place and hold it. Raises `Full` at once where too many wait or where the
        wait would be too long, and later where it was."""
        wait = self.refusal()
        if wait is not None:
            raise Full(wait)
        self.waiting += 1
        try:
            await self._acquire()
        finally:
            self.waiting -= 1
        self.running += 1
        started = time.perf_counter()
        try:
            yield
        finally:
            self.running -= 1
            self._free.release()
            spent = time.perf_counter() - started
            self._seconds += _LEARNING * (spent - self._seconds) if self._seconds else spent

    async def _acquire(self) -> None:
        if not self._free.locked():
            await self._free.acquire()
            return
        try:
            async with asyncio.timeout(min(self._most_wait_s, _LONGEST_S)):
                await self._free.acquire()
        except TimeoutError:
            raise Full(self.until_room()) from None

    def refusal(self) -> float | None:
        """Seconds after which to come back where one more would be refused now, else None."""
        if not self._free.locked():
            return None
        wait = self._seconds * (self.waiting + 1) / self._at_once
        if self.waiting >= self._most_waiting or wait > self._most_wait_s:
            return self.until_room()
        return None

    def until_room(self) -> float:
        """Seconds until those who wait now are served, at the pace of late."""
        return max(1.0, self._seconds * math.ceil((self.waiting + 1) / self._at_once))


TICK_S = 0.05
LAGGING_S = 0.15
"""An answer takes about ten turns of the event loop. One that takes so long makes them seconds."""
FEW = 16
"""With no more requests inside, the delay is not of their making: refusing would not end it."""
RECOVERY_S = 1.0
"""For a worker that lags to do what it has let in."""


class Overloaded(ApiError):
    """A refusal (429) that says when to come back; `reason` is for the metrics."""

    def __init__(self, reason: str, retry_after_s: float) -> None:
        super().__init__(
            429,
            "Too many requests at once: try again later.",
            code="overloaded",
            retry_after_s=retry_after_s,
        )
        self.reason = reason


class Pressure:
    """How much a worker has let in, and how late its event loop is.

    Everything that was let in shares that loop, so work beyond what it can do makes every answer
    later, not only the newest. Saying no costs a small part of an answer, as long as it is said
    before a body is parsed.
    """

    def __init__(self, gate: Gate, limits: ServeTable, metrics: Metrics) -> None:
        self._gate, self._limits, self._metrics = gate, limits, metrics
        self._most = limits.most_at_once + limits.most_waiting
        self._due = float("inf")
        self._lag_s = 0.0
        self._ticking: asyncio.Task[None] | None = None
        self.inside = 0
        """Chat requests whose body was read, and whose answer was not sent yet."""

    def start(self) -> None:
        """Begin to measure."""
        self._ticking = asyncio.create_task(self._tick())

    async def stop(self) -> None:
        """End that."""
        if self._ticking is not None:
            self._ticking.cancel()
            with suppress(asyncio.CancelledError):
                await self._ticking

    @property
    def lag_s(self) -> float:
        """How late the event loop comes to what is due: at the last turn, or in this one so far."""
        return max(self._lag_s, time.monotonic() - self._due)

    def refuse(self, connections: int) -> None:
        """Raises `Overloaded` where one more request would make answers late.

        `connections` is how many are open, this one among them.
        """
        if connections > self._limits.most_connections:
            raise Overloaded("connections", RECOVERY_S)
        wait = self._gate.refusal()
        if wait is not None or self.inside >= self._most:
            raise Overloaded("full", wait or self._gate.until_room())
        if self.inside > FEW and self.lag_s > LAGGING_S:
            raise Overloaded("lagging", RECOVERY_S)

    async def _tick(self) -> None:
        while True:
            self._due = time.monotonic() + TICK_S
            await asyncio.sleep(TICK_S)
            self._lag_s = max(0.0, time.monotonic() - self._due)
            self._metrics.lag.set(self._lag_s)
