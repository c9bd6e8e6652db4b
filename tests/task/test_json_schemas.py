"""JSON schemas as people paste them: unwrapped, checked, described, cut to what is enforced."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rung.errors import UserError
from rung.models.dialect import response_format
from rung.task.contract import describe, parse
from rung.task.json_schema import check_schema, enforceable, schema_problem, unwrapped_schema
from rung.task.types import SchemaOutput


def closed(**fields: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
    }


TEXT = {"type": "string"}
OPEN = {"type": "object", "properties": {"a": TEXT}}


@pytest.mark.parametrize(
    "given",
    [
        {"name": "x", "strict": True, "schema": closed(a=TEXT)},
        {"name": "x", "description": "d", "schema": closed(a=TEXT)},
        {"type": "json_schema", "json_schema": {"name": "x", "schema": closed(a=TEXT)}},
        {"type": "json_schema", "name": "x", "strict": True, "schema": closed(a=TEXT)},
        {"response_format": {"type": "json_schema", "json_schema": {"schema": closed(a=TEXT)}}},
        {"type": "function", "function": {"name": "f", "parameters": closed(a=TEXT)}},
        {"name": "f", "description": "d", "input_schema": closed(a=TEXT)},
        {"name": "f", "title": "F", "inputSchema": closed(a=TEXT)},
        {"responseMimeType": "application/json", "responseSchema": closed(a=TEXT)},
        {"text": {"format": {"type": "json_schema", "name": "x", "schema": closed(a=TEXT)}}},
        {"format": closed(a=TEXT)},
        closed(a=TEXT),
    ],
)
def test_what_an_api_wraps_around_a_schema_is_taken_off(given: dict[str, Any]) -> None:
    assert unwrapped_schema(given) == closed(a=TEXT)


@pytest.mark.parametrize(
    "schema",
    [
        closed(schema=TEXT),
        {"type": "object", "properties": {"schema": {"type": "object"}}},
        {"$defs": {"schema": TEXT}, "$ref": "#/$defs/schema"},
        {"title": "x", "type": "string"},
    ],
)
def test_a_schema_that_speaks_of_schemas_is_none_wrapped(schema: dict[str, Any]) -> None:
    assert unwrapped_schema(schema) == schema


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "strin"}, "strin"),
        ({"$ref": "#/$defs/missing"}, "leads nowhere"),
        ({"$ref": "#nobody"}, "leads nowhere"),
        (
            {"name": "Anna", "age": 5},
            "schema.json: 'name', 'age' are no keywords of JSON Schema, so that any answer",
        ),
        ({"components": {"schemas": {"A": {}}}}, "'components' are no keywords of JSON Schema"),
        ({"$ref": "https://example.org/other.json"}, "leads out"),
        ({"items": {"type": "string", "pattern": "["}}, "pattern '\\['"),
        ({"patternProperties": {"(": {}}}, "pattern"),
        ({"properties": []}, "properties"),
        ({"required": "a"}, "required"),
        ({"items": {"pattern": "^\\p{Lx}+$"}}, "another way"),
    ],
)
def test_a_broken_schema_is_one_sentence(schema: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said) as raised:
        check_schema(schema, "schema.json")
    assert str(raised.value).startswith("schema.json: ") and "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (closed(a=TEXT), '{"a": text}'),
        (OPEN, '{"a"?: text}'),
        ({"allOf": [OPEN, closed(b=TEXT)]}, '{"a"?: text, "b": text}'),
        ({"allOf": [{"$ref": "#/$defs/p"}], "$defs": {"p": closed(a=TEXT)}}, '{"a": text}'),
        ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"enum": ["x"]}}}, '"x"'),
        ({"$ref": "#/$defs/m~0n", "$defs": {"m~n": {"enum": ["x"]}}}, '"x"'),
        ({"$ref": "#/$defs/50%25", "$defs": {"50%": {"enum": ["x"]}}}, '"x"'),
        ({"$ref": "#here", "$defs": {"p": {"$anchor": "here", "const": 3}}}, "3"),
        ({"prefixItems": [TEXT, {"type": "integer"}], "items": False}, "[text, whole number]"),
        ({"prefixItems": [TEXT]}, "[text, …]"),
        ({"patternProperties": {"^q": TEXT}}, "{any name like /^q/: text}"),
        ({"type": "string", "nullable": True}, "text | null"),
        ({"type": "array", "items": TEXT, "uniqueItems": True}, "[text, …] (no item twice)"),
        ({"type": "string", "not": {"const": "n/a"}}, 'text (not "n/a")'),
        ({"oneOf": [{"const": "a"}, {"type": "null"}]}, '"a" | null'),
        ({**OPEN, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}, '{"a"?: text}'),
    ],
)
def test_a_schema_in_words(schema: dict[str, Any], said: str) -> None:
    check_schema(schema, "s")
    assert describe(SchemaOutput(json_schema=schema)).endswith(f"nothing else: {said}")


@pytest.mark.parametrize(
    ("schema", "gone"),
    [
        (closed(a={"type": "array", "items": TEXT, "uniqueItems": True}), ("uniqueItems",)),
        (closed(a={"not": {"const": "x"}}), ("not",)),
        ({**closed(a=TEXT), "if": {}, "then": OPEN}, ("then",)),
        ({"items": {"contains": TEXT, "minContains": 2}}, ("contains", "minContains")),
        ({"$defs": {"p": {"propertyNames": TEXT}}}, ("propertyNames",)),
        (closed(a={"type": "string", "pattern": "^(?=.*x)"}), ("pattern",)),
        (closed(a={"type": "string", "format": "color-hex"}), ("format",)),
        (closed(a={"type": "string", "format": "date", "pattern": "^x"}), ()),
        ({"type": "array", "uniqueItems": False}, ()),
        # Names and values, not keywords.
        (closed(**{"not": TEXT, "contains": TEXT, "if": TEXT}), ()),
        ({"enum": [{"uniqueItems": True}]}, ()),
    ],
)
def test_what_cannot_be_enforced_is_left_out(schema: dict[str, Any], gone: tuple[str, ...]) -> None:
    kept, dropped = enforceable(schema)
    assert dropped == gone
    assert all(f'"{name}":' not in json.dumps(kept) for name in gone)
    if not gone and "uniqueItems" not in schema:
        assert kept == schema


def test_it_is_validated_afterwards() -> None:
    output = SchemaOutput(json_schema={"type": "array", "uniqueItems": True})
    assert parse(output, "[1, 2]").valid and not parse(output, "[1, 1]").valid


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        (closed(a=TEXT), True),
        ({"type": "object", "properties": {"a": TEXT}, "additionalProperties": False}, False),
        (closed(a={"type": "array", "items": OPEN}), False),
        (closed(a={"type": "array", "items": closed(b=TEXT), "uniqueItems": True}), True),
        (closed(properties=TEXT, required=TEXT, enum=TEXT), True),
        (closed(a={"enum": [{"properties": {}}]}), True),
        ({"allOf": [closed(a=TEXT)]}, False),
        ({"type": "array", "items": TEXT}, False),
        ({}, False),
    ],
)
def test_strict_is_asked_for_where_it_is_taken(schema: dict[str, Any], strict: bool) -> None:
    asked = response_format(None, schema)
    assert asked is not None and asked["json_schema"]["strict"] is strict


@pytest.mark.parametrize(
    ("step", "value", "fits"),
    [
        (0.01, 19.99, True),
        (0.01, 0.07, True),
        (0.1, 0.3, True),
        (0.01, 19.995, False),
        (0.01, 1e16, True),
        (1e-7, 3e-7, True),
        (3, 9, True),
        (3, 10, False),
        (0.5, True, True),
    ],
)
def test_multiples_are_taken_of_numbers_as_written(step: float, value: float, fits: bool) -> None:
    assert (schema_problem({"multipleOf": step}, value) is None) is fits


def test_nullable_takes_null() -> None:
    schema = closed(a={"type": "string", "enum": ["x"], "nullable": True})
    assert schema_problem(schema, {"a": None}) is None
    assert schema_problem(schema, {"a": "y"}) is not None


@pytest.mark.parametrize(
    "text",
    [
        '{"a": "x"}',
        '```json\n{"a": "x"}\n```',
        '```json\n{"a": "x"}',
        'Sure! Here it is:\n```\n{"a": "x"}\n```\nAnything else?',
        'The answer is {"a": "x"}.',
        'First {"b": 1}, then I thought again: {"a": "x"}',
        'A set {like this} is no JSON, {"a": "x"} is.',
        '"{\\"a\\": \\"x\\"}"',
    ],
)
def test_json_among_prose(text: str) -> None:
    parsed = parse(SchemaOutput(json_schema=closed(a=TEXT)), text)
    assert (parsed.valid, parsed.value) == (True, {"a": "x"})


@pytest.mark.parametrize("text", ['{"list": [{"a": "x"}], "mo', '{"list": [{"a": "x"}], "b": "un'])
def test_a_part_of_a_cut_answer_is_no_answer(text: str) -> None:
    parsed = parse(SchemaOutput(json_schema=closed(a=TEXT)), text)
    assert not parsed.valid and "not JSON" in (parsed.problem or "")


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"items": [{"type": "string"}, {"type": "integer"}]}, ["a", 1, 2], ["a", "b"]),
        ({"items": [{"type": "string"}], "additionalItems": False}, ["a"], ["a", 1]),
        ({"dependencies": {"a": ["b"]}}, {"a": 1, "b": 2}, {"a": 1}),
        ({"dependencies": {"a": {"required": ["b"]}}}, {"a": 1, "b": 2}, {"a": 1}),
        ({"minimum": 0, "exclusiveMinimum": True}, 1, 0),
        ({"maximum": 9, "exclusiveMaximum": False}, 9, 10),
        ({"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}, {"a": "x"}, {"a": 1}),
        ({"properties": {"items": {"items": [{"const": 1}]}}}, {"items": [1]}, {"items": [2]}),
    ],
)
def test_older_drafts_need_not_say_so(schema: dict, good: object, bad: object) -> None:
    modern = unwrapped_schema(schema)
    check_schema(modern, "schema")
    assert schema_problem(modern, good) is None and schema_problem(modern, bad) is not None
    assert unwrapped_schema(modern) == modern
    named = {"$schema": "http://json-schema.org/draft-07/schema#", **schema}
    assert unwrapped_schema(named) is named
