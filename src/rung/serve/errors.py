"""Errors in OpenAI's shape, `{"error": {"message", "type", "param", "code"}}`: made here only.

What a client did is told to it; what went wrong behind the server stays in the server's log.
"""

from __future__ import annotations

import math

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request

from rung.errors import ProviderError
from rung.task.types import Frozen

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


HINTS = {
    "n": "one answer a request is what was measured",
    "tools": "the served task answers in one step, without tools",
    "functions": "the served task answers in one step, without functions",
    "logprobs": "log probabilities are not told",
    "top_logprobs": "log probabilities are not told",
    "modalities": "answers are text",
    "audio": "answers are text",
    "web_search_options": "the served task does not search the web",
}


async def answer_invalid(_: Request, error: Exception) -> JSONResponse:
    """A request that is not what the description says: 400, as OpenAI has it, not 422."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = [str(part) for part in first["loc"] if part != "body"]
    param = ".".join(place) or None
    if first["type"] == "json_invalid":
        return ApiError(400, f"The body is not JSON: {first['ctx']['error']}.").response()
    hint = HINTS.get(place[0]) if place else None
    said = f"{param or 'The body'}: {first['msg']}" + (f" ({hint})" if hint else "")
    code = "unsupported_parameter" if hint else None
    return ApiError(400, f"{said}.", param=param, code=code).response()


async def answer_http(_: Request, error: Exception) -> JSONResponse:
    """Paths and methods that do not exist."""
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    return ApiError(error.status_code, f"{error.detail}.", headers=headers).response()


async def answer_api(_: Request, error: Exception) -> JSONResponse:
    """What the handlers refuse."""
    assert isinstance(error, ApiError)
    return error.response()


async def answer_unexpected(_: Request, error: Exception) -> JSONResponse:
    """A bug: the client learns that it is not to blame, and nothing else."""
    return ApiError(500, "The server failed: this is no fault of the request.").response()
