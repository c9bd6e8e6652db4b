"""How long a server asks to wait, wherever it says so: in headers, in its error, in its words.

Retry-After: 20                          RFC 9110, 10.2.3; also as a date
retry-after-ms: 1500                     OpenAI, Azure
"retryDelay": "34.07s"                   Google, https://google.aip.dev/193
"metadata": {"headers": {…}}             OpenRouter, which hands on what its provider said
"X-RateLimit-Reset": "1741305600000"     OpenRouter, milliseconds since 1970
"Please try again in 1m2.5s"             OpenAI, Groq
"""

import math
import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from rung.task.types import JsonValue

_NAMES = {
    "retryafter": 1.0,
    "retryafterseconds": 1.0,
    "retryafterms": 0.001,
    "retrydelay": 1.0,
    "retryinseconds": 1.0,
}
"""Seconds in a unit of what stands under such a name, without signs and in small letters."""
_RESETS = {"xratelimitreset", "xratelimitresetat"}
_LONG = re.compile(
    r"(?:(\d+)\s*h)?\s*(?:(\d+)\s*m(?:in\w*)?(?!s))?\s*(?:(\d+(?:\.\d+)?)\s*(ms|milli\w*|s\w*)\b)?",
    re.IGNORECASE,
)
_SOON = re.compile(r"\b(?:in|after)\s+(?:about\s+)?(?=\d)", re.IGNORECASE)
MOST_DEPTH, MOST_WAIT_S = 8, 32 * 86_400.0
"""What asks for more than a month is a broken clock."""


def told_to_wait(headers: Mapping[str, str], body: JsonValue, message: str) -> float | None:
    """Seconds by headers, else by an error's fields, else by its words; None where none says."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        if (wait := seconds_to_wait(headers.get(name), unit)) is not None:
            return wait
    for name, value in _fields(body, MOST_DEPTH):
        plain = re.sub(r"[^a-z]", "", name.lower())
        if plain in _NAMES and (wait := seconds_to_wait(value, _NAMES[plain])) is not None:
            return wait
        if plain in _RESETS and (wait := _until(value)) is not None:
            return wait
    soon = _SOON.search(message)
    return _spelt(message[soon.end() :]) if soon else None


def _fields(value: JsonValue, depth: int) -> Iterator[tuple[str, JsonValue]]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if isinstance(value, dict):
        yield from value.items()
    for each in inner if depth else ():
        yield from _fields(each, depth - 1)


def seconds_to_wait(value: JsonValue, unit: float = 1.0) -> float | None:
    """A number, a span ("34s", "1m30s") or a date; the clock of a past one says not to wait."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return _sane(float(value) * unit)
    except ValueError:
        pass
    try:
        date = parsedate_to_datetime(str(value))
    except ValueError:
        return _spelt(str(value).strip())
    # "-0000" says that the zone is not known, which is UTC all the same.
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return _sane(max(0.0, (date - datetime.now(UTC)).total_seconds()))


def _spelt(text: str) -> float | None:
    """The span at the beginning of a text."""
    spans = _LONG.match(text)
    if spans is None or not any(spans.groups()):
        return None
    hours, minutes, number, unit = spans.groups()
    last = float(number or 0) * (0.001 if unit and unit.lower().startswith("m") else 1.0)
    return _sane(3600.0 * int(hours or 0) + 60.0 * int(minutes or 0) + last)


def _until(value: JsonValue) -> float | None:
    """Seconds until a time in milliseconds since 1970."""
    try:
        return _sane(max(0.0, float(value) / 1000 - time.time()))
    except (TypeError, ValueError):
        return None


def _sane(wait: float) -> float | None:
    """A wait that can be meant. Nothing below 0, and not what a broken clock would say."""
    return max(0.0, wait) if math.isfinite(wait) and wait <= MOST_WAIT_S else None
