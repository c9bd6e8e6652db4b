"""What a server counts, for Prometheus. Names end in their unit; no label holds user content."""

import os
from pathlib import Path
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
"""Where prometheus-client keeps the counts of several processes; it reads it when imported."""
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """The counters of one worker."""

    def __init__(self, candidate: str, solver: str) -> None:
        own = self._own = CollectorRegistry()
        self.requests = Counter(
            "rung_requests", "Responses to chat requests, by HTTP status", ["status"], registry=own
        )
        self.refused = Counter(
            "rung_refused",
            "Requests refused before the solver, by reason",
            ["reason"],
            registry=own,
        )
        self.invalid = Counter(
            "rung_invalid_answers", "Answers that broke the output contract", registry=own
        )
        self.passed_on = Counter(
            "rung_fallbacks", "Answers a fallback took part in, by reason", ["reason"], registry=own
        )
        self.seconds = Histogram(
            "rung_request_seconds",
            "From the request read to the answer ready, waiting included",
            buckets=SECONDS,
            registry=own,
        )
        self.tokens = Counter("rung_tokens", "Tokens of answers", ["direction"], registry=own)
        self.cost = Counter("rung_cost_usd", "Cost of answers that have a price", registry=own)
        self.running = _gauge(own, "running_requests", "Requests that the solver works on")
        self.waiting = _gauge(own, "waiting_requests", "Requests that wait for the solver")
        self.unlogged = Counter(
            "rung_unlogged_requests", "Answered requests that could not be logged", registry=own
        )
        self.feedback = Counter("rung_feedback", "Feedback, by verdict", ["verdict"], registry=own)
        late = "How late the event loop came to what was due"
        self.lag = _gauge(own, "event_loop_lag_seconds", late, "livemax")
        serving = Gauge(
            "rung_serving",
            "1 for the candidate and solver that answer",
            ["candidate", "solver"],
            registry=own,
            multiprocess_mode="livemax",
        )
        serving.labels(candidate, solver).set(1)

    def text(self) -> bytes:
        """Everything, over all workers, in Prometheus' text format."""
        if MULTIPROCESS not in os.environ:
            return generate_latest(self._own)
        from prometheus_client.multiprocess import MultiProcessCollector

        every = CollectorRegistry()
        MultiProcessCollector(every)  # type: ignore[no-untyped-call]
        return generate_latest(every)


def _gauge(
    registry: CollectorRegistry,
    name: str,
    help_text: str,
    workers: Literal["livesum", "livemax"] = "livesum",
) -> Gauge:
    return Gauge(f"rung_{name}", help_text, registry=registry, multiprocess_mode=workers)


def forget_ended_workers() -> None:
    """Drop the gauges of workers that have ended, however they did; their counts stay."""
    folder = os.environ.get(MULTIPROCESS)
    if folder is None:
        return
    from prometheus_client.multiprocess import mark_process_dead

    for file in Path(folder).glob("gauge_live*_*.db"):
        pid = int(file.stem.rpartition("_")[2])
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            mark_process_dead(pid)  # type: ignore[no-untyped-call]
