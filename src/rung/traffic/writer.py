"""`TrafficWriter`: one thread that commits what many requests write, several at a time.

`write` returns when the record is committed: a request answered after that is in the log, whatever
happens to the process.
"""

import asyncio
import queue
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field

from rung.errors import StoreError
from rung.traffic.records import TrafficRecord
from rung.traffic.store import LockedError, TrafficStore

MOST = 256
"""Records of one transaction."""


@dataclass
class _Entry:
    record: TrafficRecord
    done: Future[None] = field(default_factory=Future)


class TrafficWriter:
    """Writes to one store. Start it by the first `write`; `close` finishes what was begun."""

    def __init__(self, store: TrafficStore) -> None:
        self.store = store
        self._queue: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="rung traffic log", daemon=True)
        self._starting = threading.Lock()
        self._closing = threading.Event()
        self._held = 0

    async def write(self, record: TrafficRecord) -> None:
        """Keep one record. Raises `StoreError` where it could not be committed."""
        with self._starting:
            if self._thread.ident is None:
                self._thread.start()
        entry = _Entry(record)
        self._queue.put(entry)
        await asyncio.wrap_future(entry.done)

    @property
    def backlog(self) -> int:
        """Records handed in and not committed yet."""
        return self._queue.qsize() + self._held

    def close(self) -> None:
        """Wait until everything handed in is committed, then stop."""
        if self._thread.ident is not None:
            self._closing.set()
            self._queue.put(None)
            self._thread.join()

    def _run(self) -> None:
        while True:
            entry = self._queue.get()
            if entry is None:
                return
            group, last = [entry], False
            while len(group) < MOST and not self._queue.empty():
                following = self._queue.get()
                if following is None:
                    last = True
                    break
                group.append(following)
            living = [each for each in group if each.done.set_running_or_notify_cancel()]
            self._held = len(living)
            while not self._commit(living):
                pass
            self._held = 0
            if last:
                return

    def _commit(self, group: list[_Entry]) -> bool:
        """False where another process holds the log."""
        try:
            self.store.add([each.record for each in group])
        except LockedError as error:
            # Kept for as long as it takes: those who wait give up by themselves.
            if not self._closing.is_set():
                return False
            for each in group:
                each.done.set_exception(error)
        except Exception as error:
            if len(group) == 1:
                group[0].done.set_exception(_as_store_error(error))
                return True
            # One record that cannot be stored must not take the others with it.
            for each in group:
                while not self._commit([each]):
                    pass
        else:
            for each in group:
                each.done.set_result(None)
        return True


def _as_store_error(error: Exception) -> StoreError:
    if isinstance(error, StoreError):
        return error
    return StoreError(f"the request could not be logged: {type(error).__name__}")
