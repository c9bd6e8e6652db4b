"""The label head: which label is meant, from the log-probabilities that a model gives to all.

A model that prefers some labels whatever it reads names them far too often; a linear map fitted on
labelled rows takes that back, where shifting the boundary alone does not (Supervised Calibration,
https://arxiv.org/abs/2505.23783). A row must not see itself among its own shots: its label would
then be read off them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from rung.errors import UserError
from rung.models.no_llm import Linear

STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
"""Inverse L2 penalties that are compared by cross-validation."""
FOLDS = 5
MOST_ROWS = 120
"""Train rows that the head is fitted on: each costs a call once."""


def fit_head(logprobs: Sequence[Sequence[float]], labels: Sequence[str], seed: int) -> Linear:
    """Multinomial logistic regression on log-probabilities, (rows, labels), standardised.

    The penalty is the one of `STRENGTHS` with the lowest loss on rows left out. Raises `UserError`
    where `labels` holds fewer than two different ones.
    """
    from sklearn.linear_model import LogisticRegression

    counts = Counter(labels)
    if len(counts) < 2:
        raise UserError(
            f"a label head needs training examples of two labels or more, found only "
            f"{next(iter(counts), None)!r}; add examples of the other labels"
        )
    values, said = np.asarray(logprobs, dtype=np.float64), np.asarray(labels)
    middle, spread = values.mean(axis=0), values.std(axis=0) + 1e-9
    scaled = (values - middle) / spread
    best = LogisticRegression(C=_strength(scaled, said, seed), max_iter=2000).fit(scaled, said)
    weights, bias = best.coef_, best.intercept_
    if len(best.classes_) == 2:  # scikit-learn keeps one row for two classes
        weights, bias = np.vstack([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    weights = weights / spread
    return Linear(weights, bias - weights @ middle, [str(label) for label in best.classes_])


def _strength(values: np.ndarray, labels: np.ndarray, seed: int) -> float:
    """The penalty with the lowest loss on rows left out; the strongest where labels are single."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_score

    folds = min(FOLDS, *Counter(labels.tolist()).values())
    if folds < 2:
        return STRENGTHS[len(STRENGTHS) // 2]
    split = StratifiedKFold(folds, shuffle=True, random_state=seed)
    losses = {
        strength: -cross_val_score(
            LogisticRegression(C=strength, max_iter=2000),
            values,
            labels,
            cv=split,
            scoring="neg_log_loss",
        ).mean()
        for strength in STRENGTHS
    }
    return min(losses, key=lambda strength: (losses[strength], strength))
