"""Exact match: the same text after normalising, the same JSON value, the same SQL."""

import math
import unicodedata
from typing import Self

from rung.records import Answer
from rung.scorers.base import ComparingScorer, Score, answer_text, marks, said
from rung.scorers.words import words
from rung.task.contract import parse_sql
from rung.task.scripts import without_invisible
from rung.task.types import Example, JsonValue, Task


class ExactMatch(ComparingScorer):
    """1 where answer and expected value are the same, else 0.

    Text after SQuAD's normalising (see `rung.scorers.words`), JSON by parsed value, several labels
    as a set (subset accuracy, scikit-learn's `accuracy_score`), SQL by its syntax tree.
    """

    name = "exact_match"
    version = "4"
    kinds = frozenset({"text", "schema", "labels", "multilabel", "sql"})

    def __init__(self, kind: str = "text") -> None:
        self._kind = kind

    @classmethod
    def for_task(cls, task: Task) -> Self:
        """Compares as the task's output asks."""
        return cls(task.output.kind)

    def against(self, gold: JsonValue, example: Example, answer: Answer) -> Score:
        """Same or not."""
        if self._kind in ("schema", "labels"):
            same = same_json(answer.value, gold)
        elif self._kind == "multilabel":
            same = set(answer.value) == set(gold)
        elif self._kind == "sql":
            same = _sql_form(answer_text(answer)) == _sql_form(str(gold))
        else:
            same = words(said(answer, str(gold))) == words(str(gold))
        return marks(float(same), None if same else "not the expected answer")


def same_json(a: JsonValue, b: JsonValue) -> bool:
    """Equal as JSON: numbers within a float's error, true is none, "1" is text and 1 is not.

    Strings are compared with accents composed (NFC) and single blanks, in their own case.
    """
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same_json(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same_json, a, b))
    if isinstance(a, str) and isinstance(b, str):
        return plain_text(a) == plain_text(b)
    if isinstance(a, float) or isinstance(b, float):
        numbers = isinstance(a, int | float) and isinstance(b, int | float)
        return numbers and (a == b or math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-15))
    return bool(a == b)


def plain_text(text: str) -> str:
    """Accents composed, runs of white space as one blank, nothing that no reader sees."""
    return " ".join(unicodedata.normalize("NFC", without_invisible(text)).split())


def _sql_form(query: str) -> str:
    """The query without comments, in one spelling; its own words where it cannot be read."""
    trees = parse_sql(query)
    if trees is not None and len(trees) == 1:
        return trees[0].sql(dialect="sqlite", comments=False)
    return " ".join(query.strip().rstrip(";").split())
