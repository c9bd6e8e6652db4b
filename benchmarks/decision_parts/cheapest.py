"""Cheapest: how often the cheapest of eight rungs that suffices is named, by how alpha is dealt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from decision_parts.ladders import Ladder, binary_scores
from decision_parts.report import Goal, Report
from rung.climbing.certify import batch_size
from rung.climbing.reconsider import REOPENED
from rung.climbing.summary import upper_bound
from rung.evidence import binomial_interval, chance_to_reach, dev_weight, sequential
from rung.evidence.ledger import PLANNED_SHARE, SMALLEST_ALPHA, AlphaLedger

SEED = 7707
ALPHA, TARGET, PILOT = 0.05, 0.8, 40
SIZES = (50, 100, 200, 500)
ROWS = frozenset({"all"})
STEP = 0.02
"""Alphas are rounded down to steps of 2 %, so that designs are few."""

LADDERS = (
    Ladder("cheapest .85", (0.55, 0.62, 0.70, 0.74, 0.85, 0.90, 0.94, 0.97), TARGET),
    Ladder("cheapest .90", (0.55, 0.62, 0.70, 0.74, 0.90, 0.92, 0.95, 0.97), TARGET),
    Ladder("three just below", (0.60, 0.78, 0.78, 0.79, 0.85, 0.90, 0.94, 0.97), TARGET),
)
CHECKED = {("cheapest .90", 50): (0.14, 0.36), ("cheapest .90", 100): (0.45, 0.67),
           ("cheapest .90", 200): (0.89, 0.96)}  # fmt: skip
"""What an independent simulation found that equal shares name, and the best design known then."""
BELOW = Ladder("all just below", (0.799,) * 8, TARGET, correlation=0.0)

Weight = Callable[[int, int, float], float]
"""Alpha of a rung, from right answers on dev, its place, and what is left."""


@dataclass(frozen=True)
class Walk:
    """Rungs chosen (-1 is none) and calls, one a replicate."""

    chosen: np.ndarray
    calls: np.ndarray


def _equal(right: int, place: int, left: float) -> float:
    return PLANNED_SHARE * ALPHA / 8


def _halves(right: int, place: int, left: float) -> float:
    return left * (0.5 if right / PILOT >= TARGET else 0.05)


def _by_dev(right: int, place: int, left: float) -> float:
    return left * _share(right, place, left / ALPHA)


@lru_cache(maxsize=4096)
def _share(right: int, place: int, left: float) -> float:
    scores = [1.0] * right + [0.0] * (PILOT - right)
    return dev_weight(scores, TARGET, waiting=7 - place, left=left)


DEALS: dict[str, tuple[Weight, bool]] = {
    "equal shares (before)": (_equal, False),
    "half or a twentieth": (_halves, False),
    "0.7 chance squared": (_by_dev, False),
    "0.7 chance squared, inherited (now)": (_by_dev, True),
}
"""How alpha is dealt, and whether a certified rung's goes to cheaper ones."""
NOW = "0.7 chance squared, inherited (now)"


def run(replicates: int) -> Report:
    report = Report(
        "cheapest",
        f"eight rungs, target {TARGET}, pilots of {PILOT}: is the cheapest that suffices named?",
        SEED,
        {"replicates": replicates, "N": list(SIZES), "false passes": replicates * 5},
    )
    for ladder in LADDERS:
        for examples in SIZES:
            _compare(report, ladder, examples, replicates)
    for examples in (100, 500):
        _false(report, examples, replicates * 5)
    return report


def _compare(report: Report, ladder: Ladder, examples: int, replicates: int) -> None:
    cheapest = next(k for k, mean in enumerate(ladder.means) if mean >= TARGET)
    found: dict[str, dict[str, float]] = {}
    for name, (weight, inherit) in DEALS.items():
        walk = climb(ladder, examples, replicates, weight, inherit=inherit)
        found[name] = {
            "cheapest named": float((walk.chosen == cheapest).mean()),
            "dearer named": float((walk.chosen > cheapest).mean()),
            "none": float((walk.chosen == -1).mean()),
            "calls": float(walk.calls.mean()),
        }
        report.rows.append({"ladder": ladder.name, "N": examples, "alpha": name, **found[name]})
    before, best, _, now = found.values()
    where = f"{ladder.name}, N={examples}"
    half = (before["cheapest named"] + best["cheapest named"]) / 2
    if (ladder.name, examples) in CHECKED:
        half_way = sum(CHECKED[ladder.name, examples]) / 2
        named = now["cheapest named"]
        report.goals.append(Goal.at_least(f"half way as checked, {where}", named, half_way))
    report.goals += [
        Goal.at_least(f"half way to a half or a twentieth, {where}", now["cheapest named"], half),
        Goal.at_most(f"calls, {where}", now["calls"], before["calls"]),
    ]


