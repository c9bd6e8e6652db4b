"""A run in an experiment tracker, by the tracker's own library: MLflow runs, or OTel spans.

What is sent are figures, names and settings of candidates; no input, answer or prompt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.errors import MissingExtraError, UserError
from rung.project import RUN_FILE, ProjectFolder
from rung.records.results import CandidateResult, RunResult
from rung.state import RUN_CURE, read_model

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

TRACKERS = ("mlflow", "otel")


def track(folder: Path, to: str, address: str | None = None) -> str:
    """Send the newest run below `folder`; what was sent where, in one sentence.

    `address` is MLflow's tracking URI or the OTLP endpoint; each library's own environment
    variables count when left out. Raises `UserError` where it is not taken.
    """
    result = read_model(ProjectFolder(folder).newest_run() / RUN_FILE, RunResult, RUN_CURE)
    send = to_mlflow if to == "mlflow" else to_otel
    where = send(result, address)
    return f"sent run {result.run} with {len(result.candidates)} candidates to {where}"


def to_mlflow(result: RunResult, address: str | None = None) -> str:
    """One MLflow run for the climb, and one below it for each candidate; their experiment is the
    task. Returns the tracking URI."""
    try:
        import mlflow
        from mlflow.exceptions import MlflowException
    except ModuleNotFoundError:
        raise MissingExtraError("rung export --to mlflow", "mlflow") from None
    if address is not None:
        mlflow.set_tracking_uri(address)
    where = str(mlflow.get_tracking_uri())
    try:
        mlflow.set_experiment(f"rung/{result.task}")
        with mlflow.start_run(run_name=f"climb {result.run}"):
            mlflow.log_params(climb_settings(result))
            mlflow.log_metrics(climb_figures(result))
            for row in result.candidates:
                with mlflow.start_run(run_name=row.key[:250], nested=True):
                    mlflow.log_params(settings(row))
                    mlflow.log_metrics(figures(row))
    except (MlflowException, OSError) as error:
        raise UserError(f"MLflow at {where} did not take it: {error}") from error
    return where


def to_otel(
    result: RunResult, address: str | None = None, exporter: SpanExporter | None = None
) -> str:
    """One span for the climb and one below it for each candidate. Returns the endpoint."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SpanExportResult
        from opentelemetry.trace import set_span_in_context
    except ModuleNotFoundError:
        raise MissingExtraError("rung export --to otel", "otel") from None
    collected: list[Any] = []
    sender = exporter or OTLPSpanExporter(endpoint=address)
    provider = TracerProvider(resource=Resource.create({"service.name": "rung"}))
    tracer = provider.get_tracer("rung")
    start = _started(result)
    end = start + timedelta(seconds=result.seconds)
    root = tracer.start_span(
        f"climb {result.task}",
        attributes=_attributes({**climb_settings(result), **climb_figures(result)}),
        start_time=_ns(start),
    )
    for row in result.candidates:
        span = tracer.start_span(
            f"candidate {row.key}",
            context=set_span_in_context(root),
            attributes=_attributes({**settings(row), **figures(row)}),
            start_time=_ns(start),
        )
        span.end(_ns(end))
        collected.append(span)
    root.end(_ns(end))
    sent = sender.export([root, *collected])  # type: ignore[list-item]
    where = address or getattr(sender, "_endpoint", "the collector")
    if sent is not SpanExportResult.SUCCESS:
        raise UserError(f"no collector took the spans at {where}: name one with --tracker")
    return str(where)


def climb_settings(result: RunResult) -> dict[str, str]:
    """Names and settings of a climb."""
    return {
        "run": result.run,
        "task": result.task,
        "metric": result.metric,
        "verdict": result.verdict.status,
        "choice": result.verdict.choice or "",
        "seed": str(result.seed),
        "fingerprint": result.fingerprint,
    }


def climb_figures(result: RunResult) -> dict[str, float]:
    """Figures of a climb."""
    return {
        "target": result.target,
        "confidence": result.confidence,
        "spent_usd": result.spent_usd,
        "seconds": result.seconds,
        "calls_made": float(result.calls.made),
    }


def settings(row: CandidateResult) -> dict[str, str]:
    """Names and settings of a candidate."""
    return {
        "candidate": row.key[:500],
        "technique": row.technique,
        "model": row.model,
        "state": row.state,
        "reason": row.reason[:500],
    }


def figures(row: CandidateResult) -> dict[str, float]:
    """What was measured of a candidate; what was not is left out, never 0."""
    return dict(_figures(row))


def _figures(row: CandidateResult) -> Iterator[tuple[str, float]]:
    for measured in (row.dev, row.test):
        if measured is None:
            continue
        for name in ("value", "low", "high", "certified"):
            if (value := getattr(measured, name)) is not None:
                yield f"{measured.split}_{'score' if name == 'value' else name}", value
        for name in ("n", "wrong", "errors", "unscored"):
            yield f"{measured.split}_{name}", float(getattr(measured, name))
    for name in ("cost_per_request_usd", "monthly_usd", "latency_p95_s"):
        if (value := getattr(row, name)) is not None:
            yield name, value


def _attributes(plain: Mapping[str, str | float]) -> dict[str, str | float]:
    return {f"rung.{name}": value for name, value in plain.items()}


def _started(result: RunResult) -> datetime:
    try:
        moment = datetime.fromisoformat(result.started)
    except ValueError:
        return datetime.now(UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _ns(moment: datetime) -> int:
    return int(moment.timestamp() * 1e9)
