"""What a climb that asks everything will ask, asked before it comes to it.

A phase ends with the last of its answers: without the next one beside it most of what an endpoint
takes at once would stand idle then. Nothing is asked that would not be; nothing is kept or looked
at before the climb comes to it, so no decision and no error spent depends on it.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Protocol

from rung.behaviour.refiners import REFINERS
from rung.candidate import NO_LLM, Candidate
from rung.climbing.certify import in_order
from rung.climbing.ledger import TestLedger
from rung.climbing.tools import Tools
from rung.errors import ProviderError, UserError
from rung.measure.runner import Runner
from rung.solver import Solver
from rung.task.types import Task


class Rung(Protocol):
    """One candidate on its way."""

    candidate: Candidate

    async def fitted(self) -> Solver:
        """Its solver, fitted once. Raises `UserError` where it cannot be."""
        ...


@asynccontextmanager
async def asked_ahead(
    task: Task, tools: Tools, runner: Runner, ledger: TestLedger, rungs: Sequence[Rung]
) -> AsyncIterator[None]:
    """Begin the questions of rung after rung while the block lasts, where no answer can make one
    needless; what was not come to is given up at its end."""
    certain = [rung for rung in rungs if _is_certain(rung.candidate, task, tools)]
    test = [row for unit in in_order(task, ledger.rows) for row in unit]

    async def begin() -> None:
        for rung in certain:
            with suppress(UserError, ProviderError):  # said when the climb comes to it
                solver = await rung.fitted()
                await runner.begin(solver, task.dev[: task.climb.dev_size], "dev")
                await runner.begin(solver, test, "test")

    runner.beginning = asyncio.create_task(begin())
    try:
        yield
    finally:
        runner.beginning.cancel()
        await asyncio.gather(runner.beginning, return_exceptions=True)
        await runner.leave()


def _is_certain(chosen: Candidate, task: Task, tools: Tools) -> bool:
    """Whether all of its questions are known, will be asked in any case, and of endpoints."""
    if not tools.options.everything or tools.budget.limit is not None:
        return False
    if task.models.judge is not None:  # too few of people's marks leave a test unasked
        return False
    if any(refiner.serves(chosen, task) for refiner in REFINERS.values()):
        return False
    if chosen.is_probe or chosen.weights.tuned or chosen.technique == "no-llm":
        return False
    named = [model for model in chosen.models if not model.startswith(NO_LLM)]
    return not any(tools.chat(model).trains for model in named)
