"""What of a task's texts is personal or secret beyond doubt, and the texts without it."""

from __future__ import annotations

from rung.personal import FORMS, Finder, Finding, replaced
from rung.task.types import JsonValue

_FINDER = Finder(FORMS)


def find(text: str) -> list[Finding]:
    """Every finding in order."""
    return [found for found in _FINDER.find(text) if found.sure]


def redacted(text: str) -> str:
    """The text with every finding replaced by its kind in brackets, such as `[email]`."""
    return replaced(text, find(text), lambda found: f"[{found.kind}]")


def redacted_value(value: JsonValue) -> JsonValue:
    """Every text inside a JSON value redacted; keys and numbers stay."""
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, dict):
        return {key: redacted_value(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [redacted_value(inner) for inner in value]
    return value
