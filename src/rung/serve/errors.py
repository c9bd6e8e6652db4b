"""Errors in OpenAI's shape, `{"error": {"message", "type", "param", "code"}}`: made here only.

What a client did is told to it; what went wrong behind the server stays in the server's log.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request

from rung.errors import ProviderError
from rung.task.types import Frozen
from rung.task.wording import shown

TYPES = {
    400: "invalid_request_error",
    401: "invalid_request_error",
    404: "invalid_request_error",
    408: "invalid_request_error",
    405: "invalid_request_error",
    413: "invalid_request_error",
    415: "invalid_request_error",
    421: "invalid_request_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
}


class ErrorDetail(Frozen):
    """What went wrong."""

    message: str
    type: str
    param: str | None = None
    """The parameter that is to blame, such as `messages.0.role`."""
    code: str | None = None


class ErrorBody(Frozen):
    """An error as OpenAI's clients read it."""

    error: ErrorDetail


class ApiError(Exception):
    """A refusal or failure that is told to the client."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after_s: float | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.param = status, code, param
        self.headers = dict(headers or {})
        if retry_after_s is not None:
            self.headers["retry-after"] = str(max(1, math.ceil(retry_after_s)))

    def response(self) -> JSONResponse:
        """The response that says it."""
        detail = ErrorDetail(
            message=str(self),
            type=TYPES.get(self.status, "server_error"),
            param=self.param,
            code=self.code,
        )
        return JSONResponse(ErrorBody(error=detail).model_dump(), self.status, headers=self.headers)


def unauthorized() -> ApiError:
    """One text for a missing key, a wrong one and one that was removed."""
    return ApiError(
        401,
        "No valid API key was given: send it as 'Authorization: Bearer KEY'.",
        code="invalid_api_key",
        headers={"www-authenticate": "Bearer"},
    )


def of_provider(error: ProviderError) -> ApiError:
    """What a client hears when the model behind the task fails."""
    if error.status == 429:
        return ApiError(
            429,
            "The model behind this task takes no more requests now: try again later.",
            code="upstream_rate_limit",
            retry_after_s=error.retry_after_s or 1.0,
        )
    if error.status in (400, 413, 422):
        return ApiError(
            400, "The model behind this task cannot take this input.", code="upstream_refused"
        )
    status = 503 if error.outage else 502
    return ApiError(
        status,
        "The model behind this task did not answer: try again later.",
        code="upstream_failed",
    )


TAGS = ("role", "type", "verdict")
"""Fields by whose value a request's parts are told apart."""
HINTS = {
    "n": "one answer a request is what was measured",
    "tools": "the served task calls no tools of a client",
    "functions": "the served task calls no functions of a client",
    "logprobs": "log probabilities are not told",
    "top_logprobs": "log probabilities are not told",
    "modalities": "answers are text",
    "audio": "answers are text",
    "web_search_options": "the served task does not search the web",
}


async def answer_invalid(_: Request, error: Exception) -> JSONResponse:
    """A request that is not what the description says: 400, as OpenAI has it, not 422."""
    assert isinstance(error, RequestValidationError)
    if error.errors()[0]["type"] == "json_invalid":
        return ApiError(
            400, f"The body is not JSON: {error.errors()[0]['ctx']['error']}."
        ).response()
    # Of a union each member complains: the one that came farthest into the value tells most.
    placed = [(_place(fault["loc"][1:], error.body), fault) for fault in error.errors()]
    first = placed[0][0]
    place, fault = max(
        (one for one in placed if one[0][: len(first)] == first), key=lambda one: len(one[0])
    )
    param = ".".join(place) or None
    hint = HINTS.get(place[0]) if place else None
    if hint is not None:
        sentence = (
            f"{param} is {shown(fault['input'])}, which is not done here: {hint}; leave it out"
        )
        return ApiError(400, f"{sentence}.", param=param, code="unsupported_parameter").response()
    sentence = f"{param or 'The body'} {_complaint(fault)}"
    if param is not None and param.endswith("type") and "content" in place:
        sentence = f"{sentence}: images, sound and files are not read"
    return ApiError(400, f"{sentence}.", param=param).response()


def _place(steps: Sequence[Any], body: Any) -> list[str]:
    """The keys of an error's place that a client knows: pydantic adds which member of a union
    complains, by its type or by the value that tells the members apart."""
    place: list[str] = []
    here, tagged = body, False
    for number, step in enumerate(steps, 1):
        if isinstance(here, dict):
            member = any(here.get(name) == step for name in TAGS) and number < len(steps)
            if member and not tagged:
                tagged = True
                continue
        elif isinstance(step, str):
            continue
        place.append(str(step))
        tagged = False
        if isinstance(here, dict):
            here = here.get(step)
        else:
            here = here[step] if isinstance(here, list) and step < len(here) else None
    return place


def _complaint(fault: Mapping[str, Any]) -> str:
    """What is wrong with a value, the value with it."""
    if fault["type"] == "missing":
        return "is missing"
    if fault["type"] == "union_tag_invalid":
        tag = fault["ctx"]
        return f"has the {tag['discriminator']} {tag['tag']!r}: use one of {tag['expected_tags']}"
    wanted = str(fault["msg"]).removeprefix("Value error, ")
    return f"is {shown(fault['input'])}: {wanted.replace('Input should be', 'it must be')}"


async def answer_http(request: Request, error: Exception) -> JSONResponse:
    """Paths and methods that do not exist."""
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    sentence = {
        404: f"Nothing is served at {shown(request.url.path)}: /openapi.json says what is",
        405: f"{request.method} is not for this path: use {headers.get('Allow', 'another')}",
    }.get(error.status_code, error.detail)
    return ApiError(error.status_code, f"{sentence}.", headers=headers).response()


async def answer_api(_: Request, error: Exception) -> JSONResponse:
    """What the handlers refuse."""
    assert isinstance(error, ApiError)
    return error.response()


async def answer_unexpected(_: Request, error: Exception) -> JSONResponse:
    """A bug: the client learns that it is not to blame, and nothing else."""
    return ApiError(500, "The server failed: this is no fault of the request.").response()
