"""The machine as a shared thing: how many threads, and whose turn it is.

Two torch computations at once on the same cores are many times slower than one after the
other, so every batch, every embedding call and every training step takes a turn.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from rung.errors import UserError


class Turns:
    """A first-come, first-served lock: a loop that takes it again and again starves nobody."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[threading.Event] = deque()
        self._busy = False

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for the machine, hold it, hand it to whoever has waited longest."""
        with self._guard:
            mine = threading.Event()
            if self._busy:
                self._waiting.append(mine)
            else:
                self._busy = True
                mine.set()
        mine.wait()
        try:
            yield
        finally:
            with self._guard:
                if self._waiting:
                    self._waiting.popleft().set()
                else:
                    self._busy = False


MACHINE = Turns()
"""The one lock of this process."""


def thread_count() -> int:
    """Threads for torch: `RUNG_THREADS`, else every core this process may use."""
    text = os.environ.get("RUNG_THREADS")
    if text is None:
        affinity = getattr(os, "sched_getaffinity", None)
        return len(affinity(0)) if affinity else os.cpu_count() or 1
    if not text.isdigit() or int(text) < 1:
        raise UserError(f"RUNG_THREADS is {text!r}: set it to a whole number of threads, 1 or more")
    return int(text)
