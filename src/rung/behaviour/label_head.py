"""The label head: which label is meant, from the log-probabilities that a model gives to all.

A model that prefers some labels whatever it reads names them far too often; a linear map fitted on
labelled rows takes that back, where shifting the boundary alone does not (Supervised Calibration,
https://arxiv.org/abs/2505.23783). A row must not see itself among its own shots: its label would
then be read off them.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from rung.behaviour.base import Ask, Fitted, Fitting, Slot, Tokens, all_of
from rung.behaviour.shots import in_turn
from rung.candidate import Candidate
from rung.errors import UserError
from rung.models.base import scores
from rung.models.no_llm import LabelModel, Linear, load_label_model
from rung.models.no_llm_choice import Head, of_each_class
from rung.task.contract import render
from rung.task.types import Example, LabelsOutput, Task

STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
"""Inverse L2 penalties that are compared by cross-validation."""
FOLDS = 5
MOST_ROWS = 120
"""Train rows that the head is fitted on: each costs a call once."""
FILE = "head.npz"


class LabelHead(Slot):
    """All labels scored as wholes, and one chosen by a head fitted on train."""

    part = "head"

    @staticmethod
    def filled(candidate: Candidate) -> bool:
        """Asked for."""
        return candidate.prompt.head

    @staticmethod
    def words(candidate: Candidate) -> str:
        """Beside the examples it is shown."""
        return "labels scored, with a head"

    @staticmethod
    def needs(candidate: Candidate, task: Task) -> str:
        """Labels."""
        labelled = isinstance(task.output, LabelsOutput)
        return (
            ""
            if labelled
            else f"{candidate.key} has a label head, but the output is no list of labels"
        )

    @staticmethod
    def expected(tokens: Tokens, task: Task, count: Callable[[str], int]) -> Tokens:
        """Every label is read, and none written."""
        labels = task.output.labels if isinstance(task.output, LabelsOutput) else ()
        return Tokens(tokens.read + sum(map(count, labels)), 0.0)

    @classmethod
    async def fit(cls, candidate: Candidate, fitting: Fitting) -> Fitted:
        """Ask for the labels' log-probabilities of train rows, each without itself among its
        shots."""
        solver, task = fitting.solver, fitting.task
        if not scores(solver.chat):
            raise UserError(
                f"{candidate.model} does not tell the log-probabilities of whole labels: leave the "
                "label head out"
            )
        rows = in_turn(task, MOST_ROWS)
        await solver.prepare([e.input for e in rows])

        async def told(example: Example) -> tuple[float, ...]:
            request = await solver.request(example.input, without=example.input_text())
            return (await solver.chat.reply(request)).logprobs or ()

        asked = await all_of([told(example) for example in rows])
        labels = [render(task.output, example.expected) for example in rows]
        return Fitted(held=fit_head(asked, labels, task.climb.seed))

    async def apply(self, ask: Ask) -> Ask:
        """Scored, where labels are chosen from."""
        return replace(ask, scored=ask.choices is not None)

    def save(self, folder: Path) -> None:
        """Its arrays."""
        if self.held is not None:
            self.held.save(folder / FILE)

    @classmethod
    def load(cls, folder: Path) -> LabelModel | None:
        """Its arrays."""
        return load_label_model(folder / FILE) if (folder / FILE).exists() else None


def fit_head(logprobs: Sequence[Sequence[float]], labels: Sequence[str], seed: int) -> Linear:
    """Multinomial logistic regression on log-probabilities, (rows, labels), standardised.

    The penalty is the one of `STRENGTHS` with the lowest loss on rows left out; the middle one
    where a label stands once. Raises `UserError` where `labels` holds fewer than two different.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, StratifiedKFold

    counts = Counter(labels)
    if len(counts) < 2:
        raise UserError(
            f"a label head needs training examples of two labels or more, found only "
            f"{next(iter(counts), None)!r}; add examples of the other labels"
        )
    values, rights = np.asarray(logprobs, dtype=np.float64), np.asarray(labels)
    middle, spread = values.mean(axis=0), values.std(axis=0) + 1e-9
    scaled = (values - middle) / spread
    best = LogisticRegression(C=STRENGTHS[len(STRENGTHS) // 2], max_iter=2000)
    folds = min(FOLDS, *counts.values())
    if folds > 1:
        split = StratifiedKFold(folds, shuffle=True, random_state=seed)
        search = GridSearchCV(best, {"C": STRENGTHS}, cv=split, scoring="neg_log_loss")
        best = search.fit(scaled, rights).best_estimator_
    else:
        best.fit(scaled, rights)
    weights, bias = of_each_class(best)
    weights = weights / spread
    head = Head(weights, bias - weights @ middle, None, best.C, 1.0)
    return Linear(head, [str(label) for label in best.classes_])
