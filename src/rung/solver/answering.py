"""Many answers of one solver at once, for what is fitted on them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from rung.errors import BudgetExceeded, ProviderError
from rung.records import Answer
from rung.solver.solver import Solver
from rung.task.types import Example


async def answers(solver: Solver, examples: Sequence[Example]) -> list[Answer | None]:
    """Answers in order; None where a model can never take the input.

    Any other failure is raised: a threshold out of what happened to be answered would be another
    one when the climb is resumed.
    """

    async def answer(example: Example) -> Answer | None:
        try:
            return await solver.answer(example.input)
        except ProviderError as error:
            if error.final:
                return None
            raise

    await solver.prepare([e.input for e in examples])
    return await all_of([answer(e) for e in examples])


Made = TypeVar("Made")


async def all_of(calls: Sequence[Coroutine[Any, Any, Made]]) -> list[Made]:
    """All results in order. Where one fails, the others end with it; where the budget is out, what
    has begun is paid for and kept."""
    asked = [asyncio.create_task(call) for call in calls]
    try:
        return list(await asyncio.gather(*asked))
    except BaseException as error:
        if not isinstance(error, BudgetExceeded):
            for one in asked:
                one.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        raise
