"""How sure an endpoint's model is of its choice, out of the token probabilities that it tells.

https://platform.openai.com/docs/api-reference/chat/object: `choices[].logprobs.content[]` holds
each token of the answer and, in `top_logprobs`, what was likeliest there, as natural logarithms.

Some servers tell what the model thought before the answer was forced into its form (llama.cpp
does), others what was left of it. Therefore only what spells some choice counts, at each place: the
share of it that spells the given one. The local engine's confidence is the same product.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from rung.task.types import JsonValue

MOST_LIKELY = 20
"""Tokens asked for at each place: the most that OpenAI's protocol allows."""

_ROUNDING = 1e-3


class _Token(NamedTuple):
    spelling: bytes
    likeliest: dict[bytes, float]
    """Spellings with their log probability, the token's own only where it is among them."""


def confidence_in(answer: str, choices: Sequence[str], logprobs: JsonValue) -> float | None:
    """Probability, in [0, 1], of `answer` among `choices`; None where it is not told.

    `told` is a choice's `logprobs`. The answer may stand inside JSON: its last occurrence counts,
    with the character that ends it, which tells `card` from `card_lost`.
    """
    try:
        tokens = [_token(entry) for entry in logprobs["content"]]
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    answer = answer.strip()
    whole, wanted = b"".join(token.spelling for token in tokens), answer.encode()
    start = whole.rfind(wanted)
    if answer not in choices or start < 0:
        return None
    end = whole[start + len(wanted) :][:1]
    sure, at = 1.0, 0
    for token in tokens:
        after = at + len(token.spelling)
        if after > start and at < start + len(wanted + end):
            lead, so_far = whole[at:start], whole[start:at]
            paths = (lead + c.encode() + end for c in choices if c != answer)
            rivals = [path for path in paths if path.startswith(so_far)]
            share = _share(token, so_far, lead + wanted + end, rivals)
            if share is None:
                return None
            sure *= share
        at = after
    return sure


def _share(token: _Token, so_far: bytes, right: bytes, rivals: Sequence[bytes]) -> float | None:
    """Of the probability of all that goes on to spell some choice: what spells the right one.

    A rival that is not listed is taken to be as likely as it can be: as the least likely one that
    is listed, or what is left of 1. None where the token itself is not listed: nothing is told of
    its rivals then.
    """
    if not rivals:
        return 1.0
    if token.spelling not in token.likeliest:
        return None
    listed = {so_far + text: math.exp(logprob) for text, logprob in token.likeliest.items()}
    on = sum(p for text, p in listed.items() if _along(text, right))
    off = sum(
        p
        for text, p in listed.items()
        if not _along(text, right) and any(_along(text, rival) for rival in rivals)
    )
    unlisted = max(0.0, min(1.0 - sum(listed.values()), *listed.values()))
    return on / (on + off + unlisted) if on else None


def _along(text: bytes, path: bytes) -> bool:
    return path.startswith(text) or text.startswith(path)


def _token(entry: JsonValue) -> _Token:
    listed = ((_spelling(other), _logprob(other)) for other in entry["top_logprobs"])
    return _Token(_spelling(entry), {text: logprob for text, logprob in listed if text})


def _logprob(entry: JsonValue) -> float:
    """At most 0, but for rounding; anything else, NaN included, is none."""
    told = float(entry["logprob"])
    if not told <= _ROUNDING:
        raise ValueError
    return min(told, 0.0)


def _spelling(entry: JsonValue) -> bytes:
    """A token's bytes: its text alone cannot hold half of a character."""
    spelt = entry.get("bytes")
    return str(entry["token"]).encode() if spelt is None else bytes(spelt)
