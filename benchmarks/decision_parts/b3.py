"""B3: the same decisions on real paired answers of two models, replayed in random orders."""

from __future__ import annotations

import numpy as np

from decision_parts.climbing import Climb, calls_bound, climb, halving, measure, run_all
from decision_parts.ladders import paired_table
from decision_parts.methods import METHODS, Problem, everything
from decision_parts.report import Goal, Report
from decision_parts.rival import replay_tables

SEED = 3303
COSTS = (1.0, 30.0)
TARGETS = {"mmlu": (0.60, 0.75, 0.78), "gsm8k": (0.58, 0.75, 0.82)}
SIZES = {"mmlu": (200, 500, 1000, 2000), "gsm8k": (200, 500, 1000)}
ELIMINATION_RUNS = 40


def run(replicates: int, agentopt: bool) -> Report:
    rows = max(replicates // 2, 1)
    report = Report(
        "B3", "real right/wrong tables of two models, cheap one first", SEED, {"replicates": rows}
    )
    for name, targets in TARGETS.items():
        loaded = paired_table(name)
        if loaded is None:
            report.notes.append(f"{name}: skipped, ../shared/data/paired-tables is not there")
            continue
        table, models = loaded
        means = tuple(float(mean) for mean in table.mean(axis=1))
        report.notes.append(
            f"{name}: {table.shape[1]} items, "
            + ", ".join(f"{model} {mean:.3f}" for model, mean in zip(models, means, strict=True))
        )
        for place, examples in enumerate(SIZES[name]):
            rng = np.random.default_rng([SEED, len(name), place])
            drawn = np.stack([rng.permutation(table.shape[1])[:examples] for _ in range(rows)])
            tables = [row[drawn] for row in table]
            for target in targets:
                _one(report, name, means, tables, Problem(target, 0.025, examples), agentopt)
    _totals(report)
    return report


def _one(
    report: Report,
    name: str,
    means: tuple[float, ...],
    tables: list[np.ndarray],
    problem: Problem,
    agentopt: bool,
) -> None:
    exhaustive = run_all(tables, problem, everything)
    bound = calls_bound(means, problem)
    found = {label: climb(tables, problem, method) for label, method in METHODS.items()}
    found["successive halving"] = halving(tables, problem)
    if agentopt and problem.examples == 500:
        replayed = replay_tables(np.stack([t[:ELIMINATION_RUNS] for t in tables], axis=1))
        if isinstance(replayed, str):
            report.notes.append(f"AgentOpt 0.1.0 arm elimination not run: {replayed}")
        else:
            found["AgentOpt 0.1.0 arm elimination"] = Climb(replayed.chosen, replayed.calls)
    for label, climbed in found.items():
        rows = len(climbed.chosen)
        against = Climb(exhaustive.chosen[:rows], exhaustive.calls[:rows])
        result = measure(climbed, against, means, COSTS, problem)
        report.rows.append(
            {
                "table": name,
                "target": problem.target,
                "N": problem.examples,
                "method": label,
                **result,
                "x bound": result["calls"] / bound,
            }
        )


def _totals(report: Report) -> None:
    for label in ("G+A", "R replay"):
        rows = [row for row in report.rows if row["method"] == label]
        if not rows:
            continue
        agree = float(np.mean([row["agree"] for row in rows]))
        worst = min(row["agree"] for row in rows)
        calls = float(np.mean([row["calls"] for row in rows]))
        report.notes.append(
            f"{label}: mean calls {calls:.3f}, mean agreement {agree:.4f}, worst {worst:.4f}"
        )
        if label == "R replay":
            report.goals.append(
                Goal.at_most("R disagrees with exhaustive, worst setting", 1 - worst, 0.01)
            )
