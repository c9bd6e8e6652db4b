"""Counts by label, or by field of a JSON answer: recall, precision, and what was taken for what.

As in scikit-learn's `precision_recall_fscore_support` and `confusion_matrix`; an invalid answer
gives no label, as does one that a filter refused.
"""

import re
from collections import Counter
from collections.abc import Iterable

from rung.records.results import Part
from rung.scorers.field_f1 import fields
from rung.task.types import Example, JsonValue, LabelsOutput, MultiLabelOutput, Output, SchemaOutput

MOST_PARTS = 100
_STEP = re.compile(r"\[('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")\]")


def parts(output: Output, answered: Iterable[tuple[Example, JsonValue]]) -> tuple[Part, ...]:
    """The labels, or fields, of examples and valid answers (None where invalid), by frequency.

    Empty for text and SQL, which have no parts. Where one of several labels was right, that one is
    taken for the expected one.
    """
    if not isinstance(output, LabelsOutput | MultiLabelOutput | SchemaOutput):
        return ()
    expected, given, right = Counter[str](), Counter[str](), Counter[str]()
    for example, value in answered:
        gold, answer = _named(output, _gold(example, value)), _named(output, value)
        expected.update(name for name, _ in gold.elements())
        given.update(name for name, _ in answer.elements())
        right.update(name for name, _ in (gold & answer).elements())
    names = sorted(expected | given, key=lambda name: (-expected[name], name))
    return tuple(
        Part(name=name, expected=expected[name], given=given[name], right=right[name])
        for name in names[:MOST_PARTS]
    )


def confusions(answered: Iterable[tuple[Example, JsonValue]]) -> Counter[tuple[str, str]]:
    """(expected label, answered label) of the wrong answers that are one label each."""
    pairs = Counter[tuple[str, str]]()
    for example, value in answered:
        if isinstance(value, str) and value not in example.references:
            pairs[str(example.expected), value] += 1
    return pairs


def _gold(example: Example, value: JsonValue) -> JsonValue:
    return value if example.alternatives and value in example.references else example.expected


def _named(output: Output, value: JsonValue) -> Counter[tuple[str, str]]:
    """(part, value) pairs; a label is both."""
    if value is None:
        return Counter()
    if isinstance(output, SchemaOutput):
        return Counter((_path(path), content) for path, content in fields(value))
    labels = value if isinstance(value, list | tuple) else [value]
    return Counter((str(label), "") for label in labels)


def _path(path: str) -> str:
    """`$['a']['b'][]` as `a.b[]`."""
    plain = _STEP.sub(lambda step: f".{step[1][1:-1]}", path.removeprefix("$")).removeprefix(".")
    return plain or "the whole answer"
