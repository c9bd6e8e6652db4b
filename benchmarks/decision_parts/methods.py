"""Ways to decide one candidate from its scores, vectorised over replicates.

Each takes scores (replicates, N) and returns (passed, used): a verdict and the examples spent on
it. Rung's own run on the boundaries and bets of `rung.evidence`; `verify` checks the vectorised
walk against `design.look` row by row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import bdtrc

from rung.evidence import must_see, sequential
from rung.evidence.wealth import running_variance
from rung.evidence.wealth_design import WealthDesign

Verdicts = tuple[np.ndarray, np.ndarray]
CHUNK = 400
"""Replicates walked at once, so that a table of 2,000 examples stays in the cache's reach."""


@dataclass(frozen=True)
class Problem:
    """What every method is told about one candidate."""

    target: float
    alpha: float
    examples: int
    batch: int = 10

    @property
    def looks(self) -> np.ndarray:
        return np.array([*range(self.batch, self.examples, self.batch), self.examples])


Method = Callable[[np.ndarray, Problem], Verdicts]


def in_chunks(method: Method) -> Method:
    def walk(scores: np.ndarray, problem: Problem) -> Verdicts:
        parts = [
            method(scores[start : start + CHUNK], problem)
            for start in range(0, max(len(scores), 1), CHUNK)
        ]
        return np.concatenate([p for p, _ in parts]), np.concatenate([u for _, u in parts])

    return walk


def stop_first(passed: np.ndarray, dropped: np.ndarray, looks: np.ndarray) -> Verdicts:
    """First look at which either column is true; PASS wins a tie; the last look ends the rest."""
    never = len(looks)
    first_pass = np.where(passed.any(axis=1), passed.argmax(axis=1), never)
    first_drop = np.where(dropped.any(axis=1), dropped.argmax(axis=1), never)
    end = np.minimum(np.minimum(first_pass, first_drop), never - 1)
    return (first_pass < never) & (first_pass <= first_drop), looks[end]


@lru_cache(maxsize=256)
def count_plan(mode: str, problem: Problem):
    return sequential(problem.target, problem.alpha, problem.examples, problem.batch, mode=mode)


@lru_cache(maxsize=256)
def bet_plan(problem: Problem) -> WealthDesign:
    return sequential(problem.target, problem.alpha, problem.examples, problem.batch, graded=True)


def counts(mode: str) -> Method:
    """G+A (traffic), GS (fast), R (replay) or H (suite), by the design's own boundaries."""

    def decide(scores: np.ndarray, problem: Problem) -> Verdicts:
        design = count_plan(mode, problem)
        reached = np.cumsum(scores, axis=1)[:, problem.looks - 1]
        return stop_first(
            reached >= np.array(design.upper), reached <= np.array(design.lower), problem.looks
        )

    return decide


@in_chunks
def bets(scores: np.ndarray, problem: Problem) -> Verdicts:
    """E+F: the three bets, the mirrored bets, and one last fixed test."""
    passed, dropped = bet_plan(problem).crossings(scores, problem.looks)
    return stop_first(passed, dropped, problem.looks)


def everything(scores: np.ndarray, problem: Problem) -> Verdicts:
    """The plain exact test on all N."""
    needed = must_see(problem.examples, problem.target, problem.alpha)
    right = scores.sum(axis=1)
    used = np.full(len(scores), problem.examples)
    return (right >= needed if needed else np.zeros(len(scores), bool)), used


def suite_mean(scores: np.ndarray, problem: Problem) -> Verdicts:
    """The point mean of these N, the question of suite mode."""
    reached = scores.sum(axis=1) >= problem.examples * problem.target - 1e-9
    return reached, np.full(len(scores), problem.examples)


def naive_mean(scores: np.ndarray, problem: Problem) -> Verdicts:
    """Look once at 20 examples and believe the mean."""
    return scores[:, :20].mean(axis=1) >= problem.target, np.full(len(scores), 20)


