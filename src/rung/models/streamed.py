"""An event stream of chat completion chunks put together to one completion.

Some servers stream although nobody asked for it. https://html.spec.whatwg.org/#event-stream-interpretation
"""

import json
from collections.abc import Iterator
from typing import Any

from rung.task.types import JsonValue

_JOINED = ("content", "refusal", "reasoning_content", "reasoning", "thinking", "text")


def gathered(body: str) -> dict[str, JsonValue] | None:
    """The completion that the events amount to; None where the text is no such stream."""
    chunks = [chunk for chunk in _events(body) if isinstance(chunk, dict)]
    if not chunks:
        return None
    whole: dict[str, Any] = {}
    message: dict[str, Any] = {}
    choice: dict[str, Any] = {"message": message, "finish_reason": None}
    for chunk in chunks:
        whole |= {name: value for name, value in chunk.items() if value and name != "choices"}
        for part in chunk.get("choices") or ():
            if isinstance(part, dict) and part.get("index", 0) == 0:
                _add(choice, message, part)
    if isinstance(whole.get("x_groq"), dict):
        whole.setdefault("usage", whole["x_groq"].get("usage"))
    if not _ended(body, choice, whole):
        return {"error": {"message": "the answer broke off in the middle", "code": 502}}
    heard = message or choice["finish_reason"] or any("choices" in chunk for chunk in chunks)
    return {**whole, "choices": [choice]} if heard and "error" not in whole else whole


def _ended(body: str, choice: dict[str, Any], whole: dict[str, Any]) -> bool:
    """Whether a stream came to its end: says why it ended, counts tokens, fails, or says so."""
    ending = choice["finish_reason"] or whole.get("usage") or whole.get("error")
    return bool(ending) or "[DONE]" in body


def _add(choice: dict[str, Any], message: dict[str, Any], part: dict[str, Any]) -> None:
    delta = part.get("delta") or part.get("message") or {"content": part.get("text")}
    for name in _JOINED:
        value = delta.get(name)
        if isinstance(value, str):
            so_far = message.get(name, "")
            grown = not part.get("delta") and value.startswith(so_far)  # all of it each time
            message[name] = value if grown else so_far + value
        elif isinstance(value, list):
            message[name] = [*message.get(name, []), *value]
    for call in delta.get("tool_calls") or ():
        calls = message.setdefault("tool_calls", [])
        place = min(int(call.get("index") or 0), len(calls))
        if place == len(calls):
            calls.append({"id": "", "function": {"name": "", "arguments": ""}})
        function = call.get("function") or {}
        calls[place]["id"] = calls[place]["id"] or call.get("id") or ""
        for name in ("name", "arguments"):
            calls[place]["function"][name] += function.get(name) or ""
    choice["finish_reason"] = part.get("finish_reason") or choice["finish_reason"]
    logprobs = (part.get("logprobs") or {}).get("content")
    if logprobs:
        choice.setdefault("logprobs", {"content": []})["content"] += logprobs


def _events(body: str) -> Iterator[JsonValue]:
    """The JSON of each event; lines of one event's data belong together."""
    data: list[str] = []
    failed = False
    for line in (*body.lstrip("\ufeff").splitlines(), ""):
        if line.startswith("event:"):
            failed = "error" in line
        elif line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line.strip() and data:
            try:
                event = json.loads("\n".join(data))
                named = isinstance(event, dict) and "error" in event
                yield {"error": event} if failed and not named else event
            except ValueError:
                yield from _each(data)
            data, failed = [], False


def _each(data: list[str]) -> Iterator[JsonValue]:
    """Servers that leave out the empty line between events; `[DONE]` is none."""
    for line in data:
        try:
            yield json.loads(line)
        except ValueError:
            continue
