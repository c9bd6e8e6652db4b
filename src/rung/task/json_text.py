"""JSON values in what a model wrote: bare, in a Markdown fence (closed or not), among prose."""

import json
import re
from collections.abc import Iterator

from rung.task.rows import strict_json
from rung.task.types import JsonValue

_FENCE = re.compile(r"```[\w+-]*[ \t]*\n?(.*?)(?:```|\Z)", re.DOTALL)
_OPENING = re.compile(r"[{\[]")
_MOST_PLACES = 200
"""Brackets at which a value may begin: a text full of them is no answer."""


def without_fence(text: str) -> str:
    """The inside of the first Markdown code fence, or the text itself; stripped."""
    fenced = re.search(r"```[\w+-]*[ \t]*\n(.*?)(?:```|\Z)", text, re.DOTALL)
    return (fenced.group(1) if fenced else text).strip()


def values_in(text: str) -> Iterator[JsonValue]:
    """The values that a text may mean, the likeliest first: all of it, a fence's, the last ones.

    NaN and Infinity are not JSON.
    """
    for whole in (
        text.strip(),
        *(m.group(1).strip() for m in reversed(list(_FENCE.finditer(text)))),
    ):
        try:
            yield strict_json(whole)
            return
        except (ValueError, RecursionError):
            continue
    yield from reversed(list(_embedded(text)))


def _embedded(text: str) -> Iterator[JsonValue]:
    """Objects and lists in the order in which they stand, none inside another."""
    decoder, at = json.JSONDecoder(), 0
    for _ in range(_MOST_PLACES):
        start = _OPENING.search(text, at)
        if start is None:
            return
        try:
            _, at = decoder.raw_decode(text, start.start())
            yield strict_json(text[start.start() : at])
        except json.JSONDecodeError as broken:
            if broken.msg.startswith("Unterminated") or broken.pos >= len(text.rstrip()):
                return  # cut short: what stands inside of it is not the answer
            at = max(at, start.start() + 1)
        except (ValueError, RecursionError):
            at = max(at, start.start() + 1)
