"""Who answers, and who else: a chain of models, and what an answer is that several took part in."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from rung.candidate import NO_LLM, Candidate
from rung.errors import ProviderError
from rung.models.base import ChatModel
from rung.records import Answer, PassedOn

FEWEST_SURE = 5
"""Dev answers below which nothing is said of a confidence."""
ROUNDING = 1e-9
FAILURES = 3
"""Requests in a row that a model fails before it rests."""
REST_S = 30.0
"""A rest. One request then tries the model again."""
FRESH_S = 5.0
"""An own answer that is no older counts for more than what other servers found."""


def sure_from(judged: Sequence[tuple[float, bool]], target: float) -> float | None:
    """The confidence from which answers are right at the target's rate, the least sure of them too.

    `judged` are confidences with whether the answer was right. The rate at a confidence is the
    isotonic fit, which only rises with it: a rate of all answers from some confidence on would let
    the surest ones carry others that are wrong more often than not. None where fewer than
    `FEWEST_SURE` answers are that sure.
    """
    from scipy.optimize import isotonic_regression  # a server starts without it

    by_level: dict[float, list[bool]] = {}
    for confidence, good in sorted(judged):
        by_level.setdefault(confidence, []).append(good)  # equal ones stand or fall together
    if not by_level:
        return None
    seen = list(by_level.values())
    fit = isotonic_regression([fmean(s) for s in seen], weights=[len(s) for s in seen])
    sure = [level for level, rate in zip(by_level, fit.x, strict=True) if rate >= target - ROUNDING]
    kept = sum(len(by_level[level]) for level in sure)
    return sure[0] if kept >= FEWEST_SURE else None


def passed_on(answer: Answer, below: float | None) -> PassedOn | None:
    """Why an answer goes on to the other model; None where it stands.

    `below` is the confidence under which it is unsure; None where nothing is told of confidence.
    """
    if answer.finish == "refused":
        return "refused"
    if not answer.valid:
        return "invalid"
    confidence = answer.confidence
    return "unsure" if below is not None and confidence is not None and confidence < below else None


def after(earlier: Answer, later: Answer) -> Answer:
    """The later answer, with what both took."""
    return later.model_copy(update=_both(earlier, later))


def resolved(own: Answer, other: Answer, why: PassedOn) -> Answer:
    """The other model's answer; the own one where only that is valid. With what both took."""
    kept = own if own.valid and not other.valid else other
    return kept.model_copy(update=_both(own, other)).after_passing(why)


def _both(earlier: Answer, later: Answer) -> dict[str, object]:
    return {
        "usage": earlier.usage + later.usage,
        "by_call": (*earlier.by_call, *later.by_call),
        "calls": earlier.calls + later.calls,
        "cached_calls": earlier.cached_calls + later.cached_calls,
        "latency_s": earlier.latency_s + later.latency_s,
    }


@dataclass(frozen=True)
class Link:
    """One model of a chain."""

    name: str
    """At whose price it answers."""
    chat: ChatModel
    first: bool = True
    """What a candidate's own model is given (its adapter, say) is only the first one's."""


class CircuitBreaker:
    """What a server remembers of the outages of the first of two models, with a limit on waiting.

    Without it every request would wait for a model that is down before the other is asked. Own
    code, since the `circuitbreaker` library lets every request try again once a rest is over, and
    here each would wait for the time limit.
    """

    def __init__(self, wait_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.wait_s = wait_s
        """Longest wait for either of the two models."""
        self._clock = clock
        self._failed = 0
        self._rests_until = 0.0
        self._answered_at = -math.inf
        self._was_told = False
        self.recovered = False
        """It answered after a rest, and nobody else was told yet."""

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
        self._was_told = self.recovered = False

    def answered(self) -> None:
        """It is there."""
        self.recovered = self.recovered or self._failed >= FAILURES
        self._failed, self._answered_at = 0, self._clock()

    @property
    def found(self) -> float:
        """Seconds of a rest that are left by what was found here; 0 where there is none."""
        if self._failed < FAILURES or self._was_told:
            return 0.0
        return max(0.0, self._rests_until - self._clock())

    def told(self, left_s: float) -> None:
        """For how long the model rests by what servers together found; 0 where it is there."""
        now = self._clock()
        if left_s > 0 and self.found == 0 and now - self._answered_at > FRESH_S:
            self._failed, self._was_told = max(FAILURES, self._failed), True
            self._rests_until = now + left_s
        elif left_s <= 0 and self._was_told:
            self._rests_until = min(self._rests_until, now)  # the next request tries it


Asking = Callable[[Link], Awaitable[Answer]]
"""How one model of the chain comes to an answer."""


@dataclass(frozen=True)
class Chain:
    """A candidate's own model, and who is asked where its answer does not stand."""

    own: Link
    other: Link | None = None
    unsure_below: float | None = None
    """Confidence of the first model under which the other is asked."""

    async def answer(self, ask: Asking, breaker: CircuitBreaker | None = None) -> Answer:
        """The own answer, or the other's where that one does not stand.

        With a `breaker`, where one of two has no answer in time or cannot be asked, the other's is
        taken and marked "outage". Raises `ProviderError`.
        """
        if self.other is None:
            return await ask(self.own)
        own = await self._first(ask, breaker)
        if own is None:
            return (await ask(self.other)).after_passing("outage")
        why = passed_on(own, self.unsure_below)
        if why is None:
            return own
        try:
            async with asyncio.timeout(None if breaker is None else breaker.wait_s):
                return resolved(own, await ask(self.other), why)
        except (ProviderError, TimeoutError) as error:
            if breaker is None or getattr(error, "final", False) or not own.valid:
                raise
            return own.after_passing("outage")

    async def _first(self, ask: Asking, breaker: CircuitBreaker | None) -> Answer | None:
        """The own model's answer; None where it is out, and a server asks the other instead."""
        if breaker is None:
            return await ask(self.own)
        if breaker.is_open():
            return None
        try:
            async with asyncio.timeout(breaker.wait_s):
                own = await ask(self.own)
        except (ProviderError, TimeoutError) as error:
            if getattr(error, "final", False):
                breaker.answered()
                raise
            breaker.failed()
            return None
        breaker.answered()
        return own


def unchainable(candidate: Candidate) -> str:
    """Why a candidate's models make no chain; empty where they do."""
    if candidate.then is None:
        return ""
    pair = {candidate.model, candidate.then}
    if len(pair) == 2 and not any(name.startswith(NO_LLM) for name in pair):
        return ""
    return (
        f"{candidate.key} cannot fall back from {candidate.model!r} to {candidate.then!r}: "
        "name two different language models"
    )
