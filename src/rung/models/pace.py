"""How fast one endpoint may be asked: as set, and as it shows.

Requests in flight follow TCP's rules (slow start, then growth with care; RFC 5681): a refusal for
haste (429, overloaded) leaves as many as the server still works on. All calls then pause for as
long as the server says, else for 1/4, 1/2, 1, 2, … seconds, and one goes first to try. A pause of
some seconds tells the pace: what was let through, in the time until the next one was.

A sliding window and not a leaky bucket (aiolimiter): servers count the last minute, and a bucket
lets twice its rate through in the first one.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from rung.task.endpoints import EndpointSettings

MINUTE = 60.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 32.0
CAREFUL = 0.1
"""Growth a round beyond half of what was refused: each overshoot costs a pause."""
TELLING_PAUSE_S = 4.0
"""A shorter pause says that too many came at once, and nothing of a rate."""


class Pass:
    """A request that was let in."""

    def __init__(self, sent: float, tokens: float, trial: bool) -> None:
        self.sent, self.tokens, self.trial = sent, tokens, trial


class Pace:
    """Lets requests to one endpoint through. Belongs to one event loop."""

    def __init__(
        self, settings: EndpointSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.settings = settings
        self.in_flight = float(settings.in_flight)
        """Requests that may be in flight now."""
        self.learnt: tuple[int, float] | None = None
        """So many requests in so many seconds."""
        self._clock = clock
        self._inside = 0
        self._threshold = self.in_flight
        self._recent: deque[Pass] = deque()
        self._paused_at = self._resumes_at = -math.inf
        self._pause = 0.0
        self._since = clock()
        """When the endpoint last answered, or was first asked."""
        self._trying = False
        self._trial: Pass | None = None
        self._door = asyncio.Lock()
        self._freed = asyncio.Event()

    async def enter(self, tokens: float) -> Pass:
        """Wait for a place, first come, first served. `leave` gives it back."""
        async with self._door:
            while (wait := self._blocked(tokens)) > 0:
                self._freed.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(
                        self._freed.wait(), wait if math.isfinite(wait) else None
                    )
            if not (self._recent or self._inside or self._trying):
                self._since = self._clock()
            let_in = Pass(self._clock(), tokens, self._trying)
            if self._trying:
                self._trial = let_in
            self._inside += 1
            self._recent.append(let_in)
            return let_in

    def leave(self, let_in: Pass) -> None:
        """The request is over, however it ended."""
        self._inside -= 1
        if self._trial is let_in:
            self._trial = None
        self._freed.set()

    def answered(self, let_in: Pass) -> None:
        """It was not refused for haste."""
        now = self._clock()
        self._since = now
        if let_in.trial and self._trying:
            self._trying = False
            self._learn(let_in)
            self._pause = 0.0
        most = float(self.settings.in_flight)
        step = 1.0 if self.in_flight < self._threshold else CAREFUL / self.in_flight
        self.in_flight = min(most, self.in_flight + step)
        if self.learnt and now - self._paused_at > 2 * self.learnt[1]:
            count, span = self.learnt
            self.learnt, self._paused_at = (count + max(1, count // 10), span), now
        self._freed.set()

    def refused(self, let_in: Pass, wait_s: float | None, per_minute: float | None = None) -> None:
        """It came too fast; `told` is the limit in requests a minute, if the server named it."""
        now = self._clock()
        if let_in in self._recent:
            self._recent.remove(let_in)  # servers count what they let in
        others = max(1, self._inside - 1)
        if let_in.sent >= self._paused_at:
            if self.learnt and not let_in.trial:
                self.learnt = (max(1, self.learnt[0] * 4 // 5), self.learnt[1])
            self._threshold = max(1.0, self.in_flight / 2)
            if not let_in.trial:
                self._paused_at = now
            self._pause = min(LONGEST_PAUSE_S, 2 * self._pause if let_in.trial else FIRST_PAUSE_S)
            self._resumes_at = now + max(self._pause, wait_s or 0.0)
        elif wait_s is not None:
            self._resumes_at = max(self._resumes_at, now + wait_s)
        if per_minute is not None:
            self.learnt = (max(1, int(per_minute)), MINUTE)
        self.in_flight = float(min(self.in_flight, others))
        self._trying = True

    def slow(self) -> None:
        """A request got no answer in time: half as many are asked together."""
        self.in_flight = self._threshold = max(1.0, self.in_flight / 2)

    @property
    def waited(self) -> float:
        """Seconds without any answer."""
        return self._clock() - self._since

    def _blocked(self, tokens: float) -> float:
        """Seconds until a request may go; 0 where it may now, infinite until another one ends."""
        now = self._clock()
        if self._inside >= int(self.in_flight) or self._trial is not None:
            return math.inf
        waits = [self._resumes_at - now if self._trying else 0.0]
        span = max(MINUTE, self.learnt[1] if self.learnt else 0.0)
        while self._recent and self._recent[0].sent < now - span:
            self._recent.popleft()
        per_minute = self.settings.requests_per_minute
        limits = [(per_minute, MINUTE)] if per_minute else []
        limits += [self.learnt] if self.learnt else []
        for count, seconds in limits:
            if len(self._recent) >= max(1, int(count)):
                waits.append(self._recent[-max(1, int(count))].sent + seconds - now)
        if self.settings.tokens_per_minute:
            waits.append(self._until_room(tokens, self.settings.tokens_per_minute, now))
        return max(waits)

    def _until_room(self, tokens: float, most: float, now: float) -> float:
        """Seconds until the tokens of the last minute leave room; one request always may go."""
        kept = 0.0
        for passed in reversed(self._recent):
            kept += passed.tokens
            if kept + tokens > most:
                return passed.sent + MINUTE - now
        return 0.0

    def _learn(self, trial: Pass) -> None:
        """The pace that a pause has told."""
        before = [p.sent for p in self._recent if p.sent < self._paused_at]
        if trial.sent - self._paused_at >= TELLING_PAUSE_S and before and self.learnt is None:
            self.learnt = (len(before), trial.sent - before[0])
