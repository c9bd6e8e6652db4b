"""The learning curve of a tuned candidate: would more training examples reach the target?

A gate, not a proof (statistics, 3.8): the score at four training sizes on dev, extrapolated.
"""

from dataclasses import asdict
from statistics import fmean
from typing import Any

from rung.candidate import Candidate
from rung.climbing.observer import Observer
from rung.climbing.summary import unit_scores
from rung.evidence import learning_curve
from rung.measure.runner import Runner
from rung.solver import Workshop, fit
from rung.task.types import Task

SHARES = (8, 4, 2, 1)
"""The training examples are divided by these."""
FEWEST = 10
"""A smaller training set says nothing."""


async def learning_of(
    candidate: Candidate, task: Task, workshop: Workshop, runner: Runner, observer: Observer
) -> dict[str, Any] | None:
    """Sizes, scores on dev and the forecast; None where the candidate is not tuned, or where
    another model mends what it gets wrong.

    Costs 7/8 of the training once more, and a pilot for each size.
    """
    sizes = [len(task.train) // share for share in SHARES]
    weights = candidate.weights
    alone = (
        weights.tuned
        and not (weights.bought or weights.prefers)
        and candidate.then is None
        and candidate.teacher is None
    )
    if not alone or sizes[0] < FEWEST:
        return None
    pilot = task.dev[: task.climb.dev_size]
    base = candidate.model_copy(
        update={"weights": candidate.weights.model_copy(update={"kind": "base"})}
    )
    took = workshop.tuned[candidate.key].took.get("weights") or {}  # one race for all sizes
    recipe = {k: took[k] for k in ("recipe", "learning_rate", "rows") if k in took}
    scores: list[float] = []
    for size in [0, *sizes]:
        changes = {"train_size": size, **recipe} if size != sizes[-1] else {}
        weights = candidate.weights.model_copy(update=changes)
        tried = candidate.model_copy(update={"weights": weights}) if size else base
        observer.note(f"learning curve: {size} training examples")
        solver = await fit(tried, task, workshop)
        attempts = await runner.attempts(solver, pilot, "dev")
        values = unit_scores(task, pilot, attempts)
        if not values:
            return None
        scores.append(fmean(values))
    curve = learning_curve(
        sizes, scores[1:], [len(pilot)] * len(sizes), task.target.score, base=scores[0]
    )
    return {"sizes": sizes, "scores": scores[1:], "untrained": scores[0], **asdict(curve)}


def sentence(curve: dict[str, Any]) -> str:
    """What the curve says, as a reason."""
    if not curve["points"]:
        return str(curve["reason"])
    return ", ".join(
        f"{p['n']} training examples {p['outlook']} the target ({p['chance']:.0%})"
        for p in curve["points"]
    )
