"""The search of a rung for its best candidate, on dev: asked, scored, kept and paid as a climb."""

from __future__ import annotations

from collections.abc import Sequence

from rung.behaviour.refiners import REFINERS, refine
from rung.candidate import Candidate
from rung.climbing.observer import Observer
from rung.climbing.rows import Ladder
from rung.measure.runner import Runner
from rung.measure.store import RunStore
from rung.records import Attempt
from rung.scorers import Scorer
from rung.solver import Workshop, fit
from rung.task.types import Example, Task

REFINING = "refining"
"""Folder of the attempts of searches, in the run's: apart from those that are judged."""


class DevTrial:
    """A `Trial` on one task."""

    def __init__(self, task: Task, workshop: Workshop, runner: Runner) -> None:
        self.task = task.model_copy(update={"test": ()})
        self._workshop, self._runner = workshop, runner

    async def ask(self, candidate: Candidate, examples: Sequence[Example]) -> Sequence[Attempt]:
        """See `Trial`."""
        solver = await fit(candidate, self.task, self._workshop)
        return await self._runner.attempts(solver, examples, "dev")


async def best_of(
    start: Candidate, ladder: Ladder, workshop: Workshop, scorer: Scorer, observer: Observer
) -> Candidate:
    """What a rung is climbed with: the best of its technique that the refiners find.

    Its row is that candidate's from then on. A candidate that is on the ladder already is climbed
    there.
    """
    task = ladder.task
    if start.is_probe or not any(r.serves(start, task) for r in REFINERS.values()):
        return start
    observer.phase(start.key, "refine", 0)
    store = RunStore(ladder.store.folder / REFINING)
    try:
        runner = Runner(task, scorer, store, ladder.tools.price)
        best = (await refine(start, DevTrial(task, workshop, runner))).best
    finally:
        store.close()
    if best.key in ladder.rows:
        return start
    observer.refined(start.key, ladder.refined(start.key, best))
    return best
