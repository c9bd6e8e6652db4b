"""JSON schemas as values: which of a client's can be checked, and the task's own in a description.

A schema is a program: references can double at every step, and a regular expression can take
for ever on a short text. Such schemas of clients are refused; the task's own are not concerned.
"""

from rung.serve.errors import ApiError
from rung.task.types import JsonValue

MOST_PLACES = 5_000
"""Places of a schema with every reference followed."""
REFUSED = frozenset(
    {"pattern", "patternProperties", "$dynamicRef", "$recursiveRef", "$id", "$anchor", "$schema"}
)
NAMED = frozenset({"properties", "patternProperties", "dependentSchemas", "$defs", "definitions"})
"""Keywords whose members are named by whoever writes the schema, so that none is a keyword."""
VALUES = frozenset({"const", "enum", "default", "examples"})
"""Keywords that hold values, in which nothing is a keyword."""


def refuse_costly(schema: dict[str, JsonValue]) -> None:
    """Raises `ApiError` (400) for a schema that could keep the server busy."""
    left = MOST_PLACES
    todo: list[tuple[JsonValue, bool]] = [(schema, False)]
    while todo:
        place, names = todo.pop()
        left -= 1
        if left < 0:
            raise _refusal("it is too large, or refers to itself")
        if isinstance(place, list):
            todo += [(inner, False) for inner in place]
        if not isinstance(place, dict):
            continue
        if not names and place.keys() & REFUSED:
            raise _refusal(f"{sorted(place.keys() & REFUSED)[0]!r} is not supported")
        reference = None if names else place.get("$ref")
        if isinstance(reference, str):
            todo.append((_resolved(reference, schema), False))
        for name, inner in place.items():
            if name not in ("$defs", "definitions") or names:
                todo.append((inner, not names and name in ("properties", "dependentSchemas")))


def relocated(schema: dict[str, JsonValue], place: str) -> dict[str, JsonValue]:
    """The schema with its references as they must be where it stands at `place` of a document."""
    moved: dict[str, JsonValue] = {
        name: _relocated(part, place, name in NAMED)
        for name, part in schema.items()
        if name not in ("$schema", "$id")
    }
    return moved


def _relocated(part: JsonValue, place: str, names: bool) -> JsonValue:
    if isinstance(part, list):
        return [_relocated(inner, place, False) for inner in part]
    if not isinstance(part, dict):
        return part
    moved: dict[str, JsonValue] = {}
    for name, inner in part.items():
        if not names and name == "$ref" and isinstance(inner, str) and inner.startswith("#"):
            moved[name] = place + inner[1:]
        elif not names and name in VALUES:
            moved[name] = inner
        else:
            moved[name] = _relocated(inner, place, not names and name in NAMED)
    return moved


def _resolved(reference: str, schema: dict[str, JsonValue]) -> JsonValue:
    """The place that a reference inside the schema names; what leads out of it is refused."""
    if reference != "#" and not reference.startswith("#/"):
        raise _refusal(f"the reference {reference[:60]!r} leads out of it")
    place: JsonValue = schema
    for step in reference[2:].split("/") if reference != "#" else ():
        name = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(place, dict) or name not in place:
            raise _refusal(f"the reference {reference[:60]!r} leads nowhere")
        place = place[name]
    return place


def _refusal(why: str) -> ApiError:
    return ApiError(
        400,
        f"response_format: the schema cannot be checked: {why}.",
        param="response_format",
        code="unsupported_value",
    )
