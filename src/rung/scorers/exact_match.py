"""Exact match: the same text after normalising, the same JSON value, the same SQL."""

from __future__ import annotations

from typing import Self

from rung.records import Answer
from rung.scorers.base import ComparingScorer, Score, answer_text, marks
from rung.scorers.words import words
from rung.task.types import Example, JsonValue, Task


class ExactMatch(ComparingScorer):
    """1 where answer and expected value are the same, else 0.

    Text after SQuAD's normalising, JSON by parsed value, SQL by its words.
    """

    name = "exact_match"
    kinds = frozenset({"text", "schema", "labels", "multilabel", "sql"})

    def __init__(self, kind: str = "text") -> None:
        self._kind = kind

    @classmethod
    def for_task(cls, task: Task) -> Self:
        """Compares as the task's output asks."""
        return cls(task.output.kind)

    def compare(self, example: Example, answer: Answer) -> Score:
        """Same or not."""
        if self._kind in ("schema", "labels"):
            same = same_json(answer.value, example.expected)
        elif self._kind == "multilabel":
            same = set(answer.value) == set(example.expected)
        elif self._kind == "sql":
            same = _sql_words(answer_text(answer)) == _sql_words(str(example.expected))
        else:
            same = words(answer_text(answer)) == words(str(example.expected))
        return marks(float(same), None if same else "not the expected answer")


def same_json(a: JsonValue, b: JsonValue) -> bool:
    """Equal as JSON: 1 and 1.0 are the same number, true is none; strings by their words."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same_json(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same_json, a, b))
    if isinstance(a, str) and isinstance(b, str):
        return a.split() == b.split()
    return bool(a == b)


def _sql_words(query: str) -> list[str]:
    return query.strip().rstrip(";").split()
