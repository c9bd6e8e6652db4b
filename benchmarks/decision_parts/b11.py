"""B11: what the statistics themselves cost."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from decision_parts.report import Goal, Report
from rung.evidence import sequential
from rung.evidence.boundaries import binomial_pmf

SEED = 1111
EXAMPLES, CANDIDATES, TARGET, ALPHA = 2000, 20, 0.8, 0.05


def run() -> Report:
    report = Report("B11", "boundaries and looks", SEED, {"N": EXAMPLES, "candidates": CANDIDATES})
    scores = (np.random.default_rng(SEED).random(EXAMPLES) < 0.82).astype(float)
    listed = scores.tolist()
    plan_worst, look_worst = 0.0, 0.0
    for mode in ("traffic", "fast", "replay", "suite"):
        design = sequential(TARGET, ALPHA / CANDIDATES, EXAMPLES, 10, mode=mode)
        plan = _least(lambda mode=mode: _fresh_plan(mode), 1)
        look = _least(lambda design=design: design.look(scores), 40)
        look_list = _least(lambda design=design: design.look(listed), 40)
        bound = _first_bound(mode, scores)
        report.rows.append(
            {
                "design": mode,
                "plan ms": plan * 1e3,
                "look us (array)": look * 1e6,
                "look us (list)": look_list * 1e6,
                "lower bound ms": bound * 1e3,
            }
        )
        plan_worst, look_worst = max(plan_worst, plan), max(look_worst, look, look_list)
    for examples in (200, 500, EXAMPLES):
        graded = sequential(TARGET, ALPHA / CANDIDATES, examples, 10, graded=True)
        part = np.clip(scores[:examples] * 0.97, 0, 1)
        report.rows.append(
            {
                "design": f"graded, N={examples}",
                "look us (array)": _least(lambda d=graded, s=part: d.look(s), 10) * 1e6,
                "lower bound ms": _least(lambda d=graded, s=part: d.look(s).lower_bound, 1) * 1e3,
            }
        )
    report.notes.append(
        "best of 25 timings; a look of 2,000 scores is the longest there is; a graded look replays "
        "its bets on the whole prefix, so the 50 us goal is for right/wrong scores"
    )
    report.goals.append(Goal.at_most("boundaries of one plan, ms", plan_worst * 1e3, 100))
    report.goals.append(Goal.at_most("one look at 2,000 scores, us", look_worst * 1e6, 50))
    return report


def _fresh_plan(mode: str) -> object:
    """A plan worked out from nothing: the laws kept from the last one are thrown away."""
    binomial_pmf.cache_clear()
    return sequential(TARGET, ALPHA / CANDIDATES, EXAMPLES, 10, mode=mode)


def _first_bound(mode: str, scores: np.ndarray) -> float:
    """Seconds of a bound worked out for the first time: the boundaries of a design are kept."""
    best = np.inf
    for turn in range(3):
        alpha = ALPHA / CANDIDATES * (1.0 + 1e-6 * (turn + 1))
        seen = sequential(TARGET, alpha, EXAMPLES, 10, mode=mode).look(scores)
        start = time.perf_counter()
        assert 0.0 < seen.lower_bound < 1.0
        best = min(best, time.perf_counter() - start)
    return float(best)


def _least(call: Callable[[], object], times: int) -> float:
    """Least seconds per call of 25 rounds: other work on the machine only ever adds."""
    best = np.inf
    for _ in range(25):
        start = time.perf_counter()
        for _ in range(times):
            call()
        best = min(best, (time.perf_counter() - start) / times)
    return float(best)
