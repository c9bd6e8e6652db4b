"""Walk a ladder with a method, and measure it against the exhaustive run and the bound."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from decision_parts.methods import Method, Problem, exact_power
from rung.evidence import must_see
from rung.evidence.forecasts import divergence


@dataclass(frozen=True)
class Climb:
    """Choices and calls of many replicates; choice -1 is "none passed"."""

    chosen: np.ndarray
    calls: np.ndarray
    """Shape (replicates, candidates)."""


def climb(tables: list[np.ndarray], problem: Problem, method: Method) -> Climb:
    """From the cheapest up, stopping at the first PASS; only replicates still climbing pay."""
    replicates = len(tables[0])
    chosen = np.full(replicates, -1)
    calls = np.zeros((replicates, len(tables)))
    climbing = np.arange(replicates)
    for place, scores in enumerate(tables):
        if not climbing.size:
            break
        passed, used = method(scores[climbing], problem)
        calls[climbing, place] = used
        chosen[climbing[passed]] = place
        climbing = climbing[~passed]
    return Climb(chosen, calls)


def run_all(tables: list[np.ndarray], problem: Problem, method: Method) -> Climb:
    """Everything on everything, then the cheapest that passes."""
    passed = np.stack([method(scores, problem)[0] for scores in tables], axis=1)
    chosen = np.where(passed.any(axis=1), passed.argmax(axis=1), -1)
    return Climb(chosen, np.full((len(chosen), len(tables)), float(problem.examples)))


def halving(tables: list[np.ndarray], problem: Problem) -> Climb:
    """Successive halving on the mean, then the cheapest survivor, as practised: no test."""
    replicates, arms = len(tables[0]), len(tables)
    calls = np.zeros((replicates, arms))
    alive = np.ones((replicates, arms), dtype=bool)
    for share, keep in ((0.25, (arms + 1) // 2), (0.5, (arms + 3) // 4), (1.0, None)):
        size = round(problem.examples * share)
        means = np.stack([scores[:, :size].mean(axis=1) for scores in tables], axis=1)
        calls = np.where(alive, size, calls)
        if keep is not None:
            order = np.argsort(np.where(alive, -means, 2.0), axis=1, kind="stable")
            alive &= np.argsort(order, axis=1) < keep
    return Climb(alive.argmax(axis=1), calls)


def measure(
    found: Climb,
    exhaustive: Climb,
    means: tuple[float, ...],
    costs: tuple[float, ...],
    problem: Problem,
) -> dict[str, float]:
    """Shares of the exhaustive run's calls, money and rounds, and how often the choice agrees."""
    price = np.array(costs)
    true = np.array([*means, np.inf])  # the last entry stands for choice -1
    rounds = np.ceil(found.calls / problem.batch).sum(axis=1)
    every = len(costs) * np.ceil(problem.examples / problem.batch)
    good = [place for place, mean in enumerate(means) if mean >= problem.target]
    return {
        "calls": float(found.calls.sum(axis=1).mean() / (len(costs) * problem.examples)),
        "money": float((found.calls @ price).mean() / (price.sum() * problem.examples)),
        "rounds": float(rounds.mean() / every),
        "right": float((found.chosen == (good[0] if good else -1)).mean()),
        "false_pass": float((true[found.chosen] < problem.target).mean()),
        "agree": float((found.chosen == exhaustive.chosen).mean()),
    }


def calls_bound(means: tuple[float, ...], problem: Problem) -> float:
    """Share of exhaustive calls below which no test with the promises of G+A can get.

    statistics.md section 5; rough where a mean is near the target, because examples run out.
    """
    needed = must_see(problem.examples, problem.target, problem.alpha) or problem.examples
    reach, total = 1.0, 0.0
    for mean in means:
        power = exact_power(problem.examples, mean, problem.target, problem.alpha)
        if power >= 0.5:
            sure = min(power, 1.0 - 1e-9)
            least = divergence(sure, problem.alpha) / divergence(mean, problem.target)
        else:
            least = leave_bound(problem.examples, round(problem.examples * mean), needed)
        total += reach * min(least, problem.examples)
        reach *= 1.0 - power
    return total / (len(means) * problem.examples)


def leave_bound(total: int, right: int, needed: int, sure: float = 0.95, eps: float = 0.05) -> int:
    """Fewest draws that tell `right` of N apart from `needed` of N: KL of hypergeometric laws."""
    wanted = divergence(sure, eps)
    low, high = 0, total
    while high - low > 1:
        middle = (low + high) // 2
        enough = _hypergeometric_divergence(total, right, needed, middle) >= wanted
        low, high = (low, middle) if enough else (middle, high)
    return high


def _hypergeometric_divergence(total: int, right: int, needed: int, drawn: int) -> float:
    count = np.arange(max(0, drawn - (total - right)), min(drawn, right) + 1)
    ours = _log_hypergeometric(total, right, drawn, count)
    possible = (count <= needed) & (drawn - count <= total - needed)
    if (~possible & (ours > -30)).any():
        return np.inf
    theirs = _log_hypergeometric(total, needed, drawn, count[possible])
    return float((np.exp(ours[possible]) * (ours[possible] - theirs)).sum())


def _log_hypergeometric(total: int, right: int, drawn: int, count: np.ndarray) -> np.ndarray:
    def choose(n: float, k: np.ndarray | float) -> np.ndarray:
        return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)

    return choose(right, count) + choose(total - right, drawn - count) - choose(total, drawn)
