"""The list of scorers, and which of them judges a task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rung.errors import UserError
from rung.scorers.accuracy import Accuracy
from rung.scorers.base import ComparingScorer, Scorer
from rung.scorers.chrf import Chrf
from rung.scorers.contains import Contains
from rung.scorers.exact_match import ExactMatch
from rung.scorers.execution import Execution
from rung.scorers.field_f1 import FieldF1
from rung.scorers.function import Function
from rung.scorers.judge import Judge
from rung.scorers.rouge_l import RougeL
from rung.scorers.rules import Rules
from rung.scorers.sample_f1 import SampleF1
from rung.scorers.token_f1 import TokenF1
from rung.task.types import Task
from rung.task.wording import did_you_mean

if TYPE_CHECKING:
    from rung.models.base import ChatModel

SHELF: tuple[type[ComparingScorer], ...] = (
    Accuracy,
    SampleF1,
    ExactMatch,
    TokenF1,
    FieldF1,
    Contains,
    RougeL,
    Chrf,
    Rules,
    Execution,
)
"""What `[target] metric` can name, besides `judge`."""


_OF_A_SET = {"macro_f1": "accuracy", "micro_f1": "sample_f1"}


def scorer_for(task: Task, judge: ChatModel | None = None) -> Scorer:
    """The task's own function, or the scorer that its target names.

    `judge` is the model of `[models] judge`, needed for the metric `judge` alone. `UserError`
    where the metric is unknown or cannot judge the output.
    """
    if task.scorer is not None:
        return Function(task.scorer)
    metric, kind = task.target.metric, task.output.kind
    if metric == Judge.name:
        return Judge(_judge_model(judge), task.instruction, task.rubric)
    if metric in _OF_A_SET:
        raise UserError(
            f"rung.toml: metric {metric!r} in [target] is a figure of a whole set and has no score "
            f"per example to decide on; take {_OF_A_SET[metric]!r}, {metric.replace('_', ' ')} is "
            "reported beside it"
        )
    by_name = {member.name: member for member in SHELF}
    if metric not in by_name:
        known = [*by_name, Judge.name]
        raise UserError(
            f"rung.toml: unknown metric {metric!r} in [target]; {did_you_mean(metric, known)}"
        )
    member = by_name[metric]
    if kind not in member.kinds:
        fitting = [one.name for one in SHELF if kind in one.kinds]
        raise UserError(
            f"rung.toml: metric {metric!r} in [target] cannot judge an [output] of {kind!r}; "
            f"take one of: {', '.join([*fitting, Judge.name])}"
        )
    return member.for_task(task)


def _judge_model(judge: ChatModel | None) -> ChatModel:
    if judge is None:
        raise UserError(
            "rung.toml: metric 'judge' in [target] needs a model that judges; name it in [models], "
            "such as judge = 'openai/gpt-4o'"
        )
    return judge
