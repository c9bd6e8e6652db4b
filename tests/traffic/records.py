"""Traffic made up for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from rung.records import Answer, Passage, Usage
from rung.traffic import TrafficRecord

START = datetime(2026, 11, 1, 12, tzinfo=UTC)


def record(number: int, **parts: Any) -> TrafficRecord:
    """Request `number`, one a minute, answered "amber" from one passage."""
    plain: dict[str, Any] = {
        "id": f"chatcmpl-{number}",
        "at": START + timedelta(minutes=number),
        "candidate": "no-llm:linear~1f0c9a",
        "solver": "5" * 64,
        "input": f"item {number}",
        "answer": Answer(
            text="amber",
            value="amber",
            passages=(Passage(document_id="a.md", title="A", text="resin", start=3, score=0.25),),
            citations=(0,),
            usage=Usage(input_tokens=7, output_tokens=1, seconds=0.125),
            latency_s=0.01,
            confidence=0.75,
        ),
        "cost_usd": 0.000125,
        "latency_s": 0.0125,
    }
    return TrafficRecord(**{**plain, **parts})


def failed(number: int) -> TrafficRecord:
    """A request that got no answer."""
    return record(number, answer=None, status=502, error="the model cannot be reached")
