"""How the form of an answer is asked for in OpenAI's protocol."""

from __future__ import annotations

from rung.task.types import JsonValue


def response_format(
    choices: tuple[str, ...] | None, json_schema: dict[str, JsonValue] | None
) -> dict[str, JsonValue] | None:
    """How an answer's form is asked for; None where any text will do."""
    schema = _choice_schema(choices) if choices else json_schema
    if schema is None:
        return None
    form = {"name": "answer", "schema": schema, "strict": _strict(schema)}
    return {"type": "json_schema", "json_schema": form}


def _choice_schema(choices: tuple[str, ...]) -> dict[str, JsonValue]:
    """The protocol's schemas must be objects, so a choice comes as {"answer": …}."""
    return {
        "type": "object",
        "properties": {"answer": {"type": "string", "enum": list(choices)}},
        "required": ["answer"],
        "additionalProperties": False,
    }


def _strict(schema: JsonValue) -> bool:
    """Whether OpenAI's strict mode takes it: every object closed, every property required.

    https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
    """
    if isinstance(schema, list):
        return all(_strict(part) for part in schema)
    if not isinstance(schema, dict):
        return True
    if isinstance(schema.get("properties"), dict):
        named = set(schema["properties"])
        if schema.get("additionalProperties") is not False or named - set(schema["required"] or ()):
            return False
    return all(_strict(part) for part in schema.values())
