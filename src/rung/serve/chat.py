"""`POST /v1/chat/completions`: from a request to the solver's answer, logged before it is sent."""

import asyncio
import logging
import time
from typing import Any, NamedTuple

from fastapi import APIRouter, Request
from fastapi.responses import Response

from rung.errors import ProviderError, UserError
from rung.records import Answer
from rung.serve.answering import completion, events
from rung.serve.errors import ApiError, of_provider
from rung.serve.limits import Full, Overloaded
from rung.serve.reading import Asked, other_schema, read_request
from rung.serve.service import Service
from rung.serve.telemetry import ChatSpan
from rung.serve.wire import ChatCompletion, ChatCompletionRequest
from rung.traffic import TrafficRecord
from rung.traffic.records import new_request_id, now

router = APIRouter()
log = logging.getLogger("rung.serve")
REQUEST_ID = "x-request-id"
LONG_S = 1.0
"""Whoever waited longer for a place may have gone away."""


class Done(NamedTuple):
    """An answered request."""

    record: TrafficRecord
    answer: Answer
    logged: bool


@router.post("/v1/chat/completions", response_model=ChatCompletion)
async def create_chat_completion(body: ChatCompletionRequest, request: Request) -> Response:
    """Answer the last user message."""
    service: Service = request.app.state.service
    served = service.served
    if body.model not in (served.task, served.key):
        raise ApiError(
            404,
            f"No model is called {body.model[:100]!r} here: use {served.task!r}.",
            param="model",
            code="model_not_found",
        )
    service.refuse_unlogged()
    asked = read_request(body, served.solver.spec, service.settings.limits.refuse_ignored)
    request_id = new_request_id()
    with service.spans.chat(body.model, request.headers) as span:
        try:
            done = await _answer(service, asked, request, request_id, span)
        except ApiError as error:
            error.headers.setdefault(REQUEST_ID, request_id)
            service.metrics.requests.labels(str(error.status)).inc()
            span.failed(error.status)
            raise
    service.metrics.requests.labels("200").inc()
    made = completion(done.record, done.answer, served, asked.ignored, done.logged)
    headers = {REQUEST_ID: request_id}
    if not body.stream:
        return Response(made.model_dump_json(), media_type="application/json", headers=headers)
    usage = bool(body.stream_options and body.stream_options.include_usage)
    return Response(events(made, usage), media_type="text/event-stream", headers=headers)


async def _answer(
    service: Service, asked: Asked, request: Request, request_id: str, span: ChatSpan
) -> Done:
    """Ask the solver and log what came of it, an error too. Raises `ApiError`."""
    seen: dict[str, Any] = {
        "id": request_id,
        "at": now(),
        "candidate": service.served.key,
        "solver": service.served.digest,
        "input": asked.input,
        "messages": asked.others,
        "key_name": request.state.key_name,
        "share": service.settings.limits.sample,
    }
    started = time.perf_counter()
    try:
        answer = await _ask(service, asked, request)
    except _Failed as failed:
        seconds, status = time.perf_counter() - started, failed.told.status
        record = TrafficRecord(**seen, status=status, error=failed.why, latency_s=seconds)
        await asyncio.shield(service.keep(record))
        shows = service.settings.log_contents or not failed.quotes
        why = failed.why if shows else f"{failed.told} (--log-contents shows its words)"
        log.warning("%s failed with %d after %.3f s: %s", request_id, status, seconds, why)
        raise failed.told from None
    seconds = time.perf_counter() - started
    answer = _lean(service, answer)
    refusal = _refusal(asked, answer)
    record = TrafficRecord(
        **seen,
        answer=answer,
        status=refusal.status if refusal else 200,
        latency_s=seconds,
        cost_usd=service.served.price(answer) if service.served.price else None,
    )
    # A client that goes away now does not take its request out of the log.
    logged = await asyncio.shield(service.keep(record))
    _count(service, record, answer)
    span.answered(request_id, record.candidate, record.solver, answer)
    _say(service, record, answer)
    if refusal is not None:
        raise refusal
    return Done(record, answer, logged)


def _lean(service: Service, answer: Answer) -> Answer:
    """Without the texts of passages where every request is given all documents: they stand in the
    saved solver, and neither log nor response is to repeat them each time."""
    if not service.served.solver.candidate.context.traits.leads:
        return answer
    bare = tuple(passage.model_copy(update={"text": ""}) for passage in answer.passages)
    return answer.model_copy(update={"passages": bare})


def _refusal(asked: Asked, answer: Answer) -> ApiError | None:
    """Why an answer is not sent: the input was too long for any, or it breaks a client's schema."""
    if answer.finish == "refused" and not answer.calls:
        return ApiError(400, f"{answer.problem}", param="messages", code="context_length_exceeded")
    return other_schema(asked, answer.value) if answer.valid else None


class _Failed(Exception):
    """No answer: what the client is told, and what the log says; `quotes` where that may repeat
    the request, as a model's own words on why it refuses one do."""

    def __init__(self, answer: ApiError, why: str, *, quotes: bool = False) -> None:
        super().__init__(why)
        self.told, self.why, self.quotes = answer, why, quotes


async def _ask(service: Service, asked: Asked, request: Request) -> Answer:
    """One answer within the time allowed, waiting included."""
    gate, metrics = service.gate, service.metrics
    limit = service.settings.limits.timeout_s
    started = time.perf_counter()
    try:
        async with asyncio.timeout(limit), gate.place():
            metrics.running.set(gate.running)
            metrics.waiting.set(gate.waiting)
            waited = time.perf_counter() - started
            if waited > LONG_S and await request.is_disconnected():
                raise ApiError(499, "The client went away.", code="disconnected")
            return await service.served.solver.answer(asked.input, breaker=service.breaker)
    except Full as full:
        metrics.refused.labels("full").inc()
        raise Overloaded("full", full.retry_after_s) from None
    except TimeoutError:
        refusal = ApiError(504, f"There was no answer within {limit:g} s.", code="timeout")
        raise _Failed(refusal, str(refusal)) from None
    except ProviderError as error:
        quotable = error.status is not None and error.status < 500 and error.status != 429
        quotes = quotable and not error.outage
        raise _Failed(of_provider(error), str(error), quotes=quotes) from None
    except UserError as error:
        refusal = ApiError(400, "This input cannot be answered.", param="messages")
        raise _Failed(refusal, str(error), quotes=True) from None
    finally:
        metrics.running.set(gate.running)
        metrics.waiting.set(gate.waiting)


def _count(service: Service, record: TrafficRecord, answer: Answer) -> None:
    metrics = service.metrics
    metrics.seconds.observe(record.latency_s)
    metrics.tokens.labels("input").inc(answer.usage.input_tokens)
    metrics.tokens.labels("output").inc(answer.usage.output_tokens)
    if record.cost_usd is not None:
        metrics.cost.inc(record.cost_usd)
    if not answer.valid:
        metrics.invalid.inc()
    if answer.passed_on is not None:
        metrics.passed_on.labels(answer.passed_on).inc()


def _say(service: Service, record: TrafficRecord, answer: Answer) -> None:
    """One line a request; what was asked and answered only where that is wanted."""
    contents = (
        f" asked {record.input!r} said {answer.text!r}" if service.settings.log_contents else ""
    )
    log.info(
        "%s %s valid=%s%s %.3f s key=%s%s",
        record.id,
        record.candidate,
        answer.valid,
        f" passed_on={answer.passed_on}" if answer.passed_on else "",
        record.latency_s,
        record.key_name or "-",
        contents,
    )
