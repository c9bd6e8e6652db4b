"""A chat completion of OpenAI's protocol read as a reply, in every shape that servers give it.

Text, content parts, tool calls, thoughts before the answer or in a field of their own, an event
stream that nobody asked for, a refusal. What cannot be read is named with what came instead.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from rung.errors import ProviderError
from rung.models.base import ChatReply, ChatRequest, Message, ToolCall
from rung.models.spoken import spoken
from rung.models.streamed import gathered
from rung.models.token_probabilities import confidence_in
from rung.models.usage import estimated_tokens, read_usage
from rung.records import Finish, Usage
from rung.task.json_text import values_in
from rung.task.scripts import whole_characters
from rung.task.types import JsonValue
from rung.task.wording import shown

_LENGTH = {
    "length",
    "max_tokens",
    "max_output_tokens",
    "model_length",
    "token_limit",
    "model_context_window_exceeded",
}
_REFUSED = {
    "content_filter",
    "content-filter",
    "refusal",
    "safety",
    "recitation",
    "blocklist",
    "prohibited_content",
    "spii",
    "sensitive",  # Zhipu
    "guardrail_intervened",  # Bedrock
    "content_filtered",
}
_FAILED = {
    "error",
    "abort",  # vLLM and SGLang
    "cancelled",
    "network_error",  # Zhipu
    "insufficient_system_resource",  # DeepSeek
}
"""Why an answer ended, where that was the server's doing and none of the model's."""
_BROKEN_OFF = {"message": "the answer ended in an error", "code": 502}
_OUT_OF_ROOM = re.compile(r"max\w*.{0,24}tokens?.{0,12}(reached|exceeded)", re.IGNORECASE)
_THOUGHTS = ("reasoning_content", "reasoning", "thinking", "thoughts")
_THINKING_PARTS = {"thinking", "reasoning", "redacted_thinking", "thought"}


class UnreadableReply(ProviderError):
    """A server answered, and was paid for it, but not with anything that can be read."""

    def __init__(self, message: str, usage: Usage) -> None:
        super().__init__(message, status=None)
        self.usage = usage


class _Said(NamedTuple):
    """A message's words by kind."""

    text: str = ""
    thoughts: str = ""
    refusal: str = ""


def estimated(messages: Iterable[Message]) -> int:
    """Tokens of messages, counted by characters."""
    return estimated_tokens("".join(message.content for message in messages))


def read_reply(
    completion: JsonValue, request: ChatRequest, place: str, latency_s: float
) -> ChatReply:
    """What a server at `place` answered with HTTP 200, `completion` being its JSON or its text.

    An empty answer is an answer (text ""); one that is empty because all its tokens were thoughts
    ended in `length`. Raises `UnreadableReply` where there is no answer to read.
    """
    completion = as_completion(completion)
    if (upstream := error_object(completion)) is not None:
        raise ProviderError(f"{place} answered with an error inside a 200: {upstream!s:.300}")
    reported = completion.get("usage") if isinstance(completion, dict) else None
    try:
        choice = _choice(completion)
        raw = _Said(*map(whole_characters, _said(choice)))
        thoughts, words = raw.thoughts, spoken(raw.text)
        reason = str(choice.get("finish_reason") or choice.get("stop_reason") or "").lower()
        silent = choice.get("message") is None and reason not in _LENGTH | _REFUSED
        if not (raw.text or thoughts or raw.refusal) and (silent or not reason):
            raise ValueError
    except (AttributeError, KeyError, IndexError, TypeError, ValueError):
        used = used_for(completion, request)
        if (blocked := _blocked(completion)) is not None:
            return ChatReply(text=blocked, usage=used, finish="refused", latency_s=latency_s)
        raise UnreadableReply(_unreadable(place, completion), used) from None
    usage = read_usage(reported, _asked(request), thoughts + raw.text + raw.refusal)
    text, sure = words.text or raw.refusal, None
    calls = _calls(choice) if request.tools and request.may_call else ()
    if calls and text == _called(choice["message"]):
        text = ""
    thought = words.thought or bool(thoughts.strip()) or _hidden(reported)
    empty = not text.strip() and not calls
    if request.choices is not None:
        text = unwrapped(text, request.choices)
        sure = confidence_in(text, request.choices, choice.get("logprobs"))
    return ChatReply(
        text=text,
        usage=usage,
        finish=_finish(reason, raw.refusal, cut=words.unfinished or (empty and thought)),
        latency_s=latency_s,
        confidence=sure,
        thought=thought,
        calls=calls,
    )


