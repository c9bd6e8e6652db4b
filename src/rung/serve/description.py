"""The description at `/openapi.json`: what this server takes and says, for its one task.

Made once the task is known, so that it is exact where a general one could not be: the names, the
task's own schema, the form of a correction. Where JSON Schema has no words for what is accepted,
the description says so in a sentence.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI

from rung.serve.errors import ErrorBody
from rung.serve.schemas import REFUSED, relocated
from rung.serve.service import Service
from rung.task.json_schema import schema_problem
from rung.task.types import (
    LabelsOutput,
    MultiLabelOutput,
    Output,
    SchemaOutput,
    SqlOutput,
    TextOutput,
)

Schema = dict[str, Any]

CHAT, FEEDBACK = "/v1/chat/completions", "/v1/feedback"
ERRORS: dict[str, tuple[int, ...]] = {
    CHAT: (400, 401, 404, 408, 413, 415, 421, 422, 429, 500, 502, 503, 504),
    FEEDBACK: (400, 401, 404, 408, 413, 415, 421, 429, 500),
    "/v1/models": (401, 421, 429),
    "/v1/models/{model}": (401, 404, 421, 429),
    "/metrics": (401, 421),
    "/health": (421,),
}
MEANINGS = {
    400: "The request cannot be answered: the message says why, `param` where.",
    401: "No valid API key.",
    404: "No such model, path or request.",
    408: "The request took too long to arrive.",
    413: "The request is too large.",
    415: "The body is not announced as application/json.",
    421: "A server without keys answers to this machine only.",
    422: "The answer satisfies the task's own schema, but not the one in `response_format`.",
    429: "Too many requests: come back after `retry-after` seconds.",
    500: "The server failed.",
    502: "The model behind the task failed.",
    503: "The model behind the task cannot be reached.",
    504: "There was no answer in time.",
}
EVENT: Schema = {"type": "object", "properties": {"data": {"type": "string"}}, "required": ["data"]}
"""One server-sent event: `data` is a chunk as JSON, or `[DONE]`."""
RETRY_AFTER = {
    "description": "Seconds after which to come back.",
    "required": True,
    "schema": {"type": "integer", "minimum": 1},
}
BLANK = "\t-\r\x1c- \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
"""What `str.strip` takes off, as the inside of a character class that all dialects read alike."""
_NOT_PORTABLE = re.compile(r"\(\?(?![:=!])|\\[AZzpP]")
"""Python's own in a regular expression, such as `(?i)`, which JSON Schema does not know."""


