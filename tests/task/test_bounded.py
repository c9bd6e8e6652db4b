"""Whatever a model answers, whatever the pattern and the schema: a check ends."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from rung.task import bounded
from rung.task.contract import parse
from rung.task.json_schema import schema_problem
from rung.task.types import SchemaOutput, TextOutput

SLOW = r"^(x|xx)+$"
LONG = "x" * 60 + "!"


def spent(run: Any) -> tuple[Any, float]:
    before = time.process_time()
    return run(), time.process_time() - before


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "MATCH_S", 0.05)


def test_a_rule_that_backtracks_is_broken_and_said() -> None:
    output = TextOutput(rules={"ends": SLOW})
    parsed, seconds = spent(lambda: parse(output, LONG))
    assert not parsed.valid and seconds < 5
    assert "rule 'ends' cannot be checked" in parsed.problem
    assert parse(output, "xxxx").valid


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"properties": {"a": {"pattern": SLOW}}}, {"a": LONG}),
        ({"patternProperties": {SLOW: {}}}, {LONG: 1}),
        ({"patternProperties": {SLOW: {}}, "additionalProperties": False}, {LONG: 1}),
        ({"propertyNames": {"pattern": SLOW}}, {LONG: 1}),
    ],
)
def test_patterns_of_a_schema_end(schema: dict[str, Any], value: Any) -> None:
    said, seconds = spent(lambda: schema_problem(schema, value))
    assert said.startswith("it cannot be checked: ") and seconds < 5


@pytest.mark.lengthy
def test_alternatives_that_name_each_other_end() -> None:
    one = {"type": "object", "properties": {"a": {"$ref": "#/$defs/n"}}}
    schema = {
        "$defs": {"n": {"anyOf": [{**one, "required": ["b"]}, {**one, "required": ["c"]}]}},
        "$ref": "#/$defs/n",
    }
    text = '{"a":' * 40 + "1" + "}" * 40
    parsed, seconds = spent(lambda: parse(SchemaOutput(json_schema=schema), text))
    assert "30,000 steps" in parsed.problem and seconds < 15
    assert parse(SchemaOutput(json_schema=schema), '{"a": {"b": 1}, "c": 2}').valid


def test_a_long_list_is_told_apart_at_once() -> None:
    schema = {"type": "array", "uniqueItems": True}
    many = [{"n": n} for n in range(3000)]
    (said, again), seconds = spent(
        lambda: (schema_problem(schema, many), schema_problem(schema, [*many, {"n": 7.0}]))
    )
    assert said is None and "non-unique" in again and seconds < 2


@pytest.mark.parametrize(
    ("items", "unique"),
    [
        ([1, 1.0], False), ([1, True], True), ([0, False], True), ([[1], [1.0]], False),
        ([[1], [True]], True), ([{"a": [1]}, {"a": [True]}], True), ([{}, []], True),
        ([{"a": 1, "b": 2}, {"b": 2, "a": 1}], False), (["1", 1], True), ([None, 0], True),
        ([{"a": {}}, {"a": []}], True),
    ],
)  # fmt: skip
def test_what_is_equal_is_as_json_schema_says(items: list[Any], unique: bool) -> None:
    assert (schema_problem({"uniqueItems": True}, items) is None) == unique, json.dumps(items)


@pytest.mark.parametrize(
    ("value", "good"), [({"x_a": 1}, True), ({"y": 1}, False), ({"b": 1, "x_": 2}, True)]
)
def test_additional_properties_are_those_that_no_pattern_names(value: Any, good: bool) -> None:
    schema = {
        "properties": {"b": {}},
        "patternProperties": {"^x_": {"type": "integer"}},
        "additionalProperties": False,
    }
    assert (schema_problem(schema, value) is None) == good
    rest = {**schema, "additionalProperties": {"type": "string"}}
    assert (schema_problem(rest, {**value, "more": "text"}) is None) == good


def test_letters_of_every_script_can_be_named() -> None:
    schema = {"type": "string", "pattern": r"^\p{L}+$"}
    assert schema_problem(schema, "Ålesund") is None and schema_problem(schema, "a1")
