"""Graded: the exact error of Gaffke's test at a grid of laws, and the power of its share of alpha.

Where a law has the values 0, v and 1, or v and 1 alone, the chance that it is certified falsely is
a sum of binomial chances: no sampling. What is proven of the test, and what is only known of this
grid, stands in `docs/statistics.md`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.stats import binom

from decision_parts.report import Goal, Report
from rung.evidence import sequential
from rung.evidence.gaffke import p_values

SEED = 2005
ALPHAS = (0.01, 0.05)
SIZES = (20, 60, 150, 300)
VALUES = (0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98)
TARGETS = (0.5, 0.7, 0.8, 0.9, 0.95)
SHARES = 12
"""Chances of 0 that are tried with each value, from none to the most that the target allows."""


def run(replicates: int) -> Report:
    report = Report(
        "graded",
        "graded scores: largest exact error of Gaffke's test over its alpha, and power",
        SEED,
        {"N": list(SIZES), "values": list(VALUES), "targets": list(TARGETS), "laws": SHARES},
    )
    for alpha in ALPHAS:
        for size in SIZES:
            worst, law, mixed = _worst(size, alpha)
            report.rows.append(
                {"N": size, "alpha": alpha, "largest error / alpha": worst, "at": law}
                | {"the same, of laws on three values": mixed}
            )
            report.goals.append(
                Goal.at_most(f"largest error over alpha, N={size}, alpha={alpha}", worst, 1.0)
            )
    for size in (60, 150, 300):
        _power(report, size, replicates)
    return report


def _worst(size: int, alpha: float) -> tuple[float, str, float]:
    worst, law, mixed = 0.0, "", 0.0
    for value in VALUES:
        for target in TARGETS:
            fewest = _fewest(size, value, target, alpha)
            for zero, full in _laws(value, target):
                error = _error(fewest, size, zero, full) / alpha
                if error > worst:
                    middle = 1 - zero - full
                    worst, law = error, f"0, {value}, 1: {zero:.3f}, {middle:.3f}, {full:.3f}"
                if zero > 0 and full < 1 - zero - 1e-9:
                    mixed = max(mixed, error)
    return worst, law, mixed


def _laws(value: float, target: float) -> Iterator[tuple[float, float]]:
    """Chances of 0 and of 1 with the rest at `value`, so that the mean is the target."""
    for zero in np.linspace(0.0, 1.0 - target, SHARES):
        full = (target - value * (1.0 - zero)) / (1.0 - value)
        if -1e-12 <= full <= 1.0 - zero + 1e-12:
            yield float(zero), min(max(float(full), 0.0), 1.0 - float(zero))


def _fewest(size: int, value: float, target: float, alpha: float) -> np.ndarray:
    """Fewest 1s that pass beside each number of 0s, shape (size + 1,); size + 1 where none do."""
    zeros = np.arange(size + 1)
    low, high = np.full(size + 1, -1), size - zeros + 1
    while (high - low > 1).any():
        full = np.minimum((low + high) // 2, size - zeros).clip(0)
        counts = np.stack([zeros, size - zeros - full, full], axis=1)
        passes = p_values(np.array([0.0, value, 1.0]), counts, target) <= alpha
        going = high - low > 1
        high = np.where(going & passes, full, high)
        low = np.where(going & ~passes, full, low)
    return high


def _error(fewest: np.ndarray, size: int, zero: float, full: float) -> float:
    zeros = np.arange(size + 1)
    rest = full / (1.0 - zero) if zero < 1.0 else 0.0
    return float(
        (binom.pmf(zeros, size, zero) * binom.sf(fewest - 1, size - zeros, min(rest, 1.0))).sum()
    )


def _power(report: Report, size: int, replicates: int) -> None:
    """At +.10 over .80, alpha .01: the bets alone, whose level is proven, and with Gaffke's."""
    rng = np.random.default_rng([SEED, size])
    scores = rng.beta(0.9 * 5, 0.1 * 5, (min(replicates, 500), size))
    design = sequential(0.8, 0.01, size, 25, graded=True)
    looks = np.array(design.looks_within(size))  # type: ignore[union-attr]
    both = design.crossings(scores, looks)[0].any(axis=1)  # type: ignore[union-attr]
    longer = design.model_copy(update={"max_examples": size + 1})
    bets = longer.crossings(scores, looks)[0].any(axis=1)  # type: ignore[union-attr]
    report.rows.append(
        {"N": size, "alpha": 0.01, "power": float(both.mean()), "bets alone": float(bets.mean())}
        | {"of alpha with a proof": design.wealth_alpha / design.alpha}  # type: ignore[union-attr]
    )
