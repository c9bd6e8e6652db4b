"""Steps before the answer."""

from collections.abc import Callable
from dataclasses import replace

from rung.behaviour.base import Ask, Slot, Tokens
from rung.candidate import Candidate
from rung.task.types import Task

THOUGHTS = 200
"""Tokens that steps before an answer are reckoned with, until a pilot has counted them."""


class Reasoning(Slot):
    """Steps are free text, so nothing is enforced while they are written."""

    @staticmethod
    def filled(candidate: Candidate) -> bool:
        """Asked to think first."""
        return candidate.prompt.reasoning

    @staticmethod
    def words(candidate: Candidate) -> str:
        """Nothing more is set."""
        return "step by step"

    @staticmethod
    def expected(tokens: Tokens, task: Task, count: Callable[[str], int]) -> Tokens:
        """The steps are written."""
        return tokens._replace(written=tokens.written + THOUGHTS)

    async def apply(self, ask: Ask) -> Ask:
        """Unconstrained; `rung.behaviour.messages` asks for the steps."""
        return replace(ask, choices=None, json_schema=None)
