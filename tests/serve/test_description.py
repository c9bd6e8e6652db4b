"""The server does what its OpenAPI description says: schemathesis, all checks, finds nothing."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.serve.description import _text
from rung.serve.keys import KeyRing
from rung.serve.schemas import relocated
from rung.task.contract import parse
from rung.task.json_schema import schema_problem
from rung.task.types import Output, SchemaOutput, SqlOutput, TextOutput

from .upstream import endpoint, label_of, served
from .winners import LABELS, SCHEMA, TEXT, ask, running, save_winner, scripted, service

HOOKS = Path(__file__).with_name("schemathesis_hooks.py")
LIMITS = """[task]
name = "trees"
instruction = "Name the tree."
examples = "none.jsonl"
[output]
labels = ["amber", "birch", "cedar"]
[target]
score = 0.5
[serve]
most_connections = 500
"""
NESTED = SchemaOutput(
    json_schema={
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://example.com/tree",
        "type": "object",
        "properties": {
            "code": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]+$"},
            "parts": {"type": "array", "items": {"$ref": "#/$defs/Part"}, "maxItems": 3},
        },
        "required": ["code"],
        "$defs": {
            "Part": {
                "type": "object",
                "properties": {
                    "size": {"enum": ["S", "M"]},
                    "inner": {"anyOf": [{"$ref": "#/$defs/Part"}, {"type": "null"}]},
                },
                "additionalProperties": False,
            }
        },
    }
)
"""References and a pattern."""
TASKS: dict[str, tuple[Output, Callable[[str], str]]] = {
    "labels": (LABELS, label_of),
    "schema": (SCHEMA, lambda text: json.dumps({"name": label_of(text), "size": "S"})),
    "nested schema": (NESTED, lambda _: '{"code": "AB-1", "parts": [{"size": "S"}]}'),
    "list": (SchemaOutput(json_schema={"type": "array", "maxItems": 2}), lambda _: "[1, 2]"),
    "sql": (SqlOutput(), lambda _: "SELECT 1"),
    "text": (TEXT, label_of),
}


async def described(folder: Path, output: Output) -> dict[str, Any]:
    async with running(service(folder, scripted([], output))) as client:
        found: dict[str, Any] = (await client.get("/openapi.json")).json()
    return found


async def test_what_is_taken_depends_on_the_task(tmp_path: Path) -> None:
    def formats(made: dict[str, Any]) -> list[str]:
        field = made["components"]["schemas"]["ChatCompletionRequest"]["properties"]
        parts = field["response_format"]["anyOf"]
        return sorted(p.get("$ref", "null").rpartition("/")[2] for p in parts)

    for name in ("labels", "sql", "text"):
        made = await described(tmp_path, TASKS[name][0])
        assert formats(made) == ["TextFormat", "null"]
        answers = made["paths"]["/v1/chat/completions"]["post"]["responses"]
        assert "422" not in answers and {"400", "429"} <= set(answers)
        assert answers["429"]["headers"]["retry-after"]["required"]
    made = await described(tmp_path, SCHEMA)
    assert formats(made) == ["ObjectFormat", "SchemaFormat", "TextFormat", "null"]
    assert "422" in made["paths"]["/v1/chat/completions"]["post"]["responses"]
    wanted = made["components"]["schemas"]["JsonSchemaFormat"]["properties"]["schema"]["anyOf"]
    assert wanted[0]["const"] == SCHEMA.json_schema
    assert "the response is 422" in wanted[1]["description"]
    # A list is no object: where that is asked for, the answer cannot satisfy it.
    assert "ObjectFormat" not in formats(await described(tmp_path, TASKS["list"][0]))


async def test_the_tasks_own_schema_is_taken_whatever_is_in_it(tmp_path: Path) -> None:
    own = NESTED.json_schema
    turned = dict(reversed(own.items()))
    served_ = scripted(['{"code": "AB-1"}'] * 9, NESTED)
    async with running(service(tmp_path, served_)) as client:

        async def ask_for(**wanted: Any) -> int:
            format_ = {"type": "json_schema", "json_schema": {"name": "n", **wanted}}
            body = ask(response_format=format_)
            return (await client.post("/v1/chat/completions", json=body)).status_code

        assert await ask_for(schema=own) == await ask_for(schema=turned, strict=True) == 200
        assert await ask_for(schema={**own, "title": "A tree"}) == 400  # now it is another's
        assert await ask_for(schema={"type": "object", "required": ["code"]}) == 200
        assert await ask_for(schema={"required": ["parts"]}) == 422


def test_references_lead_somewhere_where_the_schema_now_stands() -> None:
    looks = {"$ref": {"const": {"$ref": "#/$defs/Part"}}}  # like references, and is none
    schema = {**NESTED.json_schema, "properties": {**NESTED.json_schema["properties"], **looks}}
    moved = relocated(schema, "#/components/schemas/Answer")
    document = {"$ref": "#/components/schemas/Answer", "components": {"schemas": {"Answer": moved}}}
    for value in (
        {"code": "AB-1"},
        {"code": "ab"},
        {"code": "AB-1", "parts": [{"size": "S", "inner": {"size": "M", "inner": None}}]},
        {"code": "AB-1", "parts": [{"size": "S", "inner": {"size": "L"}}]},
        {"code": "AB-1", "$ref": {"$ref": "#/$defs/Part"}},
        {"code": "AB-1", "$ref": {"$ref": "#/components/schemas/Answer/$defs/Part"}},
    ):
        own = schema_problem(schema, value)
        assert (schema_problem(document, value) is None) == (own is None)


@settings(max_examples=200, deadline=None)
@given(st.text("ab \t\n\x1c\x85\xa0\u2003\u3000é", max_size=16), st.integers(1, 5))
def test_the_pattern_of_a_text_says_what_the_contract_says(text: str, words: int) -> None:
    plain, limited = TextOutput(), TextOutput(max_words=words)
    matches = re.search(_text(plain)["pattern"], text) is not None
    assert matches == parse(plain, text).valid and "format" not in _text(plain)
    # A limit in words is a named format: no pattern counts Chinese as the contract does.
    assert _text(limited)["format"] == "limited-words"
    assert matches or not parse(limited, text).valid


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("schemathesis") is None, reason="schemathesis is not installed"
)
@pytest.mark.parametrize(
    ("task", "keys"),
    [
        ("labels", "open"),
        ("labels", "with keys"),
        ("schema", "with keys"),
        ("sql", "open"),
        ("text", "with keys"),
        ("nested schema", "open"),
        ("list", "open"),
    ],
)
def test_schemathesis_finds_nothing(task: str, keys: str, tmp_path: Path) -> None:
    output, answer = TASKS[task]
    (tmp_path / "rung.toml").write_text(LIMITS)
    headers = {}
    if keys == "with keys":
        key = KeyRing(tmp_path).add("web")
        headers = {"authorization": f"Bearer {key}"}
        config = f'[auth.openapi.key]\nbearer = "{key}"\n'
        (tmp_path / "schemathesis.toml").write_text(config)
    with endpoint(answer) as upstream:
        save_winner(tmp_path, upstream, output)
        with served(tmp_path) as server:
            url = f"{server.url}/v1/chat/completions"
            known = httpx2.post(url, json=ask("x"), headers=headers).json()["id"]
            file = tmp_path / "openapi.json"
            file.write_text(httpx2.get(f"{server.url}/openapi.json", headers=headers).text)
            command = [
                str(Path(sys.executable).with_name("schemathesis")),
                "run",
                *(str(file), "--url", server.url),
                *("--checks", "all", "--max-examples", "40", "--seed", "6", "--no-color"),
            ]
            environment = {**os.environ, "SCHEMATHESIS_HOOKS": str(HOOKS), "KNOWN_REQUEST": known}
            ended = subprocess.run(
                command, capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=280
            )
            told = httpx2.get(f"{server.url}/metrics", headers=headers).text
    assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr[-2000:]
    # A part of the description that could not be read would be left out with a warning only.
    assert "6 selected / 6 total" in ended.stdout and "No issues found" in ended.stdout
    # It got through to the handlers, not only to their front door.
    asked = re.search(r'rung_requests_total\{status="200"\} (\d+)', told)
    assert asked is not None and int(asked.group(1)) > 20 and "rung_feedback_total{" in told
