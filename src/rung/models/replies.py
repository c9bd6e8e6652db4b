"""A chat completion of OpenAI's protocol read as a reply."""

from __future__ import annotations

import json
from collections.abc import Iterable

from rung.errors import ProviderError
from rung.models.base import ChatReply, ChatRequest, Message
from rung.models.token_probabilities import confidence_in
from rung.records import Finish, Usage
from rung.task.types import JsonValue

CHARS_PER_TOKEN = 4
"""For estimates where the server does not count."""


def estimated(messages: Iterable[Message]) -> int:
    """Tokens of messages: characters / 4, rounded up."""
    return _estimate(sum(len(message.content) for message in messages))


def read_reply(
    completion: JsonValue, request: ChatRequest, place: str, latency_s: float
) -> ChatReply:
    """What a server at `place` answered with HTTP 200, `completion` being its JSON.

    An empty answer is an answer (text ""). Raises `ProviderError` where it is no chat completion.
    """
    if (upstream := error_object(completion)) is not None:
        raise ProviderError(f"{place} answered with an error inside a 200: {upstream!s:.300}")
    try:
        choice = completion["choices"][0]
        refusal = choice["message"].get("refusal")
        text = choice["message"].get("content") or refusal or ""
        usage = _usage(completion.get("usage") or {}, request, text)
        finish = _finish(choice.get("finish_reason"), refusal)
        sure = None
        if request.choices is not None:
            text = unwrapped(text)
            sure = confidence_in(text, request.choices, choice.get("logprobs"))
        return ChatReply(
            text=text, usage=usage, finish=finish, latency_s=latency_s, confidence=sure
        )
    except (AttributeError, KeyError, IndexError, TypeError, ValueError):
        raise ProviderError(
            f"{place} answered something that is no chat completion: is the "
            "address right (it usually ends in /v1)?"
        ) from None


def error_object(completion: JsonValue) -> JsonValue:
    """The error that a router passes on inside a 200, as {"error": …}; None where there is none.

    Whoever asks looks for it first, and takes it as the refusal that it is (its `code` is often
    the status of the server behind); one that is left to `read_reply` is raised there.
    """
    if not isinstance(completion, dict) or completion.get("choices"):
        return None
    return completion.get("error") or None


def _finish(reason: str | None, refusal: str | None) -> Finish:
    if refusal or reason == "content_filter":
        return "refused"
    return "length" if reason == "length" else "stop"


def _usage(reported: dict[str, JsonValue], request: ChatRequest, text: str) -> Usage:
    asked, said = reported.get("prompt_tokens"), reported.get("completion_tokens")
    if asked is None:
        asked = _estimate(sum(len(message.content) for message in request.messages))
    details = reported.get("prompt_tokens_details") or {}
    return Usage(
        input_tokens=asked,
        output_tokens=_estimate(len(text)) if said is None else said,
        cache_read_tokens=details.get("cached_tokens") or 0,
        cache_write_tokens=details.get("cache_write_tokens") or 0,
    )


def _estimate(chars: int) -> int:
    return -(-chars // CHARS_PER_TOKEN)


def unwrapped(text: str) -> str:
    """The choice inside {"answer": …}; a server that ignores the format answers it plainly."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    answer = value.get("answer") if isinstance(value, dict) and len(value) == 1 else None
    return answer if isinstance(answer, str) else text
