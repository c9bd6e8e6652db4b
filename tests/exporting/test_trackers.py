"""Runs in MLflow and OpenTelemetry, read back by their own libraries."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from report.synthetic import make_run, make_task, write_run
from rung.cli.app import app
from rung.errors import UserError
from rung.exchange.exporting.trackers import figures, to_mlflow, to_otel
from rung.records.results import RunResult


@pytest.fixture
def result() -> RunResult:
    return make_run(make_task())[0]


@pytest.mark.slow
def test_mlflow_holds_the_climb_and_every_candidate(
    result: RunResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    address = (tmp_path / "store").as_uri()
    assert to_mlflow(result, address) == address
    client = mlflow.MlflowClient(address)
    experiment = client.get_experiment_by_name(f"rung/{result.task}")
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    climb = runs[f"climb {result.run}"]
    assert climb.data.params["verdict"] == result.verdict.status
    assert climb.data.metrics["target"] == result.target
    for row in result.candidates:
        run = runs[row.key]
        assert run.data.metrics == figures(row)
        assert run.data.tags["mlflow.parentRunId"] == climb.info.run_id
    assert not any(name.endswith("score") and value is None for row in result.candidates
                   for name, value in figures(row).items())  # fmt: skip


def test_otel_holds_the_climb_and_every_candidate(result: RunResult) -> None:
    pytest.importorskip("opentelemetry.sdk")
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    kept = InMemorySpanExporter()
    to_otel(result, exporter=kept)
    root, *spans = kept.get_finished_spans()
    assert root.attributes["rung.verdict"] == result.verdict.status
    assert [s.attributes["rung.candidate"] for s in spans] == [r.key for r in result.candidates]
    assert all(span.parent.span_id == root.context.span_id for span in spans)
    for span, row in zip(spans, result.candidates, strict=True):
        assert {k: span.attributes[f"rung.{k}"] for k in figures(row)} == figures(row)
    assert root.end_time - root.start_time == pytest.approx(result.seconds * 1e9, rel=1e-6)


def test_what_was_not_measured_is_left_out_not_0(result: RunResult) -> None:
    bare = result.candidates[0].model_copy(
        update={"dev": None, "test": None, "cost_per_request_usd": None, "monthly_usd": None,
                "latency_p95_s": None}
    )  # fmt: skip
    assert figures(bare) == {}


def test_no_collector_is_one_sentence(tmp_path: Path, result: RunResult) -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    write_run(tmp_path / ".rung/runs/new", *make_run(make_task()))
    shown = CliRunner().invoke(
        app, ["export", str(tmp_path), "--to", "otel", "--tracker", "http://127.0.0.1:9/v1/traces"]
    )
    assert isinstance(shown.exception, UserError) and "--tracker" in str(shown.exception)
