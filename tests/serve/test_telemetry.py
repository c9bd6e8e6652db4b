"""Spans tell who answered and what it took, never what was said; without --otel there are none."""

from __future__ import annotations

import gzip
import logging
from pathlib import Path
from typing import Any

import pytest

from loopback import Handler, listening
from rung.errors import ProviderError
from rung.serve.telemetry import Spans

from .upstream import chat, endpoint, served
from .winners import ask, running, save_winner, scripted, service

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


@pytest.mark.parametrize("status", [400, 409, 422])
async def test_a_refusal_that_quotes_the_request_is_not_shown(
    status: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    error = ProviderError("m refused the request: bad input 'a secret question'", status=status)
    made = service(tmp_path, scripted([], how={"fail": lambda *_: error}))
    async with running(made) as client:
        await client.post(CHAT, json=ask("a secret question"))
        assert "--log-contents shows its words" in caplog.text and "secret" not in caplog.text
        (kept,) = made.writer.store.records()  # type: ignore[union-attr]
        assert kept.error == str(error)
        made.settings = made.settings.model_copy(update={"log_contents": True})
        await client.post(CHAT, json=ask("a secret question"))
    assert "bad input 'a secret question'" in caplog.text


async def test_a_failure_that_quotes_nothing_says_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    error = ProviderError("http://m cannot be reached: check the address", outage=True)
    made = service(tmp_path, scripted([], how={"fail": lambda *_: error}))
    async with running(made) as client:
        await client.post(CHAT, json=ask())
    assert "http://m cannot be reached" in caplog.text


@pytest.mark.slow
def test_a_server_sends_its_spans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="no OTLP exporter")
    got: list[tuple[str, bytes]] = []

    class Collector(Handler):
        def do_POST(self) -> None:
            body = self.body()
            zipped = self.headers.get("content-encoding") == "gzip"
            got.append((self.path, gzip.decompress(body) if zipped else body))
            self.say(b"", headers={"content-type": "application/x-protobuf"})

    with listening(Collector) as address, endpoint() as upstream:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
        save_winner(tmp_path, upstream)
        with served(tmp_path, "--otel") as server:
            request_id = chat(server, "a secret question").json()["id"]
            server.stop()
        with served(tmp_path) as server:
            chat(server, "another question")
            server.stop()
    assert [path for path, _ in got] == ["/v1/traces"]
    assert b"chat trees" in got[0][1] and request_id.encode() in got[0][1]
    assert b"secret" not in got[0][1]
