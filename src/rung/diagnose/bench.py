"""Where probes are asked: the solver under diagnosis, its failures, and a store for the arms."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from rung.candidate import Technique
from rung.diagnose.passages import Library, held
from rung.diagnose.variants import identity
from rung.measure.runner import Runner
from rung.models.base import Message
from rung.records import Attempt, Passage
from rung.solver import Solver, Workshop
from rung.task.types import Example, Task


@dataclass(frozen=True)
class Case:
    """One failure."""

    example: Example
    attempt: Attempt
    """Of the candidate under diagnosis."""
    gold: tuple[Passage, ...] = ()
    """Passages that hold the answer, where that is known."""
    held: bool = False
    """Whether one of them was given."""


class Unanswered(Exception):
    """An arm got no answer: nothing can be said of the probe."""


@dataclass
class Asked:
    """An arm that was asked, for `rung explain DIR ID`."""

    arm: str
    attempt: Attempt
    solver: Solver
    given: tuple[Passage, ...] | None


@dataclass
class Bench:
    """What a probe needs."""

    task: Task
    subject: Solver
    runner: Runner
    workshop: Workshop
    cut: float
    """Scores from here on are right."""
    peers: Mapping[str, Mapping[str, Attempt]] = field(default_factory=dict)
    """Dev attempts of the run's other candidates by candidate and example."""
    techniques: Mapping[str, Technique] = field(default_factory=dict)
    """Of the other candidates, by key."""
    doubts: Mapping[str, str] | None = None
    """For labels: the likelier label of every dev example whose own one looks wrong out of sample
    (confident learning); None where labels cannot be judged so."""
    asked: dict[str, list[Asked]] = field(default_factory=dict)
    """Every arm that was asked, by example."""
    controls: list[Case] = field(default_factory=list)
    """Dev examples that the candidate under diagnosis has right."""
    made: dict[str, Solver] = field(default_factory=dict)
    """Variants that are fitted once."""

    def __post_init__(self) -> None:
        self.library = Library(self.task, self.subject.candidate.context)
        self._turns: dict[tuple[str, str], asyncio.Lock] = {}

    def case(self, example: Example, attempt: Attempt) -> Case:
        """A failure with what is known of its passages."""
        gold = self.library.gold(example)
        given = attempt.answer.passages if attempt.answer else ()
        return Case(example, attempt, gold, held(gold, given))

    def right(self, attempt: Attempt) -> bool:
        """Whether an arm's answer is right; raises `Unanswered` where there is none to judge."""
        if attempt.error_is_final:
            return False
        if attempt.score is None:
            raise Unanswered(attempt.error or "unscored")
        return attempt.score >= self.cut

    async def ask(
        self,
        arm: str,
        case: Case,
        solver: Solver | None = None,
        given: tuple[Passage, ...] | None = None,
        seed: int = 0,
    ) -> Attempt:
        """Ask one arm of a probe, or read what it said before."""
        solver = solver or self.subject
        texts = None if given is None else [p.text for p in given]
        name = f"{self.subject.candidate.key}|{arm}~{identity(solver, [texts, seed])}"
        # Two failures may ask the same arm of one control at once.
        async with self._turns.setdefault((name, case.example.id), asyncio.Lock()):
            attempt = await self.runner.probe(solver, case.example, name, given, seed)
        self.asked.setdefault(case.example.id, []).append(Asked(arm, attempt, solver, given))
        return attempt

    async def messages(self, asked: Asked, example: Example) -> tuple[Message, ...]:
        """What an arm was sent."""
        messages, _, _ = await asked.solver.messages(example.input, asked.given)
        return messages


def keys(*attempts: Attempt) -> tuple[str, ...]:
    """The arms' keys, as a `ProbeResult` names them."""
    return tuple(a.candidate for a in attempts)
