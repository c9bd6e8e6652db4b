"""Answers without a language model where an example has several labels, or none.

Each label is decided by itself (binary relevance), from the same embeddings as in `no_llm`; the
answer is written as the JSON array that the contract asks for.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rung.errors import UserError
from rung.models.base import Vectors
from rung.models.no_llm_choice import HEADED, Head, Shares, fitted, head_arrays, logistic, unknown

_SURE = 30.0
"""Log-odds of a label that every training example has, or none."""


def members(sets: Sequence[Sequence[str]], labels: Sequence[str]) -> NDArray[np.bool_]:
    """A row an example, a column a label: whether the example has it."""
    rows = [[label in one for label in labels] for one in map(set, sets)]
    return np.array(rows, dtype=bool).reshape(len(sets), len(labels))


class NearestSets:
    """Every label that more than half of the nearest examples' weight has.

    The vote of each label as in ML-kNN (Zhang and Zhou 2007) without its prior, weighted by
    closeness as in `Nearest`.
    """

    def __init__(
        self, vectors: Vectors, held: NDArray[np.bool_], labels: list[str], k: int = 5
    ) -> None:
        self.vectors, self.held, self.labels, self.k = vectors, held, labels, min(k, len(held))

    def predict(self, vectors: Vectors, texts: Sequence[str] = ()) -> list[tuple[str, float]]:
        """Labels as a JSON array, and a confidence, of each row."""
        similarity = vectors @ self.vectors.T
        nearest = np.argsort(-similarity, axis=1, kind="stable")[:, : self.k]
        closeness = np.take_along_axis(similarity, nearest, axis=1)
        weights = np.exp((closeness - closeness[:, :1]) * 20.0)
        votes = (weights[:, :, None] * self.held[nearest]).sum(axis=1)
        return _answers(votes / weights.sum(axis=1, keepdims=True), self.labels)

    def save(self, path: Path) -> None:
        """Write one `.npz` file."""
        np.savez(
            path,
            kind="nearest-sets",
            vectors=self.vectors,
            held=self.held,
            labels=np.array(self.labels),
            k=self.k,
        )


class OneVsRest:
    """A logistic regression for each label, on the embedding and, where they help, the letters."""

    def __init__(self, head: Head, labels: list[str]) -> None:
        self.head, self.labels = head, labels

    @classmethod
    def fit(
        cls, vectors: Vectors, texts: Sequence[str], held: NDArray[np.bool_], labels: list[str]
    ) -> OneVsRest:
        """Features and strength by cross-validation; a label that never varies is constant."""

        def head(rows: Any, chosen: NDArray[Any], c: float) -> tuple[Shares, Shares]:
            weights = np.zeros((len(labels), rows.shape[1]))
            bias = np.where(chosen.any(axis=0), _SURE, -_SURE)
            for n in np.flatnonzero(chosen.any(axis=0) & ~chosen.all(axis=0)):
                fitted = logistic(rows, chosen[:, n], c)
                weights[n], bias[n] = fitted.coef_[0], fitted.intercept_[0]
            return weights, bias

        return cls(fitted(vectors, texts, held, head, log_loss), labels)

    def predict(self, vectors: Vectors, texts: Sequence[str] = ()) -> list[tuple[str, float]]:
        """Labels as a JSON array, and a confidence, of each row."""
        logits = self.head.logits(vectors, texts) / self.head.temperature
        return _answers(1 / (1 + np.exp(-np.clip(logits, -_SURE, _SURE))), self.labels)

    def save(self, path: Path) -> None:
        """Write one `.npz` file."""
        np.savez(path, kind="one-vs-rest", labels=np.array(self.labels), **head_arrays(self.head))


def log_loss(logits: Shares, held: NDArray[Any]) -> float:
    """Mean over all decisions."""
    signed = np.where(held, logits, -logits)
    return float(np.logaddexp(0.0, -signed).mean())


def _answers(shares: NDArray[np.floating], labels: list[str]) -> list[tuple[str, float]]:
    """The labels with more than half, and the product of all decisions' shares."""
    given = shares > 0.5
    sure = np.where(given, shares, 1 - shares).prod(axis=1)
    return [
        (json.dumps([labels[n] for n in np.flatnonzero(row)], ensure_ascii=False), float(one))
        for row, one in zip(given, sure, strict=True)
    ]


def fit_set_model(
    name: str,
    vectors: Vectors,
    texts: Sequence[str],
    sets: Sequence[Sequence[str]],
    labels: Sequence[str],
) -> NearestSets | OneVsRest:
    """As `fit_label_model`, on sets of labels."""
    held = members(sets, labels)
    if name == "no-llm/nearest":
        return NearestSets(vectors, held, list(labels))
    if name not in HEADED:
        raise unknown(name)
    if not (held.any(axis=0) & ~held.all(axis=0)).any():
        raise UserError(
            f"{name} needs a label that some training examples have and others do not; "
            "all have the same labels: add examples of the others"
        )
    return OneVsRest.fit(vectors, texts, held, list(labels))
