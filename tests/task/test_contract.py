from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.errors import UserError
from rung.task.contract import describe, kept_limits, parse, render
from rung.task.types import LabelsOutput, SchemaOutput, SqlOutput, TextOutput

LABELS = LabelsOutput(labels=("billing", "Shipping", "N.A."))
ENTITIES = SchemaOutput(
    json_schema={
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"text": {"type": "string"}, "type": {"enum": ["PER", "LOC"]}},
            "required": ["text", "type"],
            "additionalProperties": False,
        },
    }
)
LINE = TextOutput(max_words=5, max_chars=30, rules={"ends_with_colon": ":$"})
SQL = SqlOutput(script_field="ddl")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("billing", "billing"),
        (" Billing.\n", "billing"),
        ('"SHIPPING"', "Shipping"),
        ("**shipping**", "Shipping"),
        ("`N.A.`", "N.A."),
        ("N.A.", "N.A."),
    ],
)
def test_label(text: str, value: str) -> None:
    assert parse(LABELS, text).value == value


@pytest.mark.parametrize("text", ["", "billing shipping", "It is billing", "bill"])
def test_no_label(text: str) -> None:
    parsed = parse(LABELS, text)
    assert not parsed.valid and parsed.value is None
    assert parsed.problem == f"{text!r} is not one of the 3 labels."


def test_labels_that_differ_in_case_only_are_told_apart() -> None:
    both = LabelsOutput(labels=("us", "US"))
    assert parse(both, "US").value == "US"
    assert not parse(both, "Us").valid


@pytest.mark.parametrize(
    "text",
    ['[{"text": "Jeff", "type": "PER"}]', 'Sure:\n```json\n[{"text": "Jeff", "type": "PER"}]\n```'],
)
def test_json(text: str) -> None:
    assert parse(ENTITIES, text).value == [{"text": "Jeff", "type": "PER"}]


@pytest.mark.lengthy
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Jeff", "the answer is not JSON: Expecting value: line 1 column 1 (char 0)."),
        ("[NaN]", "the answer is not JSON: NaN is not JSON."),
        ("[" * 100_000, "the answer is not JSON: "),
        ('[{"text": "Jeff"}]', "[0]: 'type' is a required property."),
        ('[{"text": "J", "type": "X"}]', "[0].type: 'X' is not one of ['PER', 'LOC']."),
        ("{}", "{} is not of type 'array'."),
    ],
)
def test_no_json(text: str, problem: str) -> None:
    parsed = parse(ENTITIES, text)
    assert not parsed.valid
    assert (parsed.problem or "").startswith(problem)


def test_half_a_character_in_json_is_read_as_none() -> None:
    output = SchemaOutput(json_schema={"type": "string"})
    assert parse(output, '"a\\ud83d"').value == "a\ufffd"
    assert parse(output, '"\\ud83d\\ude00"').value == "\U0001f600"


@pytest.mark.parametrize("schema", [{"$ref": "#/$defs/x"}, {"type": "string", "pattern": "("}])
def test_a_schema_that_leads_nowhere(schema) -> None:
    with pytest.raises(UserError, match=r"\[output\] schema cannot be used .*; check its"):
        parse(SchemaOutput(json_schema=schema), '"a"')


def test_text() -> None:
    assert parse(LINE, " List all files:\n").value == "List all files:"
    parsed = parse(LINE, "List all of the files here")
    assert parsed.problem == (
        "6 words, at most 5 are allowed; rule 'ends_with_colon' is broken: no match for ':$'."
    )
    assert parse(LINE, "x" * 30 + ":").problem == "31 characters, at most 30 are allowed."
    assert parse(TextOutput(), " ").problem == "the answer is empty."
    assert kept_limits(LINE, "a:") == {
        "max_words": True, "max_chars": True, "ends_with_colon": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("SELECT 1;", "SELECT 1"),
        (
            "```sql\nWITH a AS (SELECT 1) SELECT * FROM a\n```",
            "WITH a AS (SELECT 1) SELECT * FROM a",
        ),
        ("SELECT MIN(for) FROM t", "SELECT MIN(for) FROM t"),
        ("SELECT 'a;b' FROM nope", "SELECT 'a;b' FROM nope"),
        ("`SELECT 1;`", "SELECT 1"),
        ("SELECT 1；", "SELECT 1"),
        ('{"sql": "SELECT 1"}', "SELECT 1"),
        ("SELECT 1 AS `a`", "SELECT 1 AS `a`"),
    ],
)
def test_sql(text: str, value: str) -> None:
    assert parse(SQL, text).value == value


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (" ; ", "the answer is empty."),
        ("DROP TABLE t", "'DROP TABLE t' does not start with SELECT or WITH."),
        ("SELECT * FORM t", 'not SQL: near "FORM": syntax error.'),
        ("SELECT 1; SELECT 2", "not exactly one SELECT statement."),
        ("WITH a AS (SELECT 1) DELETE FROM t", "not exactly one SELECT statement."),
    ],
)
def test_no_sql(text: str, problem: str) -> None:
    assert parse(SQL, text).problem == problem


@pytest.mark.lengthy
@settings(deadline=None)
@given(st.sampled_from([LABELS, ENTITIES, LINE, SQL]), st.text())
def test_no_text_raises(output, text: str) -> None:
    parsed = parse(output, text)
    assert parsed.valid == (parsed.problem is None)
    assert parsed.valid or parsed.value is None
    assert parse(output, text) == parsed


@settings(deadline=None)
@given(JSON)
def test_what_is_rendered_is_read_back(value) -> None:
    output = SchemaOutput(json_schema={})
    parsed = parse(output, render(output, value))
    assert parsed.valid and parsed.value == value


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (LABELS, "Answer with exactly one of: billing, Shipping, N.A.."),
        (
            ENTITIES,
            'Answer with one JSON array, nothing else: [{"text": text, "type": "PER" | "LOC"}, …]',
        ),
        (LINE, "At most 5 words. At most 30 characters. Keep these rules: ends with colon."),
        (TextOutput(), ""),
        (SQL, "Answer with one SQLite SELECT statement, nothing else."),
    ],
)
def test_description(output, said: str) -> None:
    assert describe(output) == said


def test_description_of_a_nested_schema() -> None:
    schema = json.loads("""{
        "type": "object", "required": ["total", "lines"],
        "properties": {
            "total": {"type": "number"}, "paid": {"type": ["boolean", "null"]},
            "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
            "slots": {"type": "object", "additionalProperties": {"type": "integer"}}
        },
        "$defs": {"line": {"anyOf": [{"const": "none"}, {"type": "string"}]}}
    }""")
    assert describe(SchemaOutput(json_schema=schema)) == (
        'Answer with one JSON object, nothing else: {"total": number, "paid"?: true | false | null,'
        ' "lines": ["none" | text, …], "slots"?: {any name: whole number}}'
    )


def test_keys_are_rendered_in_the_order_of_the_schema() -> None:
    given = [{"note": 1, "type": "PER", "text": "Jeff"}]
    assert render(ENTITIES, given) == '[{"text": "Jeff", "type": "PER", "note": 1}]'
    root = {"$ref": "#/$defs/one", "$defs": {"one": {"properties": {"a": {}, "b": {}}}}}
    assert render(SchemaOutput(json_schema=root), {"b": 1, "a": 2}) == '{"a": 2, "b": 1}'
