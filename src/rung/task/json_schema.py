"""JSON schemas: pasted ones unwrapped, checked, looked up in, and cut to what can be enforced.

Keywords by https://json-schema.org/draft/2020-12; older drafts' are read too. Nothing is fetched.
"""

import json
import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import lru_cache
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

import regex

from rung.errors import UserError
from rung.task.bounded import TooIntricateError, bounded, first_errors
from rung.task.wording import listed

Schema = dict[str, Any]

_MAPS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems", "items")
_SINGLE = (
    "items",
    "additionalItems",
    "additionalProperties",
    "unevaluatedItems",
    "unevaluatedProperties",
    "propertyNames",
    "contains",
    "not",
    "if",
    "then",
    "else",
)
UNENFORCED = frozenset(
    {
        "uniqueItems",
        "contains",
        "minContains",
        "maxContains",
        "not",
        "if",
        "then",
        "else",
        "dependentRequired",
        "dependentSchemas",
        "dependencies",
        "propertyNames",
        "minProperties",
        "maxProperties",
        "unevaluatedItems",
        "unevaluatedProperties",
        "contentMediaType",
        "contentEncoding",
        "contentSchema",
    }
)
"""Keywords that neither OpenAI's strict mode nor llguidance enforces while an answer is written.

https://platform.openai.com/docs/guides/structured-outputs#some-type-specific-keywords-are-not-yet-supported,
https://github.com/guidance-ai/llguidance/blob/main/docs/json_schema.md"""
_TYPES = frozenset(["object", "array", "string", "number", "integer", "boolean", "null"])
_FORMATS = frozenset(
    ["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri"]
)  # of both enforcers, with `uri` of llguidance alone: a server that lacks it takes it as a word
_ANNOTATIONS = {"title", "description", "default", "examples", "$comment", "deprecated"}
_BESIDE = {"name", "strict", "type", "responseMimeType", "response_mime_type"}
"""What stands beside a schema in what an API takes."""
_KEYWORDS = {
    *_MAPS, *_LISTS, *_SINGLE, *UNENFORCED, *_ANNOTATIONS,
    "type", "enum", "const", "required", "format", "pattern", "multipleOf",
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
    "minLength", "maxLength", "minItems", "maxItems",
}  # fmt: skip
_LOOKS_AROUND = re.compile(r"\(\?(?:[=!]|<[=!]|P=)|\\[1-9kbB]")
"""In patterns: what no automaton can follow."""


def unwrapped_schema(given: Schema) -> Schema:
    """The schema inside of what an API's documentation shows around it; else as it is given.

    {name, strict, schema}, {type: "json_schema", json_schema: …}, {response_format: …},
    {type: "function", function: {name, parameters}}, {name, input_schema}, MCP's inputSchema,
    Gemini's responseSchema, the `text.format` of OpenAI's responses, Ollama's `format`. One
    without `$schema` that is written as older drafts, or Google's APIs, have it comes back as draft
    2020-12 has it.
    """
    while True:
        inner = _inside(given)
        if inner is None:
            modern: Schema = given if "$schema" in given else _mapped(given, _modern)
            return modern
        given = inner


def _modern(part: Schema) -> Schema:
    """Keywords of drafts 4 to 7 in those of 2020-12, types in lower case.

    By https://json-schema.org/draft/2019-09/release-notes and /draft/2020-12/release-notes.
    """
    made = dict(part)
    if isinstance(made.get("type"), str) and made["type"].lower() in _TYPES:
        made["type"] = made["type"].lower()
    if isinstance(made.get("items"), list):
        made["prefixItems"], rest = made.pop("items"), made.pop("additionalItems", None)
        made |= {} if rest is None else {"items": rest}
    for name, limit in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(made.get(name), bool) and isinstance(made.get(limit), int | float):
            made |= {name: made.pop(limit)} if made.pop(name) else {}
    others = made.pop("dependencies", None)
    for field, needs in others.items() if isinstance(others, dict) else ():
        name = "dependentRequired" if isinstance(needs, list) else "dependentSchemas"
        made[name] = {**made.get(name, {}), field: needs}
    return made


