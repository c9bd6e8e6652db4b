"""The task's own scorer for answers that were made elsewhere."""

import asyncio
from functools import lru_cache
from pathlib import Path

from rung.errors import UserError
from rung.models.registry import open_model
from rung.models.replies import unwrapped
from rung.records import Answer
from rung.scorers import Scorer, scorer_for
from rung.scorers.base import Score
from rung.task.contract import parse
from rung.task.load import load_task
from rung.task.types import Example, LabelsOutput, Task


def grade(folder: str | Path, example_id: str, text: str) -> Score:
    """Judge one answer to one example of the task in `folder`. For scripts; see `graded`."""
    return asyncio.run(graded(folder, example_id, text))


async def graded(folder: str | Path, example_id: str, text: str) -> Score:
    """The score that a climb would give; None as value where the scorer cannot judge.

    A label that came wrapped as `{"answer": …}` is unwrapped, as for any endpoint.
    """
    task, scorer, examples = _opened(str(folder))
    if example_id not in examples:
        raise UserError(
            f"the task in {folder} has no example {example_id!r}: it was changed after the export"
        )
    plain = (unwrapped(text) if isinstance(task.output, LabelsOutput) else text).strip()
    parsed = parse(task.output, plain)
    answer = Answer(text=plain, value=parsed.value, valid=parsed.valid, problem=parsed.problem)
    return await scorer.score(examples[example_id], answer)


@lru_cache(maxsize=4)
def _opened(folder: str) -> tuple[Task, Scorer, dict[str, Example]]:
    task = load_task(folder)
    judge = open_model(task.models.judge, task.root) if task.models.judge else None
    examples = {e.id: e for e in (*task.train, *task.dev, *task.test)}
    return task, scorer_for(task, judge), examples
