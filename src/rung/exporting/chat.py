"""Training files of hosted tuning: one JSONL file for train, one for dev, in a provider's form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from rung.errors import UserError
from rung.exporting.files import Files
from rung.exporting.source import Source
from rung.task.types import JsonValue
from rung.tuning.hosted.base import chat_rows
from rung.tuning.hosted.formats import (
    FIREWORKS_LIMITS,
    OPENAI_LIMITS,
    TOGETHER_LIMITS,
    VERTEX_LIMITS,
    Limits,
    to_jsonl,
)
from rung.tuning.lessons import TuningExample


class ChatForm(NamedTuple):
    """A provider's rows and limits."""

    rows: Callable[[Sequence[TuningExample]], list[dict[str, JsonValue]]]
    limits: Limits


def vertex_rows(examples: Sequence[TuningExample]) -> list[dict[str, JsonValue]]:
    """Gemini's `contents`: the assistant is `model`, the system turn stands apart.

    There is no weight: every model turn is learnt, so conversations with shots are refused.
    """
    rows: list[dict[str, JsonValue]] = []
    for example in examples:
        system = [m.content for m in example.messages if m.role == "system"]
        turns = [m for m in example.messages if m.role != "system"]
        if any(m.role == "assistant" for m in turns):
            raise UserError(
                "Vertex would learn the answers of the shots too, as its rows have no weights: "
                "export a candidate without shots (--candidate)"
            )
        row: dict[str, JsonValue] = {}
        if system:
            row["systemInstruction"] = {"role": "system", "parts": [{"text": "\n".join(system)}]}
        row["contents"] = [
            *({"role": "user", "parts": [{"text": m.content}]} for m in turns),
            {"role": "model", "parts": [{"text": example.answer}]},
        ]
        rows.append(row)
    return rows


CHAT: dict[str, ChatForm] = {
    "openai": ChatForm(chat_rows, OPENAI_LIMITS),
    "together": ChatForm(chat_rows, TOGETHER_LIMITS),
    "fireworks": ChatForm(chat_rows, FIREWORKS_LIMITS),
    "vertex": ChatForm(vertex_rows, VERTEX_LIMITS),
}
"""By the name in `--to`."""


async def export_chat(source: Source, name: str) -> Files:
    """`train.jsonl`, and `dev.jsonl` where dev has as many rows as the provider takes."""
    form = CHAT[name]
    train, dev = await source.lessons(await source.taught())
    files = Files()
    files.put("train.jsonl", to_jsonl(form.rows(train), form.limits))
    if len(dev) >= form.limits.least_rows:
        files.put("dev.jsonl", to_jsonl(form.rows(dev), form.limits))
    else:
        files.note(f"dev has {len(dev)} examples, fewer than {name} takes: left out")
    files.note(f"limits: {form.limits.source}")
    return files
