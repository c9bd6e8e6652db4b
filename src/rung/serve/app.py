"""The application: routes, errors, the guard, and the description at `/openapi.json`."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from rung import __version__
from rung.serve import chat, feedback
from rung.serve.errors import (
    ApiError,
    ErrorBody,
    answer_api,
    answer_http,
    answer_invalid,
    answer_unexpected,
)
from rung.serve.guard import Guard
from rung.serve.service import Service
from rung.serve.wire import Health, ModelCard, ModelList
from rung.task.types import LabelsOutput, SchemaOutput

router = APIRouter()


@router.get("/v1/models")
async def list_models(request: Request) -> ModelList:
    """The names under which the task answers: its own, and that of the candidate behind it."""
    return ModelList(data=_cards(request.app.state.service))


@router.get("/v1/models/{model:path}")
async def retrieve_model(model: str, request: Request) -> ModelCard:
    """One of these names."""
    for card in _cards(request.app.state.service):
        if card.id == model:
            return card
    raise ApiError(404, f"No model is called {model[:100]!r} here.", code="model_not_found")


@router.get("/health")
async def health(request: Request) -> Health:
    """Whether the server answers. Needs no key."""
    return Health(status="ok" if request.app.state.service.log_works else "degraded")


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(request: Request) -> Response:
    """What was counted, for Prometheus."""
    return Response(request.app.state.service.metrics.text(), media_type=CONTENT_TYPE_LATEST)


def _cards(service: Service) -> list[ModelCard]:
    served = service.served
    return [ModelCard(id=name, created=served.created) for name in (served.task, served.key)]


def build(service: Service) -> ASGIApp:
    """The application of one worker."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await service.start()
        # What is loaded by now stays: the cycle collector, which walks it for 0.1 s every few
        # hundred requests and finds nothing, need not look at it again.
        gc.collect()
        gc.freeze()
        yield
        await service.aclose()

    app = FastAPI(
        title=f"{service.served.task}, served by Rung",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,  # its page would load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.service = service
    for part in (chat.router, feedback.router, router):
        app.include_router(part)
    app.add_exception_handler(RequestValidationError, answer_invalid)
    app.add_exception_handler(HTTPException, answer_http)
    app.add_exception_handler(ApiError, answer_api)
    app.add_exception_handler(Exception, answer_unexpected)
    app.openapi = lambda: _described(app, service)  # type: ignore[method-assign]
    return Guard(app, service)


ERRORS = {
    "/v1/chat/completions": (400, 401, 404, 408, 413, 415, 421, 422, 429, 500, 502, 503, 504),
    "/v1/feedback": (400, 401, 404, 408, 413, 415, 421, 429, 500),
    "/v1/models": (401, 421),
    "/v1/models/{model}": (401, 404, 421),
    "/metrics": (401, 421),
    "/health": (421,),
}


EVENT = {"type": "object", "properties": {"data": {"type": "string"}}, "required": ["data"]}
"""One server-sent event: `data` is a chunk as JSON, or `[DONE]`."""


def _described(app: FastAPI, service: Service) -> dict[str, Any]:
    """OpenAPI with the errors as they are: 400 in OpenAI's shape instead of FastAPI's 422."""
    if app.openapi_schema is None:
        made = FastAPI.openapi(app)
        parts = made["components"]["schemas"]
        parts.pop("HTTPValidationError", None)
        parts.pop("ValidationError", None)
        detail = ErrorBody.model_json_schema(ref_template="#/components/schemas/{model}")
        parts.update(detail.pop("$defs"), ErrorBody=detail)
        said = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorBody"}}}
        for path, statuses in ERRORS.items():
            for operation in made["paths"][path].values():
                operation["responses"].pop("422", None)
                for status in statuses:
                    operation["responses"][str(status)] = {"description": "", "content": said}
        _name_the_task(parts, service)
        # The verdict tells the two kinds apart in either; a discriminator says it twice.
        sent = made["paths"]["/v1/feedback"]["post"]["requestBody"]["content"]
        sent["application/json"]["schema"] = {
            "anyOf": [{"$ref": f"#/components/schemas/{n}"} for n in ("Judgement", "Correction")]
        }
        answered = made["paths"]["/v1/chat/completions"]["post"]["responses"]["200"]["content"]
        answered["text/event-stream"] = {"schema": EVENT}
        if service.keys_needed():
            made["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
            for path in set(ERRORS) - {"/health"}:
                for operation in made["paths"][path].values():
                    operation["security"] = [{"key": []}]
        app.openapi_schema = made
    return app.openapi_schema


def _name_the_task(parts: dict[str, Any], service: Service) -> None:
    """What this task takes: its names, its answers, and JSON only where it answers with JSON."""
    fields = parts["ChatCompletionRequest"]["properties"]
    fields["model"]["enum"] = [card.id for card in _cards(service)]
    output = service.served.solver.spec.output
    if not isinstance(output, SchemaOutput):
        text = {"$ref": "#/components/schemas/TextFormat"}
        fields["response_format"] = {"anyOf": [text, {"type": "null"}]}
        answer: dict[str, Any] = {"type": "string", "minLength": 1}
        if isinstance(output, LabelsOutput):
            answer = {"enum": list(output.labels)}
        parts["Correction"]["properties"]["corrected"] = answer
