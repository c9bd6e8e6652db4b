"""What happened in a run, as plain data: usage, answers, attempts, flags, results."""

from rung.records.attempts import (
    MARKER,
    Answer,
    Attempt,
    Finish,
    Flag,
    ModelUsage,
    Passage,
    PassedOn,
    Severity,
    Step,
    Usage,
)

__all__ = [
    "MARKER",
    "Answer",
    "Attempt",
    "Finish",
    "Flag",
    "ModelUsage",
    "Passage",
    "PassedOn",
    "Severity",
    "Step",
    "Usage",
]
