"""Gate: how often the learning-curve forecast is right, on simulated power laws."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from decision_parts.report import Goal, Report
from rung.evidence import learning_curve

SEED = 5505
SIZES, TESTED, NOISE = (50, 100, 200, 400), 300, 0.01
BINS = (0.0, 0.05, 0.2, 0.4, 0.6, 0.8, 1.0)


def run(replicates: int) -> Report:
    report = Report(
        "gate",
        "learning curve: chance that four times the data reaches the target",
        SEED,
        {"replicates": replicates, "training sizes": list(SIZES), "test examples": TESTED},
    )
    rng = np.random.default_rng(SEED)
    chance, reached, covered, width = [], [], [], []
    for _ in range(replicates):
        ceiling, gap, exponent = (
            rng.uniform(low, high) for low, high in ((0.7, 0.98), (0.1, 0.5), (0.2, 0.9))
        )
        sizes = np.array([*SIZES, SIZES[-1] * 4])
        truth = ceiling - gap * (sizes / SIZES[0]) ** -exponent
        trained = np.clip(truth[:-1] + rng.normal(0.0, NOISE, len(SIZES)), 0.0, 1.0)
        scores = rng.binomial(TESTED, trained) / TESTED
        target = truth[-2] + rng.uniform(0.0, 0.12)
        found = learning_curve(SIZES, scores, [TESTED] * len(SIZES), target, factors=(4.0,))
        point = found.points[0]
        chance.append(point.chance)
        reached.append(truth[-1] >= target)
        covered.append(point.low <= truth[-1] <= point.high)
        width.append(point.high - point.low)
    chances, truths = np.array(chance), np.array(reached)
    for low, high in pairwise(BINS):
        within = (chances >= low) & ((chances < high) | (high == 1.0))
        if within.any():
            row = {"chance": f"{low:g}-{high:g}", "forecasts": int(within.sum())}
            row |= {"said": float(chances[within].mean()), "was": float(truths[within].mean())}
            report.rows.append(row)
    report.notes.append(
        f"90 % intervals of the fourfold extrapolation cover {np.mean(covered):.3f}, "
        f"mean width {np.mean(width):.3f}"
    )
    hopeless, promising = chances < 0.05, chances > 0.8
    if hopeless.any() and promising.any():
        report.goals += [
            Goal.at_most("'could not' was reached", float(truths[hopeless].mean()), 0.05),
            Goal.at_least("'would probably' was reached", float(truths[promising].mean()), 0.8),
        ]
    return report
