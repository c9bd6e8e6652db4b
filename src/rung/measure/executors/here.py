"""In this process, on its event loop."""

from collections.abc import Sequence

from rung.measure.executors.base import Question
from rung.records import Answer
from rung.solver import Solver


class Here:
    """Questions of one call in turn; calls side by side."""

    async def answers(self, solver: Solver, questions: Sequence[Question]) -> list[Answer]:
        """As the solver answers."""
        return [await solver.answer(*question) for question in questions]
