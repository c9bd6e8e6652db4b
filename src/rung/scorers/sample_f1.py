"""Sample F1: how far the labels of a multi-label answer are those expected.

The F1 of one example, whose mean over examples is scikit-learn's
`f1_score(average="samples", zero_division=1)` (Tsoumakas and Katakis 2007). With the set-level
micro F1 beside it.
"""

from collections.abc import Collection, Iterable

from rung.records import Answer
from rung.scorers.base import ComparingScorer, Score, marks
from rung.task.types import Example, JsonValue


class SampleF1(ComparingScorer):
    """Harmonic mean of precision and recall of the labels; 1 where none is right and none given."""

    name = "sample_f1"
    graded = True
    kinds = frozenset({"multilabel"})

    def against(self, gold: JsonValue, example: Example, answer: Answer) -> Score:
        """F1 of two sets of labels, with `exact_match` (subset accuracy) beside it."""
        given, right = set(answer.value), set(gold)
        shared, total = len(given & right), len(given) + len(right)
        value = 2 * shared / total if total else 1.0
        return marks(value, _difference(given, right), exact_match=float(given == right))


def _difference(given: set[str], gold: set[str]) -> str | None:
    """What is missing and what is too much, in one sentence."""
    parts = [
        f"{what}: {', '.join(map(repr, sorted(labels)))}"
        for what, labels in (("missing", gold - given), ("not expected", given - gold))
        if labels
    ]
    return "; ".join(parts) or None


def micro_f1(pairs: Iterable[tuple[Collection[str], Collection[str] | None]]) -> float | None:
    """F1 over the labels of all examples together, from (expected, predicted) pairs.

    None as prediction stands for an invalid answer, which gives no label; None comes back where
    nothing was measured. A figure of the whole set, as `macro_f1` is.
    """
    shared = total = 0
    seen = False
    for gold, answered in pairs:
        seen = True
        given = set(answered or ())
        shared += len(given & set(gold))
        total += len(given) + len(set(gold))
    if not seen:
        return None
    return 2 * shared / total if total else 1.0
