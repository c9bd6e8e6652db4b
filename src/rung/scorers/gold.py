"""Grading the gold: every expected answer must get full marks from the task's own scorer.

Run before any model is asked, it finds broken labels and broken scorers without a model. A judge
model is exempt: asking it costs money, and its errors are not the data's.
"""

from __future__ import annotations

from rung.errors import UserError
from rung.records import Answer
from rung.scorers.base import Score, Scorer
from rung.scorers.judge import Judge
from rung.scorers.shelf import scorer_for
from rung.task.contract import parse, render
from rung.task.types import Example, SplitName, Task
from rung.task.wording import shown

_FULL = 1 - 1e-9
_SPLITS: tuple[SplitName, ...] = ("train", "dev", "test")


async def grade_gold(task: Task, scorer: Scorer | None = None) -> None:
    """Score each example's own expected answer; `UserError` where one gets less than 1.

    `scorer` is the task's own when left out.
    """
    by_judge = task.scorer is None and task.target.metric == Judge.name
    if isinstance(scorer, Judge) or (scorer is None and by_judge):
        return
    scorer = scorer or scorer_for(task)
    failed: list[tuple[Example, SplitName, Score]] = []
    total = 0
    for split in _SPLITS:
        for example in task.split(split):
            total += 1
            score = await scorer.score(example, gold_answer(task, example))
            if score.value is None or score.value < _FULL:
                failed.append((example, split, score))
    if failed:
        example, split, score = failed[0]
        raise UserError(
            f"{len(failed)} of {total} gold answers do not score full marks under "
            f"{scorer.name!r}: first example {example.id!r} ({split}), expected "
            f"{shown(example.expected)}: {(score.reason or f'score {score.value}').rstrip('.')}; "
            "correct the examples, the [output] or the metric"
        )


def gold_answer(task: Task, example: Example) -> Answer:
    """The expected answer as if a model had written it."""
    text = render(task.output, example.expected)
    parsed = parse(task.output, text)
    return Answer(text=text, value=parsed.value, valid=parsed.valid, problem=parsed.problem)
