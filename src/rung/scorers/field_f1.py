"""Field F1: how far the fields of a JSON answer are those expected.

An object is taken apart into (path, value) pairs. What stands in a list is one item each, whole
and in any order: the entity `{"text": "Jeff", "type": "PER"}` is right only with both its fields,
so on a list of entities this is the entity F1 of named-entity recognition. A null field counts
as an absent one.
"""

import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

from rung.records import Answer
from rung.scorers.base import ComparingScorer, Score, marks
from rung.scorers.exact_match import plain_text, same_json
from rung.task.types import Example, JsonValue

_NOTHING = 1e-15
"""A number below it is 0, as `same_json` has it."""


class FieldF1(ComparingScorer):
    """Harmonic mean of precision and recall of the (path, value) pairs."""

    name = "field_f1"
    version = "4"
    graded = True
    kinds = frozenset({"schema"})

    def against(self, gold: JsonValue, example: Example, answer: Answer) -> Score:
        """F1 of two bags of fields, with `exact_match` beside it."""
        given, right = Counter(fields(answer.value)), Counter(fields(gold))
        total = given.total() + right.total()
        value = 2 * (given & right).total() / total if total else 1.0
        return marks(value, exact_match=float(same_json(answer.value, gold)))


def fields(value: JsonValue, path: str = "$") -> Iterator[tuple[str, str]]:
    """Every (path, canonical value) of a JSON value; list members share the path `…[]`."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from fields(inner, f"{path}[{key!r}]")
    elif isinstance(value, list):
        for inner in value:
            yield f"{path}[]", _canonical(inner)
    elif value is not None:
        yield path, _canonical(value)


def _canonical(value: JsonValue) -> str:
    return json.dumps(_plain(value), sort_keys=True, ensure_ascii=False)


def _plain(value: JsonValue) -> JsonValue:
    """1.0 as 1, 12 digits of a float, text composed with single blanks, null fields left out."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, str):
        return plain_text(value)
    if isinstance(value, float):
        rounded = Decimal(0 if abs(value) < _NOTHING else f"{value:.12g}")
        return int(rounded) if rounded == rounded.to_integral_value() else float(rounded)
    return value
