"""Many answers of one solver at once, for what is fitted on them."""

from collections.abc import Sequence

from rung.behaviour.base import all_of
from rung.errors import ProviderError
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
