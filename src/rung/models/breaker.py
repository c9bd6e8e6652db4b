"""What a server allows a model that has a fallback, and what it remembers of its outages.

Own code, since the `circuitbreaker` library lets every request try again once a rest is over, and
here each would wait for the time limit.
"""

import time
from collections.abc import Callable

FAILURES = 3
"""Requests in a row that a model fails before it rests."""
REST_S = 30.0
"""A rest. One request then tries the model again."""


class CircuitBreaker:
    """One server's, before the first of two models, with a limit on waiting.

    Without it every request would wait for a model that is down before the other is asked.
    """

    def __init__(self, wait_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.wait_s = wait_s
        """Longest wait for either of the two models."""
        self._clock = clock
        self._failed = 0
        self._rests_until = 0.0

    def is_open(self) -> bool:
        """Whether this request leaves the model alone. The one that ends a rest tries it."""
        if self._failed < FAILURES:
            return False
        if self._clock() < self._rests_until:
            return True
        self._rests_until = self._clock() + REST_S  # the others wait for what this one finds
        return False

    def failed(self) -> None:
        """The model could not be asked, or had no answer in time."""
        self._failed += 1
        self._rests_until = self._clock() + REST_S

    def answered(self) -> None:
        """It is there."""
        self._failed = 0
