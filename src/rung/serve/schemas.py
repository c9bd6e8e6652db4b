"""Whether a schema that a client sent can be checked at a bounded cost.

A schema is a program: references can double at every step, and a regular expression can take
for ever on a short text. Such schemas are refused; the task's own are not concerned.
"""

from __future__ import annotations

from rung.serve.errors import ApiError
from rung.task.types import JsonValue

MOST_PLACES = 5_000
"""Places of a schema with every reference followed."""
REFUSED = frozenset(
    {"pattern", "patternProperties", "$dynamicRef", "$recursiveRef", "$id", "$anchor", "$schema"}
)


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
