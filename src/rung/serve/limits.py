"""How much at once: a rate for each key over all workers, and a short queue before the solver."""

from __future__ import annotations

import asyncio
import math
import mmap
import os
import struct
import threading
import time
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

SLOTS = 4096
"""Keys whose rates are told apart; names that share a slot share a rate."""
_STAMP = struct.Struct("d")
_LEARNING = 0.1
"""Weight of the newest request in the running mean of their time."""


class Rate:
    """So many requests a minute for each key, and a burst before that (GCRA, ITU-T I.371).

    All it keeps of a key is when its next request would be on schedule, so that workers can share
    it in a file: `path`, or this process's memory where it is None.
    """

    def __init__(self, per_minute: int, burst: int, path: Path | None = None) -> None:
        self._gap = 60.0 / per_minute
        self._slack = self._gap * (burst - 1)
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
            early = due - now - self._slack
            if early > 0:
                return early
            _STAMP.pack_into(self._memory, slot, due + self._gap)
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


class Full(Exception):
    """Nobody more may wait; `retry_after_s` says when there is likely to be room."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(f"full for about {retry_after_s:.1f} s")
        self.retry_after_s = retry_after_s


class Gate:
    """At most `at_once` requests inside, at most `waiting` before it, first come first served."""

    def __init__(self, at_once: int, waiting: int) -> None:
        self._at_once, self._most_waiting = at_once, waiting
        self._free = asyncio.Semaphore(at_once)
        self._seconds = 0.0
        self.running = 0
        self.waiting = 0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait for a place and hold it. Raises `Full` at once where too many wait."""
        if self._free.locked() and self.waiting >= self._most_waiting:
            raise Full(self._until_room())
        self.waiting += 1
        try:
            await self._free.acquire()
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

    def _until_room(self) -> float:
        """Seconds until those who wait now are served, at the pace of late."""
        return max(1.0, self._seconds * math.ceil((self.waiting + 1) / self._at_once))
