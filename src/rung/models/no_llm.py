"""Answers without a language model: the nearest labelled example, or a linear head.

Both work on unit embedding vectors (the head on the text's letters too, where that helps) and
answer with a label seen in training, so an answer outside the list cannot happen. They are saved
as plain arrays (`.npz`, no pickle).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rung.errors import UserError
from rung.models.base import Vectors
from rung.models.no_llm_choice import (
    HEADED,
    Head,
    Shares,
    fitted,
    head_arrays,
    logistic,
    of_each_class,
    saved_head,
    unknown,
)
from rung.models.no_llm_sets import NearestSets, OneVsRest

_UNSEEN = -30.0
"""Logit of a label that a fold's training rows lack."""


class LabelModel(Protocol):
    """Vectors and texts in, labels out: one a row, or a JSON array of them."""

    def predict(self, vectors: Vectors, texts: Sequence[str] = ()) -> list[tuple[str, float]]:
        """Label and confidence in [0, 1] of each row."""
        ...

    def save(self, path: Path) -> None:
        """Write one `.npz` file."""
        ...


class Nearest:
    """Majority of the `k` nearest training examples by cosine, closer ones weighing more."""

    def __init__(self, vectors: Vectors, labels: list[str], k: int = 5) -> None:
        self.vectors, self.labels, self.k = vectors, labels, min(k, len(labels))

    def predict(self, vectors: Vectors, texts: Sequence[str] = ()) -> list[tuple[str, float]]:
        """Label and share of the votes of each row."""
        similarity = vectors @ self.vectors.T
        return [self._vote(row) for row in similarity]

    def _vote(self, row: NDArray[np.float32]) -> tuple[str, float]:
        nearest = np.argsort(-row, kind="stable")[: self.k]
        # A sharp softmax keeps an exact duplicate in charge and lets near ties vote.
        weights = np.exp((row[nearest] - row[nearest[0]]) * 20.0)
        votes: dict[str, float] = {}
        for i, weight in zip(nearest, weights, strict=True):
            votes[self.labels[i]] = votes.get(self.labels[i], 0.0) + float(weight)
        best = max(votes, key=lambda label: (votes[label], label))
        return best, votes[best] / sum(votes.values())

    def save(self, path: Path) -> None:
        """Write one `.npz` file."""
        np.savez(path, kind="nearest", vectors=self.vectors, labels=np.array(self.labels), k=self.k)


class Linear:
    """Softmax of a linear head on the embedding, and on the letters where they help."""

    def __init__(self, head: Head, labels: list[str]) -> None:
        self.head, self.labels = head, labels

    @classmethod
    def fit(cls, vectors: Vectors, texts: Sequence[str], labels: list[str]) -> Linear:
        """Multinomial logistic regression; features and strength by cross-validation."""
        names = sorted(set(labels))
        answers = np.array([names.index(label) for label in labels])

        def head(rows: Any, chosen: NDArray[Any], c: float) -> tuple[Shares, Shares]:
            fitted = logistic(rows, chosen, c)
            weights, bias = of_each_class(fitted)
            every = np.zeros((len(names), weights.shape[1]))
            unseen = np.full(len(names), _UNSEEN)
            every[fitted.classes_], unseen[fitted.classes_] = weights, bias
            return every, unseen

        return cls(fitted(vectors, texts, answers, head, cross_entropy), names)

    def predict(self, vectors: Vectors, texts: Sequence[str] = ()) -> list[tuple[str, float]]:
        """Label and softmax share of each row."""
        shares = np.exp(_log_shares(self.head.logits(vectors, texts) / self.head.temperature))
        best = shares.argmax(axis=1)
        return [(self.labels[b], float(shares[i, b])) for i, b in enumerate(best)]

    def save(self, path: Path) -> None:
        """Write one `.npz` file."""
        np.savez(path, kind="linear", labels=np.array(self.labels), **head_arrays(self.head))


def _log_shares(logits: Shares) -> Shares:
    logits = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)))


def cross_entropy(logits: Shares, answers: NDArray[Any]) -> float:
    """Mean of the right labels' negative log shares; `answers` are their columns, (rows,)."""
    return float(-_log_shares(logits)[np.arange(len(answers)), answers].mean())


def fit_label_model(
    name: str, vectors: Vectors, texts: Sequence[str], labels: list[str]
) -> LabelModel:
    """Fit `no-llm/nearest`, `no-llm/linear`, or the head that `no-llm/encoder` starts from.

    Without texts nothing is chosen by cross-validation. Raises `UserError` for any other name.
    """
    if name == "no-llm/nearest":
        return Nearest(vectors, labels)
    if name in HEADED:
        if len(set(labels)) < 2:
            raise UserError(
                f"{name} needs training examples of two labels or more, found only "
                f"{labels[0]!r}; add examples of the other labels"
            )
        return Linear.fit(vectors, texts, labels)
    raise unknown(name)


def load_label_model(path: Path) -> LabelModel:
    """Read what `save` wrote."""
    from rung.models.no_llm_spans import Spans  # it has linear heads of its own

    with np.load(path, allow_pickle=False) as arrays:
        labels = [str(label) for label in arrays["labels"]]
        kind = str(arrays["kind"])
        if kind == "spans":
            return Spans.load(arrays)
        if kind == "nearest":
            return Nearest(arrays["vectors"], labels, int(arrays["k"]))
        if kind == "nearest-sets":
            return NearestSets(arrays["vectors"], arrays["held"], labels, int(arrays["k"]))
        if kind == "one-vs-rest":
            return OneVsRest(saved_head(arrays), labels)
        return Linear(saved_head(arrays), labels)
