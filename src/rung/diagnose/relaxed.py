"""Right in substance whatever the form: the relaxed reading that behaviour is told apart by.

Labels: the expected label is the only one that the answer names. JSON: the same fields and values
once fences, prose, case and spelling of names are put aside. Text and SQL: the expected words stand
in the answer, or the answer's words in the expected text and make up most of it.
"""

import json
import re
from typing import Any

from rung.knowledge.words import occurrences, words
from rung.records import Answer
from rung.task.contract import parse, render
from rung.task.labelling import find_labels
from rung.task.types import JsonValue, LabelsOutput, MultiLabelOutput, Output, SchemaOutput

MOST = 0.5
"""Share of the expected text's words that an answer inside it must hold."""


def relaxed_right(output: Output, expected: JsonValue, answer: Answer) -> bool:
    """Whether an answer says what is expected, in whatever form."""
    match output:
        case LabelsOutput():
            return _names_only(output, str(expected), answer.text)
        case MultiLabelOutput():
            given = parse(output, answer.text).value if answer.value is None else answer.value
            if given is None:
                given = _object(answer.text)
            if not isinstance(given, list):
                return False
            return find_labels(given, output.labels)[0] == tuple(expected)
        case SchemaOutput():
            given = _object(answer.text) if answer.value is None else answer.value
            return given is not None and _folded(given) == _folded(expected)
        case _:
            return _holds(render(output, expected), answer.text)


def _names_only(output: LabelsOutput, expected: str, given: str) -> bool:
    text = words(given)
    named = {label for label in output.labels if occurrences(words(label), text)}
    # A label inside a longer one that is named too does not count by itself.
    named -= {a for a in named for b in named if a != b and occurrences(words(a), words(b))}
    return named == {expected}


def _holds(expected: str, given: str) -> bool:
    gold, answer = words(expected), words(given)
    if not gold or not answer:
        return False
    if occurrences(gold, answer):
        return True
    inside = bool(occurrences(answer, gold))
    return inside and len(answer) >= MOST * len(gold)


def _object(text: str) -> Any | None:
    """The first JSON value that stands anywhere in the text."""
    decoder = json.JSONDecoder()
    for match in re.finditer(r"[{\[]", text):
        try:
            value, _ = decoder.raw_decode(text, match.start())
        except (ValueError, RecursionError):
            continue
        return value
    return None


def _folded(value: JsonValue) -> JsonValue:
    """Names and texts without case, punctuation and order; empty fields left out."""
    if isinstance(value, dict):
        pairs = [(_name(k), _folded(v)) for k, v in value.items() if v not in (None, "", [], {})]
        return sorted(pairs, key=repr)
    if isinstance(value, list):
        return sorted((_folded(inner) for inner in value), key=repr)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return value
    return " ".join(word.text for word in words(str(value)))


def _name(key: str) -> str:
    return "".join(word.text for word in words(key.replace("_", " ")))
