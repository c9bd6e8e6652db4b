"""From the solver's answer to OpenAI's response, whole or as a stream."""

import json
from typing import Any

from rung.records import Answer
from rung.serve.winner import Served
from rung.serve.wire import AnswerMessage, ChatCompletion, Choice, PromptDetails, Told, UsageCount
from rung.task.contract import render
from rung.task.rows import strict_json
from rung.task.types import Output, SchemaOutput
from rung.traffic import TrafficRecord

END = b"data: [DONE]\n\n"


def content_of(output: Output, answer: Answer) -> str | None:
    """The answer in the form of its contract; None where it is not valid.

    A label is exactly the label and JSON nothing but JSON, also where the model wrote a fence
    or a full stop around it that the contract forgives.
    """
    if not answer.valid:
        return None
    if not isinstance(output, SchemaOutput):
        return str(answer.value)
    try:
        strict_json(answer.text)
    except ValueError:
        return render(output, answer.value)
    return answer.text


def completion(
    record: TrafficRecord, answer: Answer, served: Served, ignored: list[str], logged: bool
) -> ChatCompletion:
    """The response to one request."""
    content = content_of(served.solver.spec.output, answer)
    usage = answer.usage
    return ChatCompletion(
        id=record.id,
        created=int(record.at.timestamp()),
        model=record.candidate,
        choices=[
            Choice(
                message=AnswerMessage(
                    content=content,
                    refusal=None if answer.valid else answer.problem or "The answer is not valid.",
                ),
                finish_reason="content_filter" if answer.finish == "refused" else answer.finish,
            )
        ],
        usage=UsageCount(
            prompt_tokens=usage.input_tokens,
            completion_tokens=usage.output_tokens,
            total_tokens=usage.input_tokens + usage.output_tokens,
            prompt_tokens_details=PromptDetails(cached_tokens=usage.cache_read_tokens),
        ),
        system_fingerprint=f"rung-{record.solver[:12]}",
        rung=Told.of(
            answer,
            candidate=record.candidate,
            solver=record.solver,
            said=None if answer.text == content else answer.text,
            cost_usd=record.cost_usd,
            latency_s=round(record.latency_s, 6),
            ignored=ignored,
            logged=logged,
        ),
    )


def events(made: ChatCompletion, with_usage: bool) -> bytes:
    """The same response as server-sent events in OpenAI's chunks.

    The answer is known whole before the first event: it was checked against its contract. Rung's
    own fields come with the chunk that ends the choice.
    """
    choice = made.choices[0]
    message = choice.message
    says = {"content": message.content} if message.refusal is None else {"refusal": message.refusal}
    chunks = [
        _chunk(made, {"role": "assistant", "content": "" if message.refusal is None else None}),
        _chunk(made, says),
        _chunk(made, {}, choice.finish_reason, {"rung": made.rung.model_dump(mode="json")}),
    ]
    if with_usage:
        chunks = [{**chunk, "usage": None} for chunk in chunks]
        last = _chunk(made, {}, None, {"usage": made.usage.model_dump()})
        chunks.append({**last, "choices": []})
    lines = [f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n".encode() for chunk in chunks]
    return b"".join([*lines, END])


def _chunk(
    made: ChatCompletion,
    delta: dict[str, Any],
    finish: str | None = None,
    more: dict[str, Any] | None = None,
) -> dict[str, Any]:
    return {
        "id": made.id,
        "object": "chat.completion.chunk",
        "created": made.created,
        "model": made.model,
        "system_fingerprint": made.system_fingerprint,
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
        **(more or {}),
    }