def describe(app: FastAPI, service: Service, names: Sequence[str]) -> Schema:
    """OpenAPI 3.1 of a server whose task answers to `names`."""
    made = FastAPI.openapi(app)
    parts = made["components"]["schemas"]
    parts.pop("HTTPValidationError", None)
    parts.pop("ValidationError", None)
    detail = ErrorBody.model_json_schema(ref_template="#/components/schemas/{model}")
    parts.update(detail.pop("$defs"), ErrorBody=detail)
    output = service.served.solver.spec.output
    _tell_errors(made["paths"], isinstance(output, SchemaOutput))
    parts["ChatCompletionRequest"]["properties"]["model"]["enum"] = list(names)
    _tell_formats(parts, output)
    parts["Correction"]["properties"]["corrected"] = _correction(parts, output)
    # The verdict tells the two kinds apart in either; a discriminator says it twice.
    sent = made["paths"][FEEDBACK]["post"]["requestBody"]["content"]
    sent["application/json"]["schema"] = {"anyOf": [_ref("Judgement"), _ref("Correction")]}
    answered = made["paths"][CHAT]["post"]["responses"]["200"]["content"]
    answered["text/event-stream"] = {"schema": EVENT}
    if service.keys_needed():
        made["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        for path in set(ERRORS) - {"/health"}:
            for operation in made["paths"][path].values():
                operation["security"] = [{"key": []}]
    return made


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _tell_errors(paths: Schema, json_task: bool) -> None:
    """The errors as they are: 400 in OpenAI's shape instead of FastAPI's 422."""
    content = {"application/json": {"schema": _ref("ErrorBody")}}
    for path, statuses in ERRORS.items():
        for operation in paths[path].values():
            responses = operation["responses"]
            responses.pop("422", None)
            for status in statuses:
                if status == 422 and not json_task:
                    continue
                response: Schema = {"description": MEANINGS[status], "content": content}
                if status == 429:
                    response["headers"] = {"retry-after": RETRY_AFTER}
                responses[str(status)] = response


def _tell_formats(parts: Schema, output: Output) -> None:
    """Which values `response_format` may have: JSON only where the task answers with JSON."""
    formats = [_ref("TextFormat"), {"type": "null"}]
    field = parts["ChatCompletionRequest"]["properties"]["response_format"]
    if isinstance(output, SchemaOutput):
        if output.json_schema.get("type") == "object":
            formats.append(_ref("ObjectFormat"))
        else:
            field["description"] = OBJECT_TOO
        formats.append(_ref("SchemaFormat"))
        parts["JsonSchemaFormat"]["properties"]["schema"] = _wanted(output.json_schema)
    else:
        for name in ("ObjectFormat", "SchemaFormat", "JsonSchemaFormat"):
            parts.pop(name)
    field.pop("discriminator", None)
    field["anyOf"] = formats


OBJECT_TOO = (
    "`json_object` is more than this promises: it is taken, and where the answer is no object, the "
    "response is 422."
)
OTHER: Schema = {
    "title": "Any other schema",
    "type": "object",
    "propertyNames": {"not": {"enum": sorted(REFUSED - {"$schema"})}},
    "description": "The answer keeps the task's own schema and is checked against this one too: "
    "where it does not satisfy it, or where this is no schema, the response is 422. "
    f"{', '.join(sorted(REFUSED))} are refused at any depth (400; `$schema` may stand at the top), "
    "and so are references that lead out of it or do not end.",
}


def _wanted(own: Schema) -> Schema:
    """The schemas that a client may send: the task's own, which every valid answer satisfies, and
    others, of which that cannot be known before there is an answer."""
    options: list[Schema] = [OTHER, {"type": "null"}]
    meaning = "The task's own schema, in whatever order of keys, is always satisfied."
    # Tools take a `$ref` for a reference even in a constant, and cannot follow it from there.
    if "$ref" not in json.dumps(own):
        options.insert(0, {"title": "The task's own schema", "const": own})
    return {"anyOf": options, "description": meaning}


def _correction(parts: Schema, output: Output) -> Schema:
    """What `corrected` may be: an answer that keeps the task's contract."""
    match output:
        case LabelsOutput():
            meaning = "A label; letters of another case and quotes around it are forgiven."
            return {"enum": list(output.labels), "description": meaning}
        case MultiLabelOutput():
            meaning = "All labels that apply, in any order; none of them is []."
            return {**output.json_schema, "description": meaning}
        case SchemaOutput():
            parts["Answer"] = relocated(output.json_schema, "#/components/schemas/Answer")
            if schema_problem(output.json_schema, None) is None:
                return {"allOf": [_ref("Answer"), {"not": {"type": "null"}}]}
            return _ref("Answer")
        case TextOutput():
            return _text(output)
        case SqlOutput():
            return {
                "type": "string",
                "format": "sqlite-select",
                "description": "One statement that SQLite can read and that starts with SELECT or "
                "WITH. JSON Schema cannot say that: the format is only named.",
            }


def _text(output: TextOutput) -> Schema:
    """Not blank, and within the limits as far as a pattern can say them."""
    patterns = [f"[^{BLANK}]"]
    limits = ["Blanks around it do not count."]
    made: Schema = {"type": "string"}
    if output.max_words is not None:
        limits.append(
            f"At most {output.max_words} words; a Chinese or Japanese character is one. JSON "
            "Schema cannot count them: the format is only named."
        )
        made["format"] = "limited-words"
    if output.max_chars is not None:
        limits.append(f"At most {output.max_chars} characters.")
        made["maxLength"] = output.max_chars
    for name, rule in output.rules.items():
        limits.append(f"Rule {name}: {rule!r} matches.")
        if not _NOT_PORTABLE.search(rule):
            patterns.append(rule)
    made["pattern"] = patterns[0]
    if patterns[1:]:
        made["allOf"] = [{"pattern": pattern} for pattern in patterns[1:]]
    return {**made, "description": " ".join(limits)}
