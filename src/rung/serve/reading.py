"""From a chat request to the task's input, and what the rest of the request comes to.

The last user message is the input. Nothing else of the conversation reaches the solver: it was
measured with its own instruction, and with one input a question.
"""

import json
from dataclasses import dataclass

from rung.serve.errors import ApiError
from rung.serve.schemas import refuse_costly
from rung.serve.wire import ChatCompletionRequest, ObjectFormat, SchemaFormat
from rung.solver import SolverSpec
from rung.task.json_schema import schema_problem
from rung.task.rows import strict_json
from rung.task.types import JsonValue, SchemaOutput
from rung.task.wording import did_you_mean, listed

SILENT = {
    "metadata",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "store",
    "stream_options",
    "user",
}
"""Fields that would not change an answer anywhere: ignoring them needs no word."""
HEARD = {"model", "messages", "stream", "stream_options", "response_format"}


@dataclass(frozen=True)
class Asked:
    """A request as the solver sees it, and what it does not see."""

    input: str | dict[str, JsonValue]
    others: tuple[dict[str, JsonValue], ...]
    """The other messages."""
    ignored: list[str]
    schema: dict[str, JsonValue] | None
    """What the client wants the answer to satisfy besides the task's own contract."""


def read_request(body: ChatCompletionRequest, spec: SolverSpec, strict: bool) -> Asked:
    """Raises `ApiError` (400) for what cannot be answered; with `strict`, for what is ignored."""
    at = max((i for i, m in enumerate(body.messages) if m.role == "user"), default=None)
    if at is None:
        raise ApiError(
            400, "messages: there is no user message, which is what is asked.", param="messages"
        )
    ignored = _ignored(body, at)
    if strict and ignored:
        raise ApiError(
            400,
            f"This server ignores nothing, and {listed(ignored)} would have no effect: leave it "
            "out.",
            code="unsupported_parameter",
        )
    others = tuple(
        message.model_dump(mode="json") for i, message in enumerate(body.messages) if i != at
    )
    return Asked(
        input=_input(body.messages[at].text(), spec),
        others=others,
        ignored=ignored,
        schema=_wanted(body, spec),
    )


def _ignored(body: ChatCompletionRequest, at: int) -> list[str]:
    """What has no effect, by the names a client knows."""
    ignored = []
    roles = {message.role for i, message in enumerate(body.messages) if i != at}
    if roles & {"system", "developer"}:
        ignored.append("system messages")
    if roles - {"system", "developer"}:
        ignored.append("other turns")
    for name in sorted(body.model_fields_set | set(body.model_extra or {})):
        value = getattr(body, name)
        if name not in HEARD | SILENT and value is not None and value not in ([], False, {}):
            ignored.append(name)
    return [name for name in ignored if not (name == "n" and body.n == 1)]


def _input(text: str, spec: SolverSpec) -> str | dict[str, JsonValue]:
    """The text, or the object of fields that it holds where the task's inputs are such."""
    if not any(map(_visible, text)):
        raise ApiError(
            400, "The last user message is empty: it is what is asked.", param="messages"
        )
    if not spec.input_fields:
        return text
    names = [field.name for field in spec.input_fields]
    try:
        value = strict_json(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ApiError(
            400,
            f"The last user message must be a JSON object with the fields {listed(names)}.",
            param="messages",
        )
    unknown = [name for name in value if name not in names]
    if unknown:
        raise ApiError(
            400,
            f"The input has no field {unknown[0]!r}; {did_you_mean(unknown[0], names)}",
            param="messages",
        )
    missing = [f.name for f in spec.input_fields if f.required and f.name not in value]
    if missing:
        raise ApiError(400, f"The input lacks the field {missing[0]!r}.", param="messages")
    # In the order of the measured examples: another order is another prompt.
    return {name: value[name] for name in names if name in value}


def _visible(sign: str) -> bool:
    return sign.isprintable() and not sign.isspace()


def _wanted(body: ChatCompletionRequest, spec: SolverSpec) -> dict[str, JsonValue] | None:
    wanted = body.response_format
    if not isinstance(wanted, SchemaFormat | ObjectFormat):
        return None
    if not isinstance(spec.output, SchemaOutput):
        raise ApiError(
            400,
            f"response_format: this task answers with {_kind(spec)}, not with JSON: leave it out.",
            param="response_format",
            code="unsupported_value",
        )
    if isinstance(wanted, ObjectFormat):
        return {"type": "object"}
    given = wanted.json_schema.schema_ or {}
    if _same(given, spec.output.json_schema):
        return None  # every valid answer satisfies it, whatever is in it
    schema = {name: part for name, part in given.items() if name != "$schema"}
    refuse_costly(schema)
    return schema or None


def _same(given: dict[str, JsonValue], own: dict[str, JsonValue]) -> bool:
    """The same JSON, in which 1, 1.0 and true differ as they do not in Python."""
    first, second = (json.dumps(schema, sort_keys=True) for schema in (given, own))
    return first == second


def _kind(spec: SolverSpec) -> str:
    return {"labels": "one of its labels", "sql": "a query"}.get(spec.output.kind, "text")


def other_schema(asked: Asked, value: JsonValue) -> ApiError | None:
    """The error (422) where a valid answer does not satisfy the client's own schema."""
    if asked.schema is None:
        return None
    try:
        problem = schema_problem(asked.schema, value)
    except (
        Exception
    ) as error:  # a client's schema may be any JSON: the library raises what it likes
        problem = f"that schema cannot be used ({type(error).__name__})"
    if problem is None:
        return None
    return ApiError(
        422,
        "The answer satisfies the task's own schema, but not the one in response_format: "
        f"{problem}.",
        param="response_format",
        code="schema_mismatch",
    )
