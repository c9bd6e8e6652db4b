"""The port of the shelf: what a scorer is and what it says."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol, Self

from pydantic import Field

from rung.records import Answer
from rung.task.types import Example, Frozen, Task


class Score(Frozen):
    """What a scorer says about one answer."""

    value: float | None = Field(ge=0, le=1)
    """In [0, 1]; None where the scorer could not judge: unscored, which is not wrong."""
    details: dict[str, float] = Field(default_factory=dict)
    """Secondary measures in [0, 1]; always `valid`, save where unscored."""
    reason: str | None = None
    """Why not full marks, or why unscored, in one sentence."""


class Scorer(Protocol):
    """Judges one answer to one example."""

    name: str
    """The metric's name in `rung.toml`."""
    version: str
    """Changes whenever a score may."""
    graded: bool
    """False where every value is 0 or 1."""

    async def score(self, example: Example, answer: Answer) -> Score:
        """Judge one answer; an invalid one scores 0 with the detail `valid` 0."""
        ...


class ComparingScorer(ABC):
    """A scorer that compares a valid answer with what was expected; most of the shelf."""

    name: str
    version: str = "1"
    graded: bool = False
    kinds: frozenset[str]
    """The kinds of output it judges."""

    @classmethod
    def for_task(cls, task: Task) -> Self:
        """The scorer of one task; `UserError` where the task lacks what it needs."""
        return cls()

    async def score(self, example: Example, answer: Answer) -> Score:
        """Judge one answer; an invalid one scores 0 with the detail `valid` 0."""
        if not answer.valid:
            return Score(value=0.0, details={"valid": 0.0}, reason=answer.problem)
        return self.compare(example, answer)

    @abstractmethod
    def compare(self, example: Example, answer: Answer) -> Score:
        """Judge one valid answer."""


def marks(value: float, reason: str | None = None, **details: float) -> Score:
    """The score of a valid answer, rounding errors beyond [0, 1] cut off."""
    return Score(
        value=min(1.0, max(0.0, float(value))), details={"valid": 1.0, **details}, reason=reason
    )


def answer_text(answer: Answer) -> str:
    """What a valid answer says as text."""
    return answer.value if isinstance(answer.value, str) else answer.text.strip()