def read_body(content: bytes) -> JsonValue:
    """What a server sent, as JSON; as text where it is none."""
    try:
        body: JsonValue = json.loads(content)  # UTF-8 with or without a mark, UTF-16, UTF-32
    except (ValueError, RecursionError):
        return as_completion(content.decode("utf-8", "replace").strip())
    return body


def was_cut(answer: JsonValue) -> bool:
    """Whether what came is the beginning of a completion, or nothing at all."""
    if not isinstance(answer, str) or "}\n{" in answer:  # the last: objects of another protocol
        return False
    return not answer or answer.startswith(('{"', "{ ", "{\n"))


def used_for(completion: JsonValue, request: ChatRequest) -> Usage:
    """What an answer used that nobody reads."""
    reported = completion.get("usage") if isinstance(completion, dict) else None
    return read_usage(reported, _asked(request), "")


def as_completion(answer: JsonValue) -> JsonValue:
    """A completion that came as text: JSON under another content type, or an event stream."""
    if not isinstance(answer, str):
        return answer
    try:
        return json.loads(answer)
    except (ValueError, RecursionError):
        return gathered(answer) or answer


def error_object(completion: JsonValue) -> JsonValue:
    """The error that a router passes on inside a 200; None where there is none.

    As {"error": …}, {"object": "error", …} (vLLM), or inside the choice (OpenRouter).
    Whoever asks looks for it first, and takes it as the refusal that it is (its `code` is often
    the status of the server behind); one that is left to `read_reply` is raised there.
    """
    completion = as_completion(completion)
    if isinstance(completion, list) and len(completion) == 1:  # Google
        completion = completion[0]
    if not isinstance(completion, dict):
        return None
    choices = completion.get("choices")
    if choices:
        first = choices[0] if isinstance(choices, list) else None
        if not isinstance(first, dict):
            return None
        broken = str(first.get("finish_reason")).lower() in _FAILED
        return first.get("error") or (_BROKEN_OFF if broken else None)
    if (own := _own_error(completion)) is not None:
        return own
    if completion.get("object") == "error" or completion.get("type") == "error":
        return completion.get("error") or completion
    return completion.get("error") or completion.get("errors") or None


def _own_error(completion: dict[str, JsonValue]) -> JsonValue | None:
    """The error of hosts that have a form of their own: a number and words, no `error` (MiniMax's
    `base_resp`, Baidu's `error_code`, Zhipu's `code`)."""
    said = completion.get("base_resp") or completion
    if not isinstance(said, dict):
        return None
    codes = [said.get(name) for name in ("status_code", "error_code", "code", "status")]
    told = [said.get(name) for name in ("status_msg", "error_msg", "msg", "message")]
    code, message = next(filter(None, codes), None), next(filter(None, told), None)
    if code is None or not isinstance(message, str):
        return None
    return {"message": message, "code": code}


def failed_generation(body: JsonValue) -> JsonValue | None:
    """The completion that a host (Groq) refused itself because it misses the schema; None else.

    It is what the model said: whoever asked validates it as any other.
    https://console.groq.com/docs/structured-outputs#error-handling
    """
    error = body.get("error", body) if isinstance(body, dict) else None
    generation = error.get("failed_generation") if isinstance(error, dict) else None
    if not (isinstance(error, dict) and generation and _flat(generation).strip()):
        return None
    cut = _OUT_OF_ROOM.search(_flat(error.get("message"))) is not None
    turn = {"role": "assistant", "content": _flat(generation)}
    return {"choices": [{"message": turn, "finish_reason": "length" if cut else "stop"}]}


def unwrapped(text: str, choices: tuple[str, ...] = ()) -> str:
    """The choice inside {"answer": …}; a server that ignores the format answers it plainly.

    Under another name than ours it counts where it is one of the `choices`.
    """
    for value in values_in(text):
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if isinstance(value, dict) and len(value) == 1:
            ((name, value),) = value.items()
            if isinstance(value, str) and (name == "answer" or value in choices):
                return value
        elif isinstance(value, str) and value in choices:
            return value
    return text


