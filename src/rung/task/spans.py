"""Spans of traces as rows: OTel's GenAI conventions, OpenLLMetry's and OpenInference's (Phoenix).

What a model answered stands there, not what is right: `shapes` says so beside every such file.
"""

import re
from collections.abc import Iterator
from typing import Any

from rung.task.chat import opened, question, spoken
from rung.task.faults import Row
from rung.task.rows import SPANS
from rung.task.types import JsonValue

Data = dict[str, JsonValue]
_INPUTS = ("gen_ai.input.messages", "gen_ai.prompt", "llm.input_messages")
_OUTPUTS = ("gen_ai.output.messages", "gen_ai.completion", "llm.output_messages")
_MODELS = ("gen_ai.response.model", "gen_ai.request.model", "llm.model_name")
_EVENT = re.compile(r"gen_ai\.(system|user|assistant|tool)\.message")


def otel(row: Row) -> list[Data]:
    """The spans of a row that hold a question and its answer; none where it holds none."""
    return [data for span in _spans(row.data) if (data := _taken(row, span)) is not None]


def _spans(data: JsonValue) -> Iterator[Data]:
    """Spans one by one, out of OTLP's nested lists or a flat record."""
    nested = [data.get(key) for key in (*SPANS, "spans")]
    if any(isinstance(part, list) for part in nested):
        for part in nested:
            for inner in part if isinstance(part, list) else []:
                if isinstance(inner, dict):
                    yield from _spans(inner)
    else:
        yield data


def _taken(row: Row, span: Data) -> Data | None:
    values = _attributes(span.get("attributes"))
    values |= {
        key.removeprefix("attributes."): value
        for key, value in span.items()
        if key.startswith("attributes.") and value not in (None, "")
    }
    asked, answer = _messages(values, _INPUTS), _messages(values, _OUTPUTS)
    for event in span.get("events") or []:
        if isinstance(event, dict):
            _from_event(event, asked, answer)
    instructions = opened(values.get("gen_ai.system_instructions"))
    if asked and instructions:
        parts = instructions if isinstance(instructions, list) else [instructions]
        asked.insert(0, {"role": "system", "content": parts})
    if not answer or not asked:
        plain = [values.get(f"{side}.value") for side in ("input", "output")]
        kind = str(values.get("openinference.span.kind", span.get("span_kind", "LLM")))
        if not all(isinstance(one, str) and one for one in plain) or kind.upper() != "LLM":
            return None
        return _row(values, span, "", str(plain[0]), str(plain[1]))
    system, text = question(row, asked)
    return _row(values, span, system, text, spoken(row, answer[-1:]))


def _row(values: Data, span: Data, system: str, asked: str, answer: str) -> Data:
    model = next((str(values[key]) for key in _MODELS if values.get(key)), "")
    ident = span.get("spanId", span.get("span_id", span.get("context.span_id")))
    return {
        **({"id": str(ident)} if ident else {}),
        **({"system": system} if system else {}),
        "input": asked,
        "expected": answer,
        "meta": {"said_by": model} if model else {},
    }


def _from_event(event: Data, asked: list[Data], answer: list[Data]) -> None:
    """Messages that older conventions put into events."""
    name, values = str(event.get("name", "")), _attributes(event.get("attributes"))
    match = _EVENT.fullmatch(name)
    if match:
        content = values.get("content", values.get("gen_ai.event.content"))
        asked.append({**values, "role": match[1], "content": content})
    elif name == "gen_ai.choice":
        message = opened(values.get("message", values.get("content")))
        given = message if isinstance(message, dict) else {"content": message}
        answer.append({**given, "role": "assistant"})
    elif name == "gen_ai.content.prompt":
        asked += _messages(values, _INPUTS)
    elif name == "gen_ai.content.completion":
        answer += _messages(values, _OUTPUTS)


def _messages(values: Data, names: tuple[str, ...]) -> list[Data]:
    """Messages under one of these names: as JSON, as a list, or numbered key by key."""
    for name in names:
        whole = opened(values.get(name))
        if isinstance(whole, str) and whole:
            role = "assistant" if names is _OUTPUTS else "user"
            return [{"role": role, "content": whole}]
        if isinstance(whole, list) and whole:
            return [_message(one) for one in whole if isinstance(one, dict)]
        numbered: dict[int, Data] = {}
        for key, value in values.items():
            place = re.fullmatch(rf"{re.escape(name)}\.(\d+)\.(.+)", key)
            if place:
                numbered.setdefault(int(place[1]), {})[place[2]] = value
        if numbered:
            return [_message(numbered[index]) for index in sorted(numbered)]
    return []


def _message(given: Data) -> Data:
    plain = {key.removeprefix("message."): value for key, value in given.items()}
    inner = plain.get("message")
    known = inner if isinstance(inner, dict) else plain
    calls = [key for key in known if key.startswith("tool_calls") and known[key] not in (None, [])]
    return {
        **{key: value for key, value in known.items() if not key.startswith("tool_calls")},
        **({"tool_calls": True} if calls else {}),
    }


def _attributes(value: JsonValue) -> Data:
    """Attributes as a flat object, from OTLP's list of {key, value} or nested objects."""
    value = opened(value)
    if isinstance(value, list):
        return {
            str(one["key"]): _any_value(one.get("value"))
            for one in value
            if isinstance(one, dict) and "key" in one
        }
    return dict(_flat(value)) if isinstance(value, dict) else {}


def _flat(value: Data, start: str = "") -> Iterator[tuple[str, JsonValue]]:
    for key, inner in value.items():
        name = f"{start}{key}"
        if isinstance(inner, dict):
            yield from _flat(inner, f"{name}.")
        else:
            yield name, inner


def _any_value(value: Any) -> JsonValue:
    """OTLP's AnyValue."""
    if not isinstance(value, dict) or len(value) != 1:
        return value
    ((kind, inner),) = value.items()
    if kind == "arrayValue":
        return [_any_value(one) for one in inner.get("values", [])]
    if kind == "kvlistValue":
        return {str(one["key"]): _any_value(one.get("value")) for one in inner.get("values", [])}
    return inner
