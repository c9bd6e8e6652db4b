"""Cascades: when an earlier answer stands, and what an answer is that two models took part in."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from rung.records import Answer, FallbackReason

FEWEST_SURE = 5
"""Dev answers below which nothing is said of a confidence."""
ROUNDING = 1e-9


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


def passed_on(answer: Answer, below: float | None) -> FallbackReason | None:
    """Why an answer goes to the fallback; None where it stands.

    `below` is the confidence under which it is unsure; None where nothing is told of confidence.
    """
    if answer.finish == "refused":
        return "refused"
    if not answer.valid:
        return "invalid"
    told = answer.confidence
    return "unsure" if below is not None and told is not None and told < below else None


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
