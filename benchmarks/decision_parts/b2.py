"""B2: how often a ladder of candidates just below the target certifies any of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from decision_parts.climbing import climb
from decision_parts.ladders import (
    Ladder,
    binary_scores,
    cluster_scores,
    full_mark_scores,
    skewed_scores,
)
from decision_parts.methods import Method, Problem, bets, counts
from decision_parts.report import Goal, Report
from rung.evidence import binomial_interval

SEED = 2202
ALPHA, CANDIDATES = 0.05, 5
GAP = 0.001
"""How far below the target all candidates are: the hardest place to keep the promise."""

PART = 1000
"""Replicates made at once: a table of 10,000 by 500 by five would fill the memory."""

Maker = Callable[[float, int, int, np.random.Generator], list[np.ndarray]]


@dataclass(frozen=True)
class Case:
    scores: str
    make: Maker
    examples: int
    label: str
    method: Method
    share: float = 1.0
    """Allowed share of alpha: 1.1 where the last look is a t-test, 2 for R (alpha + eps)."""
    target: float = 0.8


def _binary(correlation: float) -> Maker:
    def make(mean: float, examples: int, rows: int, rng: np.random.Generator) -> list[np.ndarray]:
        ladder = Ladder("below", (mean,) * CANDIDATES, mean + GAP, correlation=correlation)
        return binary_scores(ladder, examples, rows, rng)

    return make


def _graded(draw: Callable[..., np.ndarray]) -> Maker:
    return lambda mean, examples, rows, rng: [
        draw(mean, (rows, examples), rng) for _ in range(CANDIDATES)
    ]


CASES = (
    Case("independent", _binary(0.0), 500, "G+A", counts("traffic")),
    Case("independent", _binary(0.0), 500, "GS fast", counts("fast")),
    Case("independent", _binary(0.0), 500, "R replay", counts("replay"), 2.0),
    Case("correlated .6", _binary(0.6), 500, "G+A", counts("traffic")),
    Case("independent", _binary(0.0), 2000, "G+A", counts("traffic")),
    Case("independent", _binary(0.0), 500, "G+A", counts("traffic"), target=0.95),
    Case("skewed graded", _graded(skewed_scores), 150, "E (no last test)", bets),
    Case("skewed graded", _graded(skewed_scores), 500, "E+F", bets, 1.1),
    Case("clustered, 4 each", _graded(cluster_scores), 500, "E+F", bets, 1.1),
    Case("clustered, 4 each", _graded(cluster_scores), 200, "E+F", bets, 1.1),
    Case("mostly full marks", _graded(full_mark_scores), 200, "E+F", bets, 1.1, 0.95),
    Case("mostly full marks", _graded(full_mark_scores), 500, "E+F", bets, 1.1, 0.95),
)


def run(replicates: int) -> Report:
    report = Report(
        "B2",
        f"five candidates {GAP} below the target, alpha {ALPHA}: false selections",
        SEED,
        {"replicates": replicates, "batch": 10},
    )
    for place, case in enumerate(CASES):
        # A seed per case: results stay when a case is added at the end or left out.
        rng = np.random.default_rng([SEED, place])
        problem = Problem(case.target, ALPHA / CANDIDATES, case.examples)
        rows = replicates if case.examples <= 500 else max(replicates // 2, 1)
        false, calls = _count(case.make, problem, case.method, rows, rng)
        upper = binomial_interval(false, rows, 0.90).high
        report.rows.append(
            {
                "scores": case.scores,
                "target": case.target,
                "N": case.examples,
                "method": case.label,
                "replicates": rows,
                "false selections": false / rows,
                "upper 95 %": upper,
                "calls": calls,
            }
        )
        where = f"{case.scores}, target {case.target}, N={case.examples}, {case.label}"
        report.goals.append(Goal.at_most(f"upper limit, {where}", upper, case.share * ALPHA))
    report.notes.append(
        "upper 95 % is the one-sided Clopper-Pearson limit; 1.1 alpha is allowed where the last "
        "look is a t-test, and R promises alpha + eps"
    )
    return report


def _count(
    make: Maker, problem: Problem, method: Method, rows: int, rng: np.random.Generator
) -> tuple[int, float]:
    false, calls = 0, 0.0
    for start in range(0, rows, PART):
        size = min(PART, rows - start)
        found = climb(make(problem.target - GAP, problem.examples, size, rng), problem, method)
        false += int((found.chosen >= 0).sum())
        calls += float(found.calls.sum())
    return false, calls / (rows * CANDIDATES * problem.examples)
