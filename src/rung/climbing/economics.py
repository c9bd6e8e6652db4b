"""What the economics needs of a run: measured usage of every candidate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from operator import add
from typing import Any

from rung.decide.ladder import assumed_setup_usd
from rung.decide.results import CandidateResult
from rung.economics.settings import CostSettings
from rung.economics.spec import CandidateUsage
from rung.records import Attempt, Usage
from rung.task.types import Task


def economics_of(
    rows: Sequence[CandidateResult],
    attempts: Callable[[str], list[Attempt]],
    task: Task,
) -> dict[str, Any]:
    """The `economics` part of `run.json`: what `rung cost` reads. Probes are not for sale."""
    usages = []
    settings = CostSettings.read(task.costs)
    for row in rows:
        used = [a.answer.usage for a in attempts(row.key) if a.answer is not None]
        if used and row.state != "probe":
            usages.append(_usage(row, used, task, settings))
    return {
        "candidates": [u.model_dump(mode="json") for u in usages],
        "workload": task.workload.model_dump(mode="json"),
        "costs": task.costs,
        "target_score": task.target.score,
    }


def _usage(
    row: CandidateResult, used: Sequence[Usage], task: Task, settings: CostSettings
) -> CandidateUsage:
    score, training = row.score, row.training
    return CandidateUsage(
        key=row.key,
        technique=row.technique,
        model=row.model,
        usage=reduce(add, used),
        requests=len(used),
        input_tokens_sd=row.usage_sd.get("input_tokens"),
        output_tokens_sd=row.usage_sd.get("output_tokens"),
        seconds_sd=row.usage_sd.get("seconds"),
        score=score.value if score else None,
        score_low=score.low if score else None,
        score_high=score.high if score else None,
        n=score.n if score else None,
        latency_p95_s=row.latency_p95_s,
        setup_usd=float(assumed_setup_usd(row.technique, settings)),
        train_tokens=int(training.get("train_tokens", 0)),
        train_seconds=float(training.get("seconds", 0.0)),
        train_usd=training.get("usd"),
        train_examples=len(task.train) if training else 0,
    )
