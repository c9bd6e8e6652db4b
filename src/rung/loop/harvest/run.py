"""The use case of `rung harvest`: the log, the winner's evidence and other rungs together."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from rung.candidate import NO_LLM, Candidate, full_key
from rung.climbing.tools import ClimbOptions, Tools
from rung.errors import UserError
from rung.loop.harvest.queue import Measures, Queue, keep_reasons, queue
from rung.measure.store import RunStore
from rung.project import EVIDENCE_FILE, MANIFEST_FILE, ProjectFolder
from rung.records.results import RunResult
from rung.solver import Solver, Workshop, fit
from rung.state import EVIDENCE_CURE, RUN_CURE, read_model, read_object
from rung.task.load import load_task
from rung.task.types import LabelsOutput, MultiLabelOutput, Task
from rung.traffic import Query, open_store

FEWEST_TO_FIT = 10
"""Training examples from which a no-llm rung is worth asking for its opinion."""


def harvest(
    folder: str | Path,
    log: str | None = None,
    options: ClimbOptions | None = None,
    *,
    size: int = 100,
    against: Sequence[str] = (),
    seed: int = 0,
) -> Queue:
    """What to label first. `against` names further rungs of a run, whose answers may cost.

    Raises `UserError` where the log holds no answer, `BudgetExceeded` where they, or a hosted
    embedder, would cost more than the options' budget or the task's.
    """
    task = load_task(folder, whole=True)
    root = task.root or Path(folder)
    store = open_store(log or root, create=False)
    try:
        traffic = list(store.judged(Query(answered=True)))
    finally:
        store.close()
    if not traffic:
        raise UserError(
            f"the log {store.place} holds no answer: serve the winner first (`rung serve`)"
        )

    async def run() -> Queue:
        tools = Tools(task, options or ClimbOptions())
        before = tools.budget.spent
        try:
            measures = Measures(
                confidences=_confidences(root),
                embedder=tools.embedder(task.models.embedder),
                others=await _others(task, tools, root, against),
            )
            found = await queue(task, traffic, measures, size=size, seed=seed)
            return found.model_copy(update={"spent_usd": float(tools.budget.spent - before)})
        finally:
            await tools.aclose()

    worth_a_look = asyncio.run(run())
    keep_reasons(root, worth_a_look)
    return worth_a_look


async def _others(task: Task, tools: Tools, root: Path, against: Sequence[str]) -> list[Solver]:
    """The linear head for labels, which costs nothing; and those that were named."""
    workshop = Workshop(
        tools.chat, tools.raw, tools.embedder, tools.project.adapters, tool=tools.tool
    )
    wanted: list[Candidate] = []
    served = _served(root)
    linear = Candidate(model=f"{NO_LLM}linear", embedder=task.models.embedder)
    if (
        isinstance(task.output, LabelsOutput | MultiLabelOutput)
        and len(task.train) >= FEWEST_TO_FIT
    ):
        wanted.append(linear)
    if against:
        known = {r.key: r.candidate for run in _runs(root) for r in run.candidates}
        for key in against:
            wanted.append(known[full_key(key, known)])
    return [await fit(c, task, workshop) for c in wanted if c.key != served]


def _served(root: Path) -> str | None:
    path = ProjectFolder(root).winner / MANIFEST_FILE
    return str(read_object(path, EVIDENCE_CURE).get("candidate")) if path.exists() else None


def _confidences(root: Path) -> list[float]:
    """How sure the served winner was of its measured answers."""
    place, key = ProjectFolder(root).winner / EVIDENCE_FILE, _served(root)
    if key is None or not place.exists():
        return []
    run = read_object(place, EVIDENCE_CURE).get("run")
    folder = ProjectFolder(root).runs / str(run)
    if not run or not folder.is_dir():
        return []
    store = RunStore(folder)
    store.close()
    confidences = [
        a.answer.confidence for a in store.attempts.values() if a.candidate == key and a.answer
    ]
    return [c for c in confidences if c is not None]


def _runs(root: Path) -> list[RunResult]:
    return [read_model(path, RunResult, RUN_CURE) for path in ProjectFolder(root).run_files()]
