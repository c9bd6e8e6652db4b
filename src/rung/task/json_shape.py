"""A JSON schema in the words of a prompt: a short template, and what it cannot show."""

import json

from rung.task.json_schema import Schema, resolve
from rung.task.types import JsonValue

DEPTH = 5
"""Levels that are described; deeper ones are `any`."""
ANY = "any"
_FORMATS = {
    "date": "a date, YYYY-MM-DD",
    "time": "a time, hh:mm:ss with its offset",
    "date-time": "date and time, YYYY-MM-DDThh:mm:ss with its offset",
    "duration": "a duration, such as PT15M",
    "email": "an e-mail address",
    "uri": "a URI",
    "uuid": "a UUID",
}
"""Formats of the standard in words; others say nothing to a reader."""


def shape(schema: JsonValue, root: Schema, depth: int = 0) -> str:
    """A schema as a short template, such as `{"name": text, "size"?: "S" | "M"}`."""
    if not isinstance(schema, dict) or depth > DEPTH:
        return "nothing" if schema is False else ANY
    worded = _all([*_sides(schema, root, depth), _own(schema, root, depth)])
    if schema.get("nullable") is True and worded != ANY and "null" not in worded.split(" | "):
        worded = f"{worded} | null"
    beside = _beside(schema, root, depth)
    return f"{worded} ({'; '.join(beside)})" if beside else worded


def _all(parts: list[str]) -> str:
    distinct = list(dict.fromkeys(one for one in parts if one != ANY))
    return (
        " & ".join(f"({one})" if len(distinct) > 1 and " | " in one else one for one in distinct)
        or ANY
    )


def _sides(schema: Schema, root: Schema, depth: int) -> list[str]:
    """What applies beside a schema's own words: references, `allOf`, unions."""
    sides = []
    if "$ref" in schema:
        sides.append(shape(resolve(schema["$ref"], root), root, depth + 1))
    parts = [_followed(part, root) for part in schema.get("allOf", ())]
    if parts and all(map(_is_object, parts)):
        sides.append(_object({}, parts, root, depth))
    else:
        sides += [shape(part, root, depth + 1) for part in parts]
    for union in ("anyOf", "oneOf"):
        options = [shape(option, root, depth + 1) for option in schema.get(union, ())]
        if options and ANY not in options:
            sides.append(" | ".join(dict.fromkeys(options)))
    return sides


def _own(schema: Schema, root: Schema, depth: int) -> str:
    if "const" in schema or "enum" in schema:
        choices = [schema["const"]] if "const" in schema else schema["enum"]
        return " | ".join(json.dumps(choice, ensure_ascii=False) for choice in choices)
    kind = schema.get("type")
    if isinstance(kind, list):
        return " | ".join(_own({**schema, "type": one}, root, depth + 1) for one in kind)
    if kind == "object" or (kind is None and _is_object(schema)):
        return _object(schema, [], root, depth)
    if kind == "array" or (kind is None and {"items", "prefixItems"} & set(schema)):
        return _array(schema, root, depth)
    names = {"string": "text", "integer": "whole number", "boolean": "true | false"}
    name = names.get(str(kind), str(kind or ANY))
    form = _FORMATS.get(str(schema.get("format"))) if kind == "string" else None
    return f"{name} ({form})" if form else name


def _array(schema: Schema, root: Schema, depth: int) -> str:
    items, first = schema.get("items", {}), schema.get("prefixItems")
    if isinstance(items, list):  # before draft 2020-12
        first, items = items, schema.get("additionalItems", {})
    if not first:
        return f"[{shape(items, root, depth + 1)}, …]"
    shapes = [shape(item, root, depth + 1) for item in first]
    if items is not False:
        shapes.append("…" if items in ({}, True) else f"{shape(items, root, depth + 1)}, …")
    return f"[{', '.join(shapes)}]"


def _object(schema: Schema, parts: list[Schema], root: Schema, depth: int) -> str:
    fields: dict[str, str] = {}
    extra: list[str] = []
    required = {name for part in (schema, *parts) for name in part.get("required", ())}
    for part in (schema, *parts):
        for name, inner in part.get("properties", {}).items():
            mark = "" if name in required else "?"
            key = json.dumps(name, ensure_ascii=False) + mark
            fields[key] = _all([fields.get(key, ANY), shape(inner, root, depth + 1)])
        for pattern, inner in part.get("patternProperties", {}).items():
            extra.append(f"any name like /{pattern}/: {shape(inner, root, depth + 1)}")
        others = part.get("additionalProperties")
        if isinstance(others, dict):
            extra.append(f"any name: {shape(others, root, depth + 1)}")
    return "{" + ", ".join([*(f"{key}: {worded}" for key, worded in fields.items()), *extra]) + "}"


def _is_object(schema: JsonValue) -> bool:
    if not isinstance(schema, dict) or {"$ref", "anyOf", "oneOf", "allOf", "enum"} & set(schema):
        return False
    return schema.get("type") == "object" or "properties" in schema or "patternProperties" in schema


def _followed(schema: JsonValue, root: Schema) -> JsonValue:
    """A bare reference as what it names."""
    only = isinstance(schema, dict) and "$ref" in schema and "properties" not in schema
    target = resolve(schema["$ref"], root) if only else None
    return schema if target is None else target


def _beside(schema: Schema, root: Schema, depth: int) -> list[str]:
    """What the schema says of itself, and what nothing enforces while the answer is written."""
    remarks = []
    if isinstance(schema.get("description"), str) and schema["description"].strip():
        remarks.append(" ".join(schema["description"].split()))
    if schema.get("uniqueItems") is True:
        remarks.append("no item twice")
    if isinstance(schema.get("contains"), dict):
        remarks.append(f"with {shape(schema['contains'], root, depth + 1)} among the items")
    if (
        isinstance(schema.get("not"), dict)
        and (other := shape(schema["not"], root, depth + 1)) != ANY
    ):
        remarks.append(f"not {other}")
    if isinstance(schema.get("if"), dict):
        for name, word in (("then", "if"), ("else", "if not")):
            if isinstance(schema.get(name), dict):
                given, then = (shape(schema[key], root, depth + 1) for key in ("if", name))
                remarks.append(f"{word} {given}: {then}")
    for name, others in (schema.get("dependentRequired") or {}).items():
        remarks.append(f"{json.dumps(name)} only with {', '.join(map(json.dumps, others))}")
    return remarks