def naive_peek(scores: np.ndarray, problem: Problem) -> Verdicts:
    """Look at a normal 95 % interval every batch from 20 examples until it leaves the target."""
    looks = problem.looks[problem.looks >= 20]
    mean = np.cumsum(scores, axis=1)[:, looks - 1] / looks
    half = 1.96 * np.sqrt(mean * (1.0 - mean) / looks)
    return stop_first(mean - half >= problem.target, mean + half < problem.target, looks)


@in_chunks
def hoeffding(scores: np.ndarray, problem: Problem) -> Verdicts:
    """Predictable plug-in Hoeffding confidence sequence (Waudby-Smith and Ramdas 2024, sec. 3.1).

    PASS when its lower end at alpha reaches the target, DROP when its upper end at 0.05 is below.
    """
    time = np.arange(1, problem.examples + 1)
    ends = []
    for level, sign in ((problem.alpha, -1.0), (0.05, 1.0)):
        bet = np.minimum(np.sqrt(8.0 * np.log(1.0 / level) / (time * np.log(time + 1))), 1.0)
        weight = np.cumsum(bet)
        half = (np.log(1.0 / level) + np.cumsum(bet**2) / 8.0) / weight
        centre = np.cumsum(scores * bet, axis=1) / weight
        ends.append((centre + sign * half)[:, problem.looks - 1])
    return stop_first(ends[0] >= problem.target, ends[1] < problem.target, problem.looks)


@in_chunks
def betting(scores: np.ndarray, problem: Problem) -> Verdicts:
    """Betting confidence sequence, aGRAPA bets (Waudby-Smith and Ramdas 2024, appendix B)."""

    def wealth(values: np.ndarray, mean: float) -> np.ndarray:
        time = np.arange(values.shape[1])
        total = np.cumsum(values, axis=1) - values
        centre = (0.5 + total) / (1.0 + time)
        variance = running_variance(values, 0.5, 0.25)
        gap = centre - mean
        bet = np.clip(gap / (variance + gap**2), 0.0, 0.75 / mean)
        return np.cumsum(np.log1p(bet * (values - mean)), axis=1)[:, problem.looks - 1]

    passed = wealth(scores, problem.target) >= -np.log(problem.alpha)
    dropped = wealth(1.0 - scores, 1.0 - problem.target) >= -np.log(0.05)
    return stop_first(passed, dropped, problem.looks)


METHODS: dict[str, Method] = {
    "climb only": everything,
    "naive mean of 20": naive_mean,
    "naive peek at 95 % CI": naive_peek,
    "Hoeffding CS": hoeffding,
    "betting CS (aGRAPA)": betting,
    "G+A": counts("traffic"),
    "GS fast": counts("fast"),
    "R replay": counts("replay"),
    "E+F": bets,
}


def verify(scores: np.ndarray, problem: Problem, kind: str, rows: int = 25) -> int:
    """Rows on which the vectorised walk and `design.look`, batch by batch, disagree."""
    if kind == "bets":
        design = bet_plan(problem)
        passed, used = bets(scores[:rows], problem)
    else:
        design = count_plan(kind, problem)
        passed, used = counts(kind)(scores[:rows], problem)
    wrong = 0
    for row, has_passed, spent in zip(scores[:rows], passed, used, strict=True):
        wrong += (has_passed, spent) != _one_run(design, row, problem)
    return int(wrong)


def _one_run(design: WealthDesign, row: np.ndarray, problem: Problem) -> tuple[bool, int]:
    for look in problem.looks:
        decision = design.look(row[:look])
        if decision.state != "continue":
            break
    return decision.state == "pass", int(look)


def exact_power(examples: int, mean: float, target: float, alpha: float) -> float:
    """Chance that the plain exact test on all N certifies a candidate of this mean."""
    needed = must_see(examples, target, alpha)
    return 0.0 if needed is None else float(bdtrc(needed - 1, examples, mean))
