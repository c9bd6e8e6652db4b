"""What the economics needs of a run: measured usage of every candidate."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import reduce
from operator import add
from statistics import fmean, pstdev
from typing import Any

from rung.decide.verdict import fast_enough
from rung.economics.setup import SETUP_USD
from rung.economics.spec import AlsoAsked, CandidateUsage
from rung.records import Answer, Attempt, Usage
from rung.records.results import CandidateResult
from rung.task.types import Task

Billed = Callable[[str], str]
"""From the model that answered to the one whose prices hold."""


def economics_of(
    rows: Sequence[CandidateResult],
    attempts: Callable[[str], list[Attempt]],
    task: Task,
    billed: Billed = str,
) -> dict[str, Any]:
    """The `economics` part of `run.json`: what `rung cost` reads. Probes are not for sale."""
    usages = []
    for row in rows:
        usage = None if row.state == "probe" else usage_of(row, attempts(row.key), task, billed)
        if usage is not None:
            usages.append(usage)
    return {
        "candidates": [u.model_dump(mode="json") for u in usages],
        "workload": task.workload.model_dump(mode="json"),
        "costs": task.costs,
        "target_score": task.target.score,
    }


def usage_of(
    row: CandidateResult, attempts: Sequence[Attempt], task: Task, billed: Billed = str
) -> CandidateUsage | None:
    """What a candidate used, by its answers on test, else on dev; None before any."""
    answered = priced_attempts(attempts)
    answers = [a.answer for a in answered if a.answer is not None]
    if not answers:
        return None
    score, training = row.score, row.training
    others = tuple(name for name in row.candidate.models if name != row.model)
    embedder = row.candidate.embedder
    beside = (*others, embedder)
    used = [_own(answer, beside) for answer in answers]
    names = {c.model for answer in answers for c in answer.by_call if c.model not in beside}
    read = [c.usage.input_tokens for a in answers for c in a.by_call if c.model == embedder]
    return CandidateUsage(
        key=row.key,
        technique=row.technique,
        model=billed(min(names)) if len(names) == 1 else row.model,
        usage=reduce(add, used),
        requests=len(used),
        also=tuple(_also(answers, others)),
        **_spread(used),
        score=score.value if score else None,
        score_low=score.low if score else None,
        score_high=score.high if score else None,
        certified=score.certified if score else None,
        graded=any(a.score not in (None, 0.0, 1.0) for a in attempts),
        n=score.n if score else None,
        latency_p95_s=row.latency_p95_s,
        too_slow=not fast_enough(row, task.target),
        setup_usd=float(SETUP_USD[row.technique]),
        stored=row.candidate.context.traits.reads,
        tools_usd=fmean(sum(step.usd for step in answer.steps) for answer in answers),
        train_tokens=int(training.get("train_tokens", 0)),
        **_trained(training),
        train_usd=training.get("usd"),
        train_examples=len(task.train) if row.candidate.weights.tuned else 0,
        embedding=embedder if read or row.embedded_tokens else None,
        corpus_tokens=row.embedded_tokens,
        query_tokens=sum(read) / len(answers),
        prepared_usd=(row.search.usd if row.search else 0.0)
        + training.get("taught", {}).get("usd", 0.0),
    )


def _trained(training: Mapping[str, Any]) -> dict[str, float]:
    """Seconds of what it was trained on: a GPU's hour has a price of its own."""
    on_gpu = training.get("device") == "cuda"
    return {f"train_{'gpu_' if on_gpu else ''}seconds": float(training.get("seconds", 0.0))}


def priced_attempts(attempts: Sequence[Attempt]) -> list[Attempt]:
    """Those on test where there are any, else those on dev: as scores are taken."""
    answered = [a for a in attempts if a.answer is not None]
    return [a for a in answered if a.split == "test"] or answered


def _own(answer: Answer, others: Collection[str | None]) -> Usage:
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


def _spread(used: Sequence[Usage]) -> dict[str, float]:
    """Standard deviations between requests of what the own model used."""
    names = ("input_tokens", "output_tokens", "seconds")
    return {f"{name}_sd": pstdev(getattr(u, name) for u in used) for name in names}
