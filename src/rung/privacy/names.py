"""What of a task's texts is personal or secret beyond doubt, and the texts without it."""

from collections.abc import Mapping

from rung.privacy.forms import FORMS, Finder, Finding, replaced
from rung.task.types import JsonValue

_FINDER = Finder(FORMS)


def find(text: str) -> list[Finding]:
    """Every finding in order."""
    return [finding for finding in _FINDER.find(text) if finding.sure]


def redacted(text: str) -> str:
    """The text with every finding replaced by its kind in brackets, such as `[email]`."""
    return replaced(text, find(text), lambda finding: f"[{finding.kind}]")


def redacted_value(value: JsonValue) -> JsonValue:
    """Every text inside a JSON value redacted; keys and numbers stay."""
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, dict):
        return {key: redacted_value(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [redacted_value(inner) for inner in value]
    return value


class Names:
    """What tells rows apart, such as ids: redacted, two of them stay two."""

    def __init__(self, redact: bool) -> None:
        self._redact = redact
        self._known: dict[str, str] = {}

    def of(self, name: str) -> str:
        """`[email-1]`, `[email-2]` for two mail addresses; a name without findings as it is."""
        findings = find(name) if self._redact else []
        if findings and name not in self._known:
            number = len(self._known) + 1
            self._known[name] = replaced(name, findings, lambda one: f"[{one.kind}-{number}]")
        return self._known.get(name, name)

    def hidden(self, row: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """A row with every text redacted, where that is wanted."""
        return {key: redacted_value(value) if self._redact else value for key, value in row.items()}