def _false(report: Report, examples: int, replicates: int) -> None:
    walk = climb(BELOW, examples, replicates, _by_dev, inherit=True)
    false = int((walk.chosen >= 0).sum())
    upper = binomial_interval(false, replicates, 0.90).high
    report.rows.append(
        {"ladder": BELOW.name, "N": examples, "alpha": NOW}
        | {"false passes": false / replicates, "upper 95 %": upper}
    )
    report.goals.append(Goal.at_most(f"false passes, upper limit, N={examples}", upper, ALPHA))


def climb(
    ladder: Ladder, examples: int, replicates: int, weight: Weight, *, inherit: bool = False
) -> Walk:
    """Pilot, leave, weigh, certify: rung after rung until one passes.

    `inherit`: what the one that passed was granted goes to the cheaper ones before it is named.
    """
    rng = np.random.default_rng([SEED, examples])
    tables = binary_scores(ladder, PILOT + examples, replicates, rng)
    chosen, calls = np.full(replicates, -1), np.zeros(replicates)
    left, climbing = np.full(replicates, ALPHA), np.arange(replicates)
    granted_to: list[dict[int, float]] = [{} for _ in range(replicates)]
    for place, table in enumerate(tables):
        calls[climbing] += PILOT
        right = table[:, :PILOT].sum(axis=1).astype(int)
        going = climbing[right[climbing] >= _fewest()]
        alphas = {}
        for row in going:
            granted = _rounded(max(weight(int(right[row]), place, left[row]), SMALLEST_ALPHA))
            if granted <= left[row]:
                alphas[row] = granted_to[row][place] = granted
                left[row] -= granted
        for alpha in set(alphas.values()):
            rows = np.array([row for row, granted in alphas.items() if granted == alpha])
            passed, used = _certify(table[rows, PILOT:], alpha)
            calls[rows] += used
            chosen[rows[passed]] = place
        climbing = climbing[chosen[climbing] == -1]
    if inherit:
        scores = np.stack([table[:, PILOT:] for table in tables], axis=1)
        for row in np.flatnonzero(chosen >= 0):
            chosen[row], more = _inherited(scores[row], granted_to[row], int(chosen[row]))
            calls[row] += more
    return Walk(chosen, calls)


def _inherited(scores: np.ndarray, granted: dict[int, float], passed: int) -> tuple[int, int]:
    """The cheapest that passes with what dearer ones left to it, and the calls that it took."""
    ledger = AlphaLedger()
    for place, alpha in granted.items():
        ledger = ledger.grant(
            str(place), ROWS, 1 - ALPHA, alpha, ledger.heirs_by_alpha([*map(str, granted)], ROWS)
        )
    asked = {place: int(_certify(scores[[place]], alpha)[1][0]) for place, alpha in granted.items()}
    before, best = sum(asked.values()), passed
    found = {str(passed)}
    again = True
    while again:
        again = False
        for place in sorted(p for p in granted if p < best):
            freed = ledger.freed(str(place), ROWS, found)
            if freed <= SMALLEST_ALPHA or not _is_open(asked[place], scores[place]):
                continue
            is_passed, used = _certify(scores[[place]], granted[place], _rounded(freed))
            asked[place] = max(asked[place], int(used[0]))
            if is_passed[0]:
                best, again = place, True
                found.add(str(place))
                break
    return best, sum(asked.values()) - before


@lru_cache(maxsize=1)
def _fewest() -> int:
    """Right answers of a pilot that is not hopeless."""
    every = range(PILOT + 1)
    return next(n for n in every if upper_bound([1.0] * n + [0.0] * (PILOT - n)) >= TARGET)


def _rounded(alpha: float) -> float:
    return float(f"{np.exp(np.floor(np.log(alpha) / STEP) * STEP):.9g}")


def _is_open(asked: int, scores: np.ndarray) -> bool:
    return _chance(int(scores[:asked].sum()), asked) >= REOPENED


@lru_cache(maxsize=16384)
def _chance(right: int, asked: int) -> float:
    return chance_to_reach([1.0] * right + [0.0] * (asked - right), TARGET)


@lru_cache(maxsize=16384)
def _design(
    alpha: float, examples: int, freed: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    made = sequential(TARGET, alpha, examples, batch_size(examples), freed=freed)
    return np.array(made.looks), np.array(made.upper), np.array(made.lower)  # type: ignore[union-attr]


def _certify(scores: np.ndarray, alpha: float, freed: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Whether each replicate passes before it is dropped, and the examples that it took."""
    looks, upper, lower = _design(alpha, scores.shape[1], freed)
    counts = scores.cumsum(axis=1)[:, looks - 1]
    never = len(looks)
    ups, downs = counts >= upper, counts <= lower
    up = np.where(ups.any(axis=1), ups.argmax(axis=1), never)
    down = np.where(downs.any(axis=1), downs.argmax(axis=1), never)
    passed = (up <= down) & (up < never)
    return passed, looks[np.minimum(np.minimum(up, down), never - 1)]