def _inside(given: Schema) -> Schema | None:
    for name in (
        "response_format",
        "json_schema",
        "function",
        "input_schema",
        "inputSchema",
        "outputSchema",
        "responseSchema",
        "response_schema",
        "responseJsonSchema",
        "response_json_schema",
        "text",
        "format",
        "parameters",
        "schema",
    ):
        inner = given.get(name)
        others = set(given) - {name} - _ANNOTATIONS
        if not isinstance(inner, dict) or not others <= _BESIDE:
            continue
        if given.get("type", "json_schema") in ("json_schema", "function"):
            return inner
    return None


def check_schema(schema: Schema, where: str) -> None:
    """Raises `UserError`, one sentence, where it is no JSON schema or leads nowhere."""
    from jsonschema import FormatChecker
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import validator_for

    if schema and not any(name in _KEYWORDS or name.startswith("$") for name in schema):
        raise UserError(
            f"{where}: {listed(schema)} are no keywords of JSON Schema, so that any answer would "
            'be valid; write what an answer must hold, such as {"type": "object", "properties": …}'
        )
    for part in _parts(schema):
        named = part.get("patternProperties")
        for pattern in (part.get("pattern"), *(named if isinstance(named, dict) else ())):
            _check_pattern(pattern, where)
    try:
        validator_for(schema).check_schema(schema, format_checker=FormatChecker(formats=()))
    except SchemaError as problem:
        raise UserError(
            f"{where}: not a JSON schema at {problem.json_path}: {problem.message}"
        ) from None
    except RecursionError:
        raise UserError(f"{where}: nested too deeply to be read; make it flatter") from None
    for part in _parts(schema):
        reference = part.get("$ref")
        if isinstance(reference, str):
            _check_reference(reference, schema, where)


def _check_reference(reference: str, root: Schema, where: str) -> None:
    if _fragment(reference, root) is None:
        raise UserError(
            f"{where}: $ref {reference!r} leads out of the schema, and Rung fetches nothing; "
            "put the definition under $defs and refer to '#/$defs/…'"
        )
    if resolve(reference, root) is None:
        raise UserError(
            f"{where}: $ref {reference!r} leads nowhere in the schema; correct it, or add what it "
            "names"
        )


def _check_pattern(pattern: Any, where: str) -> None:
    try:
        regex.compile(pattern if isinstance(pattern, str) else "")
    except (regex.error, OverflowError) as broken:
        raise UserError(
            f"{where}: pattern {pattern!r} cannot be read as a regular expression ({broken}); "
            "write it another way"
        ) from None


def schema_problem(schema: Schema, value: Any) -> str | None:
    """Why `value` does not satisfy the JSON schema, in one sentence; None when it does.

    `UserError` where the schema itself has a reference or pattern that leads nowhere.
    """
    from jsonschema.exceptions import best_match
    from referencing import Registry  # an empty registry: no `$ref` is ever fetched
    from referencing.exceptions import Unresolvable

    if '"nullable"' in json.dumps(schema):
        schema = _mapped(schema, _with_null)
    try:
        error = best_match(first_errors(_validator(schema)(schema, registry=Registry()), value))
    except TooIntricateError as much:
        return f"it cannot be checked: {much}"
    except (Unresolvable, regex.error) as broken:
        raise UserError(
            f"[output] schema cannot be used ({broken}); check its '$ref' and 'pattern' entries"
        ) from None
    except RecursionError:
        return "it cannot be checked: nested too deeply"
    if error is None:
        return None
    place = error.json_path.removeprefix("$").removeprefix(".")
    return f"{place}: {error.message}" if place else str(error.message)


def _validator(schema: Schema) -> Any:
    from jsonschema.validators import validator_for

    return _with_exact_multiples(bounded(validator_for(schema)))


@lru_cache(maxsize=16)
def _with_exact_multiples(validator: Any) -> Any:
    from jsonschema.validators import extend

    return extend(validator, {"multipleOf": _multiple_of})


