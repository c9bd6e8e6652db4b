"""Whether a worker can take one more request, asked before its body is read.

Everything that was let in shares one event loop, so work beyond what that can do makes every
answer later, not only the newest. Saying no costs a small part of an answer, as long as it is said
before a body is parsed. This looks at one worker; it knows nothing of the model behind it but how
long its answers took of late.
"""

import asyncio
import time
from contextlib import suppress

from rung.serve.errors import ApiError
from rung.serve.limits import Gate
from rung.serve.metrics import Metrics
from rung.task.config import ServeTable

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
    """How much a worker has let in, and how late its event loop is."""

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
