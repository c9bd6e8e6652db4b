"""Grading the gold: every expected answer must get full marks from the task's own scorer.

Run before any model is asked, it finds broken labels and broken scorers without a model. A judge
model is exempt: asking it costs money, and its errors are not the data's.
"""

from rung.errors import UserError
from rung.records import Answer
from rung.scorers.base import Scorer
from rung.scorers.judge import Judge
from rung.scorers.shelf import scorer_for
from rung.task.contract import parse, render
from rung.task.types import Example, SplitName, Task
from rung.task.wording import shown

_FULL = 1 - 1e-9
_TOLD = 3
"""Of those that fail, told with what they hold."""
_SPLITS: tuple[SplitName, ...] = ("train", "dev", "test")


async def grade_gold(task: Task, scorer: Scorer | None = None) -> None:
    """Score each example's own expected answer; `UserError` where one gets less than 1.

    `scorer` is the task's own when left out.
    """
    by_judge = task.scorer is None and task.target.metric == Judge.name
    if isinstance(scorer, Judge) or (scorer is None and by_judge):
        return
    scorer = scorer or scorer_for(task)
    failed: list[str] = []
    total = 0
    for split in _SPLITS:
        for example in task.split(split):
            total += 1
            why = await _why_not_full(scorer, example, gold_answer(task, example))
            if why is not None:
                expected = shown(example.expected)
                failed.append(f"example {example.id!r} ({split}), expected {expected}: {why}")
    if failed:
        more = f"; and {len(failed) - _TOLD} more" if len(failed) > _TOLD else ""
        raise UserError(
            f"{len(failed)} of {total} gold answers do not score full marks under "
            f"{scorer.name!r}: first {'; '.join(failed[:_TOLD])}{more}; correct the examples, the "
            "[output] or the metric"
        )


async def _why_not_full(scorer: Scorer, example: Example, gold: Answer) -> str | None:
    """Why the gold gets less than 1, or cannot be scored at all; None where it gets 1."""
    try:
        score = await scorer.score(example, gold)
    except UserError as problem:  # such as an expected query that fails
        own = f"example {example.id!r}: "
        return str(problem).removeprefix(own).partition("; correct")[0]
    if score.value is not None and score.value >= _FULL:
        return None
    return (score.reason or f"score {score.value}").rstrip(".")


def gold_answer(task: Task, example: Example) -> Answer:
    """The expected answer as if a model had written it."""
    text = render(task.output, example.expected)
    parsed = parse(task.output, text)
    return Answer(text=text, value=parsed.value, valid=parsed.valid, problem=parsed.problem)
