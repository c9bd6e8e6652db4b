"""Accuracy: the answer is the expected label. With the set-level macro F1 beside it."""

from collections import Counter
from collections.abc import Iterable

from rung.records import Answer
from rung.scorers.base import ComparingScorer, Score, marks
from rung.task.types import Example, JsonValue


class Accuracy(ComparingScorer):
    """1 where the label is the expected one, else 0."""

    name = "accuracy"
    kinds = frozenset({"labels"})

    def against(self, gold: JsonValue, example: Example, answer: Answer) -> Score:
        """Labels are compared exactly; the contract has resolved spelling already."""
        if answer.value == gold:
            return marks(1.0)
        return marks(0.0, f"{answer.value!r} instead of {gold!r}")


def macro_f1(pairs: Iterable[tuple[str, str | None]]) -> float | None:
    """Mean F1 over the labels that occur, from (expected, predicted) pairs.

    None as prediction stands for an invalid answer; None comes back where nothing was measured.
    A figure of the whole set: it has no value per example, so it is reported, never a target.
    """
    expected: Counter[str] = Counter()
    predicted: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for gold, answered in pairs:
        expected[gold] += 1
        if answered is not None:
            predicted[answered] += 1
            right[gold] += answered == gold
    labels = expected.keys() | predicted.keys()
    if not labels:
        return None
    return sum(2 * right[one] / (expected[one] + predicted[one]) for one in labels) / len(labels)
