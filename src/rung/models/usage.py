"""Token counts as servers report them, read so that nothing comes out cheaper than it was.

OpenAI counts thoughts inside the output and cached tokens inside the input
(https://platform.openai.com/docs/api-reference/chat/object#chat-object-usage); others count them
beside it, leave counts out, or send them as text. Of two readings the dearer one is taken, and
whatever is not the protocol's own reading is marked as `estimated`.
"""

import math
import re
from typing import NamedTuple

from rung.records import Usage
from rung.task.types import JsonValue

MOST_TOKENS = 10**9
"""A larger count is none."""


_OTHER_NAMES = {
    "asked": ("promptTokenCount", "promptTokens", "prompt_eval_count"),
    "said": ("candidatesTokenCount", "completionTokens", "eval_count"),
    "total": ("totalTokenCount", "totalTokens"),
}
"""Gemini's, the AI SDK's and Ollama's own, which routers pass on."""


class Counts(NamedTuple):
    """What a server told; None where it told nothing that is a count."""

    asked: int | None
    said: int | None
    total: int | None
    cached: int
    written: int
    thought: int


def read_usage(reported: JsonValue, asked: str, answered: str) -> Usage:
    """Usage of a call, from a server's `usage` and the texts that were sent and came."""
    counts = _counts(reported if isinstance(reported, dict) else {})
    prompt, output = counts.asked, counts.said
    if prompt is None and counts.total is not None and output is not None and counts.total > output:
        prompt = counts.total - output
    if (
        output is None
        and counts.total is not None
        and prompt is not None
        and counts.total >= prompt
    ):
        output = counts.total - prompt
    if not prompt:
        prompt = estimated_tokens(asked)
    if output is None or (output == 0 and answered):
        output = estimated_tokens(answered)
    aside = counts.cached + counts.written
    if aside and (aside > prompt or counts.total == prompt + output + aside):
        prompt += aside
    if counts.thought > output:
        output += counts.thought
    if counts.total is not None:
        output = max(output, counts.total - prompt)
    own_reading = (prompt, output) == (counts.asked, counts.said)
    return Usage(
        input_tokens=prompt,
        output_tokens=output,
        cache_read_tokens=counts.cached,
        cache_write_tokens=counts.written,
        estimated=not own_reading or counts.total not in (None, prompt + output),
    )


def _counts(reported: dict[str, JsonValue]) -> Counts:
    into = _inner(reported, "prompt_tokens_details", "input_tokens_details")
    out = _inner(reported, "completion_tokens_details", "output_tokens_details")
    cached = (
        _first(into, "cached_tokens")
        or _first(reported, "prompt_cache_hit_tokens", "cache_read_input_tokens", "cached_tokens")
        or _first(reported, "cachedContentTokenCount")
        or 0
    )
    written = (
        _first(into, "cache_write_tokens", "cache_creation_tokens")
        or _first(reported, "cache_creation_input_tokens")
        or 0
    )
    aside = _first(reported, "reasoning_tokens", "thoughtsTokenCount")
    thought = _first(out, "reasoning_tokens") or aside or 0
    return Counts(
        asked=_first(reported, "prompt_tokens", "input_tokens", *_OTHER_NAMES["asked"]),
        said=_first(reported, "completion_tokens", "output_tokens", *_OTHER_NAMES["said"]),
        total=_first(reported, "total_tokens", *_OTHER_NAMES["total"]),
        cached=cached,
        written=written,
        thought=thought,
    )


def _inner(reported: dict[str, JsonValue], *names: str) -> dict[str, JsonValue]:
    return next((v for n in names if isinstance(v := reported.get(n), dict)), {})


def _first(reported: dict[str, JsonValue], *names: str) -> int | None:
    return next((n for name in names if (n := _count(reported.get(name))) is not None), None)


def _count(value: JsonValue) -> int | None:
    """A count given as a number or as text; None for anything else, such as -1 or true."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return math.ceil(number) if 0 <= number <= MOST_TOKENS else None


_SHARES = (
    (re.compile(r"[\x20A-Za-z]"), 0.25),
    (re.compile(r"[0-9]"), 1.0),
    (re.compile(r"[\x00-\x1f\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]"), 0.5),
    (re.compile(r"[\x80-\u08ff]"), 0.5),
    (re.compile(r"[\u0900-\uffff]"), 1.0),
    (re.compile(r"[\U00010000-\U0010ffff]"), 2.0),
)
"""Tokens a character. Our own figures, on the safe side of the tokenizers named above."""


def estimated_tokens(text: str) -> int:
    """Tokens, rounded up, where nobody counts them; 0 for an empty text.

    By kind of character, as the tokenizers in use split them: a Latin letter is a quarter of a
    token, a letter of another alphabet half of one, a Chinese, Japanese, Thai or Indic character
    one, and a digit one (Qwen, Gemma and Mistral split numbers into digits; OpenAI's take three).
    """
    if text.isascii() and text.isalpha():
        return math.ceil(len(text) / 4)
    return math.ceil(sum(share * len(kind.findall(text)) for kind, share in _SHARES))