def _choice(completion: JsonValue) -> dict[str, JsonValue]:
    choice: dict[str, JsonValue] = completion["choices"][0]
    choice.get("message")
    return choice


def _said(choice: dict[str, JsonValue]) -> _Said:
    message = choice.get("message") or choice.get("delta")
    if message is None:
        return _Said(text=_flat(choice.get("text")))
    if isinstance(message, str):
        return _Said(text=message)
    content = message.get("content")
    parts = list(_parts(content)) if isinstance(content, list) else [_Said(text=_flat(content))]
    text = "".join(part.text for part in parts)
    thoughts = "".join(part.thoughts for part in parts)
    refusal = _flat(message.get("refusal")) + "".join(part.refusal for part in parts)
    own = next((_flat(message[name]) for name in _THOUGHTS if message.get(name)), "")
    return _Said(text if text.strip() else _called(message) or text, thoughts + own, refusal)


def _parts(content: list[JsonValue]) -> Iterator[_Said]:
    for part in content:
        if isinstance(part, str):
            yield _Said(text=part)
        elif not isinstance(part, dict):
            continue
        elif part.get("type") in _THINKING_PARTS:
            yield _Said(thoughts=_flat(part.get("thinking") or part.get("text")))
        elif part.get("type") == "refusal":
            yield _Said(refusal=_flat(part.get("refusal")))
        else:
            yield _Said(text=_flat(part.get("text") or part.get("content")))


def _flat(value: JsonValue) -> str:
    """Words that may stand in parts, or inside {"text": …} or {"value": …}."""
    if isinstance(value, list):
        return "".join(map(_flat, value))
    if isinstance(value, dict):
        for name in ("text", "value", "content"):
            if name in value:
                return _flat(value[name])
        return json.dumps(value, ensure_ascii=False)
    return "" if value is None else str(value)


def _calls(choice: dict[str, JsonValue]) -> tuple[ToolCall, ...]:
    """The tools that a model wants called; a server may leave out the ids."""
    message = choice.get("message")
    listed = message.get("tool_calls") if isinstance(message, dict) else None
    calls = []
    for n, call in enumerate(listed if isinstance(listed, list) else ()):
        wanted = call.get("function") if isinstance(call, dict) else None
        if isinstance(wanted, dict) and wanted.get("name"):
            given = wanted.get("arguments")
            text = given if isinstance(given, str) else json.dumps(given or {}, ensure_ascii=False)
            ident = str(call.get("id") or f"call_{n}")
            calls.append(ToolCall(id=ident, name=str(wanted["name"]), arguments=text))
    return tuple(calls)


def _called(message: dict[str, JsonValue]) -> str:
    """What a tool was called with: some servers give a schema's answer so."""
    calls = [call.get("function") for call in message.get("tool_calls") or () if call]
    for call in (*calls, message.get("function_call")):
        given = (call or {}).get("arguments")
        if given:
            return given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
    return ""


def _finish(reason: str, refusal: str, *, cut: bool) -> Finish:
    if refusal or reason in _REFUSED:
        return "refused"
    return "length" if cut or reason in _LENGTH else "stop"


def _hidden(reported: JsonValue) -> bool:
    """Whether the server counted thoughts that it does not show."""
    details = reported.get("completion_tokens_details") if isinstance(reported, dict) else None
    return bool(details.get("reasoning_tokens")) if isinstance(details, dict) else False


def _asked(request: ChatRequest) -> str:
    return "".join(message.content for message in request.messages)


def _blocked(completion: JsonValue) -> str | None:
    """Why a question was not let through to the model, where that is said in place of an answer."""
    if not isinstance(completion, dict) or completion.get("choices"):
        return None
    blocked = completion.get("prompt_filter_results") or completion.get("prompt_feedback")
    return shown(blocked) if blocked else None


def _unreadable(place: str, completion: JsonValue) -> str:
    if isinstance(completion, dict) and "choices" in completion:
        return f"{place} answered without any words: {shown(completion['choices'])}"
    return (
        f"{place} answered something that is no chat completion: {shown(completion)}; is the "
        "address right (it usually ends in /v1)?"
    )
