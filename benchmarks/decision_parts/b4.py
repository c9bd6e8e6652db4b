"""B4: forecasts of "what would more examples do" against what happened when they were opened."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.special import bdtrc

from decision_parts.ladders import paired_table
from decision_parts.report import Goal, Report
from rung.evidence import forecast_counts, must_see

SEED = 4404
SEEN, TARGET, ALPHA = 300, 0.8, 0.01
FACTORS = (1.5, 2.0, 4.0)
BINS = ((0.0, 0.2), (0.2, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 1.0))
FEWEST = 200
"""Forecasts a bin needs before its error is judged."""


def run(replicates: int) -> Report:
    rows = replicates * 10
    report = Report(
        "B4",
        f"after {SEEN} examples, target {TARGET}, alpha {ALPHA}; true mean uniform +-0.1",
        SEED,
        {"replicates": rows, "real-table replicates": replicates * 6},
    )
    rng = np.random.default_rng(SEED)
    mean = rng.uniform(TARGET - 0.1, TARGET + 0.1, rows)
    seen = rng.binomial(SEEN, mean)
    for factor in FACTORS:
        total = round(SEEN * factor)
        opened = seen + rng.binomial(total - SEEN, mean)
        _judge(report, "simulated", factor, seen, opened, np.full(rows, TARGET))
    _real(report, rng, replicates * 6)
    return report


def _real(report: Report, rng: np.random.Generator, rows: int) -> None:
    loaded = paired_table("mmlu")
    if loaded is None:
        report.notes.append("real tables skipped: ../shared/data/paired-tables is not there")
        return
    table, _ = loaded
    model = rng.integers(0, len(table), rows)
    # Targets on a grid around each model's mean, so that forecasts can be shared.
    target = np.round(table.mean(axis=1)[model] + rng.uniform(-0.1, 0.1, rows), 2)
    most = round(SEEN * max(FACTORS))
    right = np.empty((rows, most))
    for row in range(rows):
        right[row] = table[model[row]][rng.choice(table.shape[1], most, replace=False)]
    counts = right.cumsum(axis=1).astype(int)
    for factor in FACTORS:
        opened = counts[:, round(SEEN * factor) - 1]
        _judge(report, "mmlu, 2 models", factor, counts[:, SEEN - 1], opened, target)


def _judge(
    report: Report,
    name: str,
    factor: float,
    seen: np.ndarray,
    opened: np.ndarray,
    target: np.ndarray,
) -> None:
    """Compare on the runs that could not certify yet: only they are given a forecast."""
    total = round(SEEN * factor)
    undecided = np.array(
        [count < _needed(SEEN, goal) for count, goal in zip(seen, target, strict=True)]
    )
    seen, opened, target = seen[undecided], opened[undecided], target[undecided]
    pairs = list(zip(seen.tolist(), target.tolist(), strict=True))
    ours = np.array([_chance(count, goal, factor) for count, goal in pairs])
    plug_in = np.array([_plug_in(count, goal, total) for count, goal in pairs])
    enough = np.array([_enough(count, goal, total) for count, goal in pairs])
    happened = opened >= np.array([_needed(total, goal) for _, goal in pairs])
    row = {"table": name, "factor": factor, "forecasts": len(ours)}
    for label, chance in (("Rung", ours), ("plug-in chance", plug_in), ("plug-in n", enough)):
        row[f"Brier {label}"] = float(((chance - happened) ** 2).mean())
    worst = 0.0
    for low, high in BINS:
        within = (ours >= low) & ((ours < high) | (high == 1.0))
        if within.sum() >= FEWEST:
            predicted, observed = float(ours[within].mean()), float(happened[within].mean())
            row[f"{low:.1f}-{high:.1f}"] = f"{predicted:.2f}->{observed:.2f}"
            worst = max(worst, abs(predicted - observed))
    report.rows.append(row)
    where = f"{name}, x{factor:g}"
    report.goals.append(Goal.at_most(f"largest bin error, {where}", worst, 0.07))
    rival = min(row["Brier plug-in chance"], row["Brier plug-in n"])
    report.goals.append(
        Goal(
            f"Brier score below the plug-in's, {where}",
            rival,
            row["Brier Rung"],
            row["Brier Rung"] < rival,
        )
    )


@cache
def _needed(examples: int, target: float) -> int:
    return must_see(examples, target, ALPHA) or examples + 1


@cache
def _chance(seen: int, target: float, factor: float) -> float:
    return forecast_counts(seen, SEEN, target, ALPHA, factors=(factor,)).points[0].chance


@cache
def _plug_in(seen: int, target: float, total: int) -> float:
    """Power at the observed rate, as if it were the true one."""
    missing = _needed(total, target) - seen
    more = total - SEEN
    if missing <= 0:
        return 1.0
    return float(bdtrc(missing - 1, more, seen / SEEN)) if missing <= more else 0.0


@cache
def _enough(seen: int, target: float, total: int) -> float:
    """The usual "you need about n": z^2 p (1 - p) / margin^2, read as yes or no."""
    rate = seen / SEEN
    if rate <= target:
        return 0.0
    return float(total >= (2.326 / (rate - target)) ** 2 * rate * (1.0 - rate))
