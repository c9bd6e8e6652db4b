"""Spans tell who answered and what it took, never what was said; without --otel there are none."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from rung.errors import ProviderError
from rung.serve.telemetry import Spans

from .winners import ask, running, scripted, service

CHAT = "/v1/chat/completions"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def spans() -> Any:
    """A tracer that keeps what it ends."""
    pytest.importorskip("opentelemetry.sdk", reason="the OpenTelemetry SDK is not installed")
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return Spans(provider.get_tracer("test")), exporter


async def test_a_span_a_request(spans: Any, tmp_path: Path) -> None:
    tracer, exporter = spans
    fails = {1: ProviderError("down", outage=True)}
    made = service(tmp_path, scripted(["birch", "birch"], how={"fail": fails}))
    made.spans = tracer
    async with running(made) as client:
        headers = {"traceparent": PARENT}
        await client.post(CHAT, json=ask("a secret question"), headers=headers)
        await client.post(CHAT, json=ask("a secret question"))
    good, bad = exporter.get_finished_spans()
    assert good.name == "chat trees" and format(good.context.trace_id, "032x") in PARENT
    told = dict(good.attributes)
    assert told["gen_ai.operation.name"] == "chat" and told["gen_ai.usage.output_tokens"] == 1
    assert told["gen_ai.response.model"] == made.served.key and told["rung.answer.valid"] is True
    assert bad.attributes["error.type"] == "503" and not bad.status.is_ok
    assert "secret" not in good.to_json() + bad.to_json()


async def test_logs_hold_no_contents_unless_asked(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    made = service(tmp_path, scripted(["birch", "birch"]))
    async with running(made) as client:
        answer = await client.post(CHAT, json=ask("a secret question"))
        assert answer.json()["id"] in caplog.text
        assert "secret" not in caplog.text and "said" not in caplog.text
        made.settings = made.settings.model_copy(update={"log_contents": True})
        await client.post(CHAT, json=ask("a secret question"))
    assert "asked 'a secret question' said 'birch'" in caplog.text
