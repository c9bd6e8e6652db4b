"""Advisers beside the climb: each sees the same rows (or none) and says which candidate to take."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import lru_cache

import numpy as np

from rung.decide.advise import advise
from rung.decide.rules.answers import Answers
from rung.evidence import binomial_interval, interval, must_see
from truth_parts.replay import CONFIDENCE, PILOT, Draw, Said
from truth_parts.tables import Table

Adviser = Callable[[Table, Draw, float], Said | None]
"""None where it has nothing to say of this table."""

PRICED = date(2026, 11, 28)
"""Prices that the framework's advice is worked out with; they do not change what it expects."""
FEW = 30
"""Examples that a hurried test looks at."""


def prior(table: Table, drawn: Draw, target: float) -> Said | None:
    """The framework alone: the technique it expects, of that the candidate best on the pilot."""
    answers = Answers.read({**table.answers, "score_needed": target})
    return _of(advise(answers, PRICED).expected, table, drawn)


def always(technique: str) -> Adviser:
    """One technique whatever the task is; of its candidates the one best on the pilot."""
    return lambda table, drawn, target: _of(technique, table, drawn)


def _of(technique: str, table: Table, drawn: Draw) -> Said | None:
    places = [k for k, c in enumerate(table.candidates) if c.technique == technique]
    if not places:
        return None
    best = max(places, key=lambda k: (drawn.pilot[k].mean(), -table.monthly_usd[k]))
    return Said("sufficient", best, len(places) * PILOT)


def best_mean(table: Table, drawn: Draw, target: float) -> Said:
    """The highest mean on the test rows wins, where it reaches the target; a tie to the cheaper."""
    means = drawn.test.mean(axis=1)
    best = max(range(len(means)), key=lambda k: (means[k], -table.monthly_usd[k]))
    return _reaching([best] if means[best] >= target else [], table, drawn)


def cheapest_mean(table: Table, drawn: Draw, target: float) -> Said:
    """The cheapest whose mean on the test rows reaches the target."""
    means = drawn.test.mean(axis=1)
    return _reaching([k for k, mean in enumerate(means) if mean >= target], table, drawn)


def _reaching(places: list[int], table: Table, drawn: Draw) -> Said:
    calls = drawn.test.size
    if not places:
        return Said("insufficient", None, calls)
    return Said("sufficient", min(places, key=lambda k: table.monthly_usd[k]), calls)


def fixed(table: Table, drawn: Draw, target: float) -> Said:
    """One exact test of each candidate on all rows, the error shared equally (Bonferroni)."""
    alpha = (1 - CONFIDENCE) / len(table.candidates)
    return _tested(table, drawn.test, target, alpha)


def fixed_few(table: Table, drawn: Draw, target: float) -> Said:
    """The same on the first 30 rows, and the whole error for each."""
    return _tested(table, drawn.test[:, :FEW], target, 1 - CONFIDENCE)


def _tested(table: Table, scores: np.ndarray, target: float, alpha: float) -> Said:
    """The cheapest that passes; none where all are shown to be below; else it cannot tell."""
    passed = [k for k, row in enumerate(scores) if passes(row, target, alpha)]
    if passed:
        return Said("sufficient", min(passed, key=lambda k: table.monthly_usd[k]), scores.size)
    shown = all(_highest(row, alpha) < target for row in scores)
    return Said("insufficient" if shown else "undecided", None, scores.size)


def passes(row: np.ndarray, target: float, alpha: float) -> bool:
    """One-sided, on all the scores: exact where they are right or wrong, Gaffke's bound else."""
    if np.isin(row, (0.0, 1.0)).all():
        needed = must_see(len(row), target, alpha)
        return needed is not None and bool(row.sum() >= needed)
    return _graded(tuple(row.tolist()), 1 - 2 * alpha)[0] >= target


def _highest(row: np.ndarray, alpha: float) -> float:
    if np.isin(row, (0.0, 1.0)).all():
        return binomial_interval(int(row.sum()), len(row), 1 - 2 * alpha).high
    return _graded(tuple(row.tolist()), 1 - 2 * alpha)[1]


@lru_cache(maxsize=4096)
def _graded(scores: tuple[float, ...], confidence: float) -> tuple[float, float]:
    found = interval(list(scores), confidence)
    return found.low, found.high


ADVISERS: dict[str, Adviser] = {
    "the framework's prior alone": prior,
    "always prompt": always("prompting"),
    "always RAG": always("rag"),
    "always tune": always("fine-tuning"),
    "best mean wins": best_mean,
    "cheapest whose mean reaches": cheapest_mean,
    "fixed test, all rows, Bonferroni": fixed,
    f"fixed test, {FEW} rows, 5% each": fixed_few,
}
