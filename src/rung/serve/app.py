"""The application: routes, errors, the guard."""

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
from rung.serve.description import describe
from rung.serve.errors import ApiError, answer_api, answer_http, answer_invalid, answer_unexpected
from rung.serve.guard import Guard
from rung.serve.service import Service
from rung.serve.wire import Health, ModelCard, ModelList

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
    return [
        ModelCard(id=name, created=served.created, unproven=served.doubt)
        for name in (served.task, served.key)
    ]


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

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = describe(app, service, [card.id for card in _cards(service)])
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]
    return Guard(app, service)
