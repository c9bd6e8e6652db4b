"""How the form of an answer is asked for in OpenAI's protocol."""

from rung.task.json_schema import enforceable
from rung.task.types import JsonValue

_NEVER_STRICT = {"allOf", "oneOf", "patternProperties", "prefixItems"}


def response_format(
    choices: tuple[str, ...] | None, json_schema: dict[str, JsonValue] | None
) -> dict[str, JsonValue] | None:
    """How an answer's form is asked for; None where any text will do.

    Without the keywords that no server enforces: some refuse a schema for them.
    """
    given = _choice_schema(choices) if choices else json_schema
    if given is None:
        return None
    schema, _ = enforceable(given)
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
    return schema.get("type") == "object" and _closed(schema)


def _closed(schema: JsonValue) -> bool:
    if isinstance(schema, list):
        return all(map(_closed, schema))
    if not isinstance(schema, dict):
        return True
    if _NEVER_STRICT & set(schema):
        return False
    fields = schema.get("properties")
    if schema.get("type") == "object" or isinstance(fields, dict):
        named, required = set(fields or ()), schema.get("required") or ()
        if schema.get("additionalProperties") is not False or named - set(required):
            return False
    inner = [part for key, part in schema.items() if key not in ("enum", "const", "properties")]
    return all(map(_closed, [*inner, *(fields or {}).values()]))