def _multiple_of(validator: Any, divisor: Any, instance: Any, schema: Schema) -> Iterator[Any]:
    """`multipleOf` on the numbers as they are written: 19.99 is a multiple of 0.01."""
    from jsonschema.exceptions import ValidationError

    if validator.is_type(instance, "number"):
        quotient = Fraction(repr(instance)) / Fraction(repr(divisor))
        if quotient.denominator != 1:
            yield ValidationError(f"{instance!r} is not a multiple of {divisor!r}")


def resolve(reference: Any, root: Schema) -> Any:
    """What a `$ref` inside the schema names, by pointer (RFC 6901) or anchor; None: nothing."""
    fragment = _fragment(str(reference), root)
    if fragment is None:
        return None
    if fragment and not fragment.startswith("/"):
        names = (fragment, f"#{fragment}")
        anchors = ("$anchor", "$dynamicAnchor", "$id", "id")
        anchored = (p for p in _parts(root) if any(p.get(a) in names for a in anchors))
        return next(anchored, None)
    place: Any = root
    for step in fragment.split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        if isinstance(place, list) and step.isdecimal() and int(step) < len(place):
            place = place[int(step)]
        elif isinstance(place, dict) and step in place:
            place = place[step]
        else:
            return None
    return place


def _fragment(reference: str, root: Schema) -> str | None:
    """The part behind '#', decoded; None where the address is not the schema's own."""
    own = root.get("$id") or root.get("id")
    base = own if isinstance(own, str) else ""
    address, fragment = urldefrag(urljoin(base, reference) if base else reference)
    if address != urldefrag(base)[0]:
        return None
    return unquote(fragment)


def enforceable(schema: Schema) -> tuple[Schema, tuple[str, ...]]:
    """The schema without what cannot be enforced while an answer is written, and what that was.

    The answer is validated against the whole schema afterwards.
    """
    dropped: set[str] = set()

    def cut(part: Schema) -> Schema:
        part = _with_null(part)
        gone = {name for name in part if name in UNENFORCED}
        if _LOOKS_AROUND.search(str(part.get("pattern", ""))):
            gone.add("pattern")
        if part.get("format", "date") not in _FORMATS:
            gone.add("format")
        # What says nothing takes nothing away.
        dropped.update(n for n in gone if part[n] not in (False, [], {}) or n == "not")
        return {name: value for name, value in part.items() if name not in gone}

    return _mapped(schema, cut), tuple(sorted(dropped))


def _with_null(part: Schema) -> Schema:
    """OpenAPI 3.0's `nullable`, which JSON Schema does not know, in its own words."""
    if part.get("nullable") is not True:
        return part
    plain = {name: value for name, value in part.items() if name != "nullable"}
    kind = plain.get("type")
    if kind is None or "const" in plain:
        return {"anyOf": [plain, {"type": "null"}]}
    plain["type"] = list(dict.fromkeys([*(kind if isinstance(kind, list) else [kind]), "null"]))
    if isinstance(plain.get("enum"), list) and None not in plain["enum"]:
        plain["enum"] = [*plain["enum"], None]
    return plain


def _mapped(schema: Any, change: Callable[[Schema], Schema]) -> Any:
    """`change` on the schema and on every schema in it."""
    if not isinstance(schema, dict):
        return schema
    made = dict(change(schema))
    for name in _MAPS:
        if isinstance(made.get(name), dict):
            made[name] = {key: _mapped(inner, change) for key, inner in made[name].items()}
    for name in _LISTS:
        if isinstance(made.get(name), list):
            made[name] = [_mapped(inner, change) for inner in made[name]]
    for name in _SINGLE:
        if isinstance(made.get(name), dict):
            made[name] = _mapped(made[name], change)
    return made


def _parts(schema: Schema) -> Iterator[Schema]:
    """The schema and every schema in it; what stands in `enum`, `const` or `default` is none."""
    parts: list[Schema] = []

    def see(part: Schema) -> Schema:
        parts.append(part)
        return part

    _mapped(schema, see)
    return iter(parts)
