"""Training files of hosted tuning: one JSONL file for train, one for dev, in a provider's form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from rung.exporting.files import Files
from rung.exporting.source import Source
from rung.models.base import ChatModel
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
from rung.tuning.hosted.vertex import vertex_rows
from rung.tuning.lessons import TuningExample


class ChatForm(NamedTuple):
    """A provider's rows and limits."""

    rows: Callable[[Sequence[TuningExample]], list[dict[str, JsonValue]]]
    limits: Limits
    dev_rows: Callable[[int, int], int] = lambda train, dev: dev
    """How many of so many dev rows may be written beside so many train rows."""


def vertex_dev_rows(train: int, dev: int) -> int:
    """At most 5,000; where there are more than 1,000, at most 30 % of the training rows."""
    return dev if dev <= 1000 else min(dev, 5000, max(1000, train * 3 // 10))


CHAT: dict[str, ChatForm] = {
    "openai": ChatForm(chat_rows, OPENAI_LIMITS),
    "together": ChatForm(chat_rows, TOGETHER_LIMITS),
    "fireworks": ChatForm(chat_rows, FIREWORKS_LIMITS),
    "vertex": ChatForm(vertex_rows, VERTEX_LIMITS, vertex_dev_rows),
}
"""By the name in `--to`."""


async def export_chat(source: Source, name: str) -> Files:
    """`train.jsonl`, and `dev.jsonl` where dev has as many rows as the provider takes."""
    form = CHAT[name]
    solver = await source.taught()
    train, dev = await source.lessons(solver)
    files = Files()
    files.put("train.jsonl", to_jsonl(form.rows(train), form.limits))
    most = form.dev_rows(len(train), len(dev))
    if most < len(dev):
        files.note(f"{most:,} of {len(dev):,} dev examples, evenly chosen: {name} takes no more")
        dev = [dev[i * len(dev) // most] for i in range(most)]
    if len(dev) >= form.limits.least_rows:
        files.put("dev.jsonl", to_jsonl(form.rows(dev), form.limits))
    else:
        files.note(f"dev has {len(dev)} examples, fewer than {name} takes: left out")
    cut = _cut(source.chat(solver.candidate.model), train, form.limits)
    if cut:
        files.note(cut)
    files.note(f"limits: {form.limits.source}")
    return files


def _cut(model: ChatModel, train: Sequence[TuningExample], limits: Limits) -> str:
    """What is too long for a provider, by the count of the model that is asked here."""
    most = limits.most_tokens
    if most is None:
        return ""
    # No token is shorter than a byte: what is short in bytes need not be counted.
    long = [e for e in train if sum(len(m.content.encode()) for m in e.turns) > most]
    counts = [n for n in map(model.count_tokens, (e.turns for e in long)) if n > most]
    if not counts:
        return ""
    return (
        f"{len(counts):,} training conversations have more than {most:,} tokens, the longest about "
        f"{max(counts):,}: {limits.provider} may cut off the end, which is the answer"
    )
