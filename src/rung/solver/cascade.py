"""Cascades: when an earlier answer stands, and what an answer is that two models took part in."""

from __future__ import annotations

from collections.abc import Sequence

from rung.records import Answer, FallbackReason

FEWEST_SURE = 5
"""Dev answers below which nothing is said of a confidence."""


def sure_from(judged: Sequence[tuple[float, bool]], target: float) -> float | None:
    """The lowest confidence from which the answers are right at the target's rate.

    `judged` are confidences with whether the answer was right. None where no `FEWEST_SURE` of the
    most confident answers are.
    """
    found, right = None, 0
    ranked = sorted(judged, key=lambda pair: -pair[0])
    for n, (confidence, good) in enumerate(ranked, start=1):
        right += good
        last = n == len(ranked) or ranked[n][0] < confidence  # equal ones stand or fall together
        if last and n >= FEWEST_SURE and right >= target * n:
            found = confidence
    return found


def passed_on(answer: Answer, below: float | None) -> FallbackReason | None:
    """Why an answer goes to the fallback; None where it stands.

    `below` is the confidence under which it is unsure; None where nothing is told of confidence.
    """
    if answer.finish == "refused":
        return "refused"
    if not answer.valid:
        return "invalid"
    return "unsure" if below is not None and (answer.confidence or 0.0) < below else None


def after(earlier: Answer, later: Answer) -> Answer:
    """The later answer, with what both took."""
    return later.model_copy(update=_both(earlier, later))


def resolved(own: Answer, fallback: Answer, why: FallbackReason) -> Answer:
    """The fallback's answer; the own one where only that is valid. With what both took."""
    kept = own if own.valid and not fallback.valid else fallback
    return kept.model_copy(update={**_both(own, fallback), "fallback": why})


def _both(earlier: Answer, later: Answer) -> dict[str, object]:
    return {
        "usage": earlier.usage + later.usage,
        "by_call": (*earlier.by_call, *later.by_call),
        "calls": earlier.calls + later.calls,
        "cached_calls": earlier.cached_calls + later.cached_calls,
        "latency_s": earlier.latency_s + later.latency_s,
    }
