"""What happened in a run, as plain data: usage, answers, attempts, flags, results."""

from rung.records.attempts import (
    Answer,
    Attempt,
    FallbackReason,
    Finish,
    Flag,
    ModelUsage,
    Passage,
    Severity,
    Step,
    Usage,
)

__all__ = [
    "Answer",
    "Attempt",
    "FallbackReason",
    "Finish",
    "Flag",
    "ModelUsage",
    "Passage",
    "Severity",
    "Step",
    "Usage",
]
