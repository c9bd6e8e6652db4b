"""The shelf of scorers: each judges one answer to one example, and is one file.

To add one: write `scorers/NAME.py` with a `ComparingScorer` (see `base`), put the class into
`SHELF`; `tests/scorers/test_contract.py` then runs on it by itself. A task's own plain function
(`Task.scorer`) goes before them all.
"""

from __future__ import annotations

from rung.errors import UserError
from rung.scorers.accuracy import Accuracy, macro_f1
from rung.scorers.base import ComparingScorer, Score, Scorer
from rung.scorers.contains import Contains
from rung.scorers.exact_match import ExactMatch
from rung.scorers.field_f1 import FieldF1
from rung.scorers.token_f1 import TokenF1
from rung.task.types import Task
from rung.task.wording import did_you_mean

SHELF: tuple[type[ComparingScorer], ...] = (
    Accuracy,
    ExactMatch,
    TokenF1,
    Contains,
    FieldF1,
)

__all__ = ["SHELF", "Score", "Scorer", "macro_f1", "scorer_for"]


def scorer_for(task: Task) -> Scorer:
    """The scorer that the task's target names; `UserError` where it cannot judge the output."""
    metric, kind = task.target.metric, task.output.kind
    if metric == "macro_f1":
        raise UserError(
            "rung.toml: metric 'macro_f1' in [target] is a figure of a whole set and has no score "
            "per example to decide on; take 'accuracy', macro F1 is reported beside it"
        )
    by_name = {member.name: member for member in SHELF}
    if metric not in by_name:
        raise UserError(
            f"rung.toml: unknown metric {metric!r} in [target]; {did_you_mean(metric, by_name)}"
        )
    member = by_name[metric]
    if kind not in member.kinds:
        fitting = [one.name for one in SHELF if kind in one.kinds]
        raise UserError(
            f"rung.toml: metric {metric!r} in [target] cannot judge an [output] of {kind!r}; "
            f"take one of: {', '.join(fitting)}"
        )
    return member.for_task(task)
