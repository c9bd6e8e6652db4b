"""OpenTelemetry spans of the GenAI conventions, off by default. They hold no contents.

The conventions are still in development: the names below are the one place to change.
https://github.com/open-telemetry/semantic-conventions-genai
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rung.errors import MissingExtraError

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

    from rung.records import Answer

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
RESPONSE_MODEL = "gen_ai.response.model"
RESPONSE_ID = "gen_ai.response.id"
FINISH = "gen_ai.response.finish_reasons"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
ERROR_TYPE = "error.type"
VALID = "rung.answer.valid"
SOLVER = "rung.solver"
PASSED_ON = "rung.answer.passed_on"


class Spans:
    """One span a request; a no-op where telemetry is off."""

    def __init__(self, tracer: Tracer | None, flush: Callable[[], object] = bool) -> None:
        self._tracer = tracer
        self.flush = flush
        """Send what was not sent yet: a process that a signal ends does not by itself."""

    @contextmanager
    def chat(self, asked: str, headers: Mapping[str, str]) -> Iterator[ChatSpan]:
        """The span of one chat request, below the caller's where its headers name one."""
        if self._tracer is None:
            yield ChatSpan(None)
            return
        from opentelemetry import propagate
        from opentelemetry.trace import SpanKind

        attributes = {OPERATION: "chat", PROVIDER: "rung", REQUEST_MODEL: asked}
        with self._tracer.start_as_current_span(
            f"chat {asked}",
            context=propagate.extract(headers),
            kind=SpanKind.SERVER,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            yield ChatSpan(span)


class ChatSpan:
    """What becomes known of a request while it is answered."""

    def __init__(self, span: object | None) -> None:
        self._span = span

    def answered(self, request_id: str, candidate: str, solver: str, answer: Answer) -> None:
        """Who answered, how it ended, and the tokens."""
        self._set(
            {
                RESPONSE_ID: request_id,
                RESPONSE_MODEL: candidate,
                SOLVER: solver,
                FINISH: (answer.finish,),
                INPUT_TOKENS: answer.usage.input_tokens,
                OUTPUT_TOKENS: answer.usage.output_tokens,
                VALID: answer.valid,
                **({PASSED_ON: answer.passed_on} if answer.passed_on else {}),
            }
        )

    def failed(self, status: int) -> None:
        """That there is no answer."""
        self._set({ERROR_TYPE: str(status)})
        if self._span is not None:
            from opentelemetry.trace import Status, StatusCode

            self._span.set_status(Status(StatusCode.ERROR))  # type: ignore[attr-defined]

    def _set(self, attributes: Mapping[str, object]) -> None:
        if self._span is not None:
            self._span.set_attributes(attributes)  # type: ignore[attr-defined]


def open_spans(on: bool) -> Spans:
    """Spans sent by OTLP where the usual `OTEL_*` variables say; a provider that is set is used."""
    if not on:
        return Spans(None)
    from opentelemetry import trace

    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError:
            raise MissingExtraError("sending telemetry", "otel") from None
        provider = TracerProvider()
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        trace.set_tracer_provider(provider)
    flush = getattr(trace.get_tracer_provider(), "force_flush", bool)
    return Spans(trace.get_tracer("rung.serve"), flush)
