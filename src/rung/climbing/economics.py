"""What the economics needs of a run: measured usage of every candidate."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import reduce
from operator import add
from statistics import pstdev
from typing import Any

from rung.decide.ladder import assumed_setup_usd
from rung.decide.results import CandidateResult
from rung.economics.settings import CostSettings
from rung.economics.spec import AlsoAsked, CandidateUsage
from rung.records import Answer, Attempt, Usage
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
        answers = [a.answer for a in attempts(row.key) if a.answer is not None]
        if answers and row.state != "probe":
            usages.append(_usage(row, answers, task, settings))
    return {
        "candidates": [u.model_dump(mode="json") for u in usages],
        "workload": task.workload.model_dump(mode="json"),
        "costs": task.costs,
        "target_score": task.target.score,
    }


def _usage(
    row: CandidateResult, answers: Sequence[Answer], task: Task, settings: CostSettings
) -> CandidateUsage:
    score, training = row.score, row.training
    others = tuple(name for name in row.candidate.models if name != row.model)
    used = [_own(answer, others) for answer in answers]
    return CandidateUsage(
        key=row.key,
        technique=row.technique,
        model=row.model,
        usage=reduce(add, used),
        requests=len(used),
        also=tuple(_also(answers, others)),
        **_spread(row, used, others),
        score=score.value if score else None,
        score_low=score.low if score else None,
        score_high=score.high if score else None,
        certified=score.certified if score else None,
        n=score.n if score else None,
        latency_p95_s=row.latency_p95_s,
        setup_usd=float(assumed_setup_usd(row.technique, settings)),
        train_tokens=int(training.get("train_tokens", 0)),
        train_seconds=float(training.get("seconds", 0.0)),
        train_usd=training.get("usd"),
        train_examples=len(task.train) if training else 0,
    )


def _own(answer: Answer, others: Collection[str]) -> Usage:
    """What the candidate's own model used; all there is where calls were not kept apart."""
    if not answer.by_call:
        return answer.usage
    return reduce(add, (c.usage for c in answer.by_call if c.model not in others), Usage())


def _also(answers: Sequence[Answer], others: Sequence[str]) -> Iterator[AlsoAsked]:
    for name in others:
        asked = [[c.usage for c in a.by_call if c.model == name] for a in answers]
        asked = [calls for calls in asked if calls]
        if asked:
            usage = reduce(add, (used for calls in asked for used in calls))
            yield AlsoAsked(model=name, usage=usage, requests=len(asked))


def _spread(
    row: CandidateResult, used: Sequence[Usage], others: Collection[str]
) -> dict[str, float | None]:
    """Standard deviations between requests of what the own model used."""
    names = ("input_tokens", "output_tokens", "seconds")
    if not others:
        return {f"{name}_sd": row.usage_sd.get(name) for name in names}
    return {f"{name}_sd": pstdev(getattr(u, name) for u in used) for name in names}
