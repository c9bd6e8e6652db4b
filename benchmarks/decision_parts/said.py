"""Said: whether intervals after an early stop, and limits on latency, hold as often as they say.

*Before*: the interval of a fixed sample, whoever stopped when; the 95th percentile of 12 requests,
compared with the limit without an interval.
"""

from __future__ import annotations

import math

import numpy as np

from decision_parts.report import Goal, Report
from rung.climbing.latency import ASKED_FOR_LIMIT
from rung.evidence import binomial_interval, quantile_bounds, sequential, stopped_interval

SEED = 6101
TARGET, ALPHA, CONFIDENCE = 0.8, 0.035, 0.95
SIZE, BATCH = 100, 25
MEANS = (0.82, 0.85, 0.92)
FEW, SHARE = 12, 0.95
SPREADS = (0.2, 1.0)
"""Of the logarithm of the seconds of a request."""
NEAR = 0.97
"""A limit is this share of the true 95th percentile: it is not kept, though barely."""


def run(replicates: int) -> Report:
    size = min(replicates, 500)
    report = Report(
        "said",
        "intervals after an early stop cover; no limit on latency is said to be kept that is not",
        SEED,
        {"replicates": size, "N": SIZE, "requests": ASKED_FOR_LIMIT},
    )
    for mean in MEANS:
        _stops(report, mean, size)
    for spread in SPREADS:
        _latency(report, spread, size)
    return report


def _stops(report: Report, mean: float, size: int) -> None:
    design = sequential(TARGET, ALPHA, SIZE, BATCH)
    rng = np.random.default_rng([SEED, round(mean * 100)])
    fixed, held, passed = [], [], []
    for _ in range(size):
        scores = (rng.random(SIZE) < mean).astype(float)
        found = design.look(scores)
        seen = scores[: found.n]
        plain = binomial_interval(int(seen.sum()), seen.size, CONFIDENCE)
        low, high = stopped_interval(seen, design, CONFIDENCE)
        fixed.append(plain.low <= mean <= plain.high)
        held.append(low <= mean <= high)
        passed.append(found.state == "pass")
    for who, which in (("all", np.full(size, True)), ("those that passed", np.array(passed))):
        if not which.any():
            continue
        where = f"coverage where it stopped, of {who}, true mean {mean}"
        before, after = np.array(fixed)[which], np.array(held)[which]
        row = {
            "what": where,
            "before": before.mean(),
            "after": after.mean(),
            "of": int(which.sum()),
        }
        report.rows.append(row)
    upper = binomial_interval(int(sum(held)), size, 0.90).high
    report.goals.append(
        Goal.at_least(f"upper limit of coverage, true mean {mean}", upper, CONFIDENCE)
    )


def _latency(report: Report, spread: float, size: int) -> None:
    rng = np.random.default_rng([SEED, 200 + round(spread * 10)])
    limit = math.exp(1.6448536269514722 * spread) * NEAR
    took = rng.lognormal(0.0, spread, (size, ASKED_FOR_LIMIT))
    before = [quantile_bounds(row[:FEW], SHARE).value <= limit for row in took]
    highs = [quantile_bounds(row, SHARE).high for row in took]
    after = [high is not None and high <= limit for high in highs]
    where = f"a broken limit said to be kept, spread {spread}"
    upper = binomial_interval(sum(after), size, 0.90).high
    report.rows.append(
        {"what": where, "before": np.mean(before), "after": np.mean(after), "upper 95 %": upper}
    )
    lower = binomial_interval(sum(after), size, 0.90).low
    report.goals.append(Goal.at_most(f"lower limit, {where}", lower, 1 - CONFIDENCE))
