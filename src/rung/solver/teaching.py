"""Distillation: a student learns a teacher's answers to unlabelled inputs beside the gold ones.

Learning from another model's answers: Hinton et al. 2015 (arXiv 1503.02531), whole sequences as
Kim and Rush 2016 (arXiv 1606.07947). A teacher that is no better than the student teaches its own
mistakes, so it labels nothing then. Nothing that a served winner answered is learnt: every answer
is asked here, of the teacher that was measured, or is a person's.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from statistics import fmean
from typing import NamedTuple

from rung.errors import UserError
from rung.models.chain import sure_from
from rung.records import Answer, Usage
from rung.scorers import Scorer
from rung.solver.answering import answers
from rung.solver.solver import Solver
from rung.task.contract import render
from rung.task.types import Example, JsonValue, Task
from rung.task.unlabelled import as_example

FEWEST_DEV = 12
"""Dev rows below which nobody can say who is the better one."""
ANEW = 0.7
"""Temperature at which a teacher that tells no confidence is asked a second time."""

Price = Callable[[Usage, str], Decimal]


class Lessons(NamedTuple):
    """What a teacher gave."""

    examples: tuple[Example, ...]
    told: dict[str, JsonValue]
    """As the run keeps it."""


async def taught(
    teacher: Solver,
    task: Task,
    scorer: Scorer,
    price: Price,
    alone: Callable[[], Awaitable[Solver]],
) -> Lessons:
    """The teacher's answers that pass, as examples. `alone` is the student without them.

    An answer passes where it is valid and, of a teacher that tells a confidence, as sure as those
    that reach the target on dev; of another, where a second answer agrees with it. Raises
    `UserError` where the teacher is no better on dev, or nothing passes.
    """
    rows = task.dev[: task.climb.dev_size]
    if len(rows) < FEWEST_DEV:
        raise UserError(
            f"{len(rows)} dev examples cannot tell whether the teacher beats its student: give "
            f"{FEWEST_DEV} or more"
        )
    dev = await answers(teacher, rows)
    best, own = await _mean(scorer, rows, dev), await _mean(scorer, rows, await _asked(alone, rows))
    facts: dict[str, JsonValue] = {"teacher": teacher.candidate.key, "dev": best, "alone": own}
    if best <= own:
        raise UserError(
            f"the teacher {teacher.candidate.key} scores {best:.2f} on dev, and the student "
            f"without it {own:.2f}: it would only teach its mistakes"
        )
    inputs = [as_example(one) for one in task.unlabelled]
    passed, left, usd = await _passed(teacher, inputs, _sure(task, rows, dev), task, scorer, price)
    if not passed:
        raise UserError(
            f"none of the {len(inputs)} answers of {teacher.candidate.key} passed: {_said(left)}"
        )
    return Lessons(
        tuple(passed),
        {**facts, "asked": len(inputs), "learnt": len(passed), "left": dict(left), "usd": usd},
    )


def said_of_teaching(key: str, facts: dict[str, JsonValue]) -> str:
    """What was learnt of whom, as a note of the run."""
    return (
        f"{key} learnt {facts['learnt']} answers of {facts['teacher']} to {facts['asked']} "
        f"unlabelled inputs beside the gold ones ({_said(facts['left']) or 'all passed'}); "
        f"on dev the teacher scores {facts['dev']:.2f}, the student without it "
        f"{facts['alone']:.2f}."
    )


def _said(left: dict[str, int]) -> str:
    return ", ".join(f"{count} {why}" for why, count in left.items())


async def _asked(
    alone: Callable[[], Awaitable[Solver]], rows: Sequence[Example]
) -> list[Answer | None]:
    return await answers(await alone(), rows)


async def _mean(scorer: Scorer, rows: Sequence[Example], given: Sequence[Answer | None]) -> float:
    """A request that can never be answered counts 0, what no scorer can judge not at all."""
    values = [
        0.0 if answer is None else (await scorer.score(example, answer)).value
        for example, answer in zip(rows, given, strict=True)
    ]
    return fmean(v for v in values if v is not None) if any(v is not None for v in values) else 0.0


def _sure(task: Task, rows: Sequence[Example], dev: Sequence[Answer | None]) -> float:
    """Confidence from which the teacher's answers reach the target on dev; 0 where none does."""
    judged = [
        (a.confidence, render(task.output, a.value) == render(task.output, e.expected))
        for e, a in zip(rows, dev, strict=True)
        if a is not None and a.valid and a.confidence is not None
    ]
    return sure_from(judged, task.target.score) or 0.0


async def _passed(
    teacher: Solver,
    inputs: Sequence[Example],
    sure: float,
    task: Task,
    scorer: Scorer,
    price: Price,
) -> tuple[list[Example], Counter[str], float]:
    """Those that may be learnt, why the others may not, and what asking cost."""
    left, usd, rest = Counter[str](), Decimal(0), list[tuple[Example, Answer]]()
    for example, answer in zip(inputs, await answers(teacher, inputs), strict=True):
        usd += answer.usd(price, teacher.model) if answer is not None else 0
        if answer is None or not answer.valid:
            left["not valid"] += 1
        elif answer.confidence is not None and answer.confidence < sure:
            left["not sure enough"] += 1
        else:
            rest.append((example.model_copy(update={"expected": answer.value}), answer))
    unsaid = [example for example, answer in rest if answer.confidence is None]
    again = await answers(_anew(teacher), unsaid)
    usd += sum((a.usd(price, teacher.model) for a in again if a is not None), Decimal(0))
    other = set[str]()
    for example, answer in zip(unsaid, again, strict=True):
        value = (await scorer.score(example, answer)).value if answer is not None else None
        if value is None or value < task.target.score:
            other.add(example.id)
    left["other when asked again"] += len(other)
    kept = [example for example, _ in rest if example.id not in other]
    return kept, +left, float(usd)


def _anew(teacher: Solver) -> Solver:
    """The same teacher, asked for another sample."""
    prompt = teacher.candidate.prompt.model_copy(update={"temperature": ANEW})
    candidate = teacher.candidate.model_copy(update={"prompt": prompt})
    return Solver(teacher.spec.model_copy(update={"candidate": candidate}), teacher.parts)
