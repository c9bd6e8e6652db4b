"""Whole labels scored by the embedded model."""

from __future__ import annotations

import asyncio
import math

import pytest

from rung.models.base import ChatReply, ChatRequest, Message
from rung.models.fetch import model_folder
from rung.models.registry import open_model

LOCAL = "local/smollm2-135m-instruct"
LABELS = ("music", "weather", "a table for two")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(model_folder(LOCAL) is None, reason="run `rung models fetch`"),
]


def ask(text: str, labels: tuple[str, ...] = LABELS) -> ChatRequest:
    said = Message(role="system", content=f"Answer with exactly one of: {', '.join(LABELS)}.")
    return ChatRequest(
        messages=(said, Message(role="user", content=text)), choices=labels, scored=True
    )


async def test_labels_are_scored_alike_alone_together_and_in_any_order() -> None:
    model = open_model(LOCAL)
    texts = ("play some jazz", "will it rain in Paris tomorrow, or on Sunday?", "book it")
    together = await asyncio.gather(*(model.reply(ask(text)) for text in texts))
    alone = [await model.reply(ask(text)) for text in texts]
    turned = [await model.reply(ask(text, LABELS[::-1])) for text in texts]
    await model.aclose()

    def told(reply: ChatReply) -> tuple[float, ...]:
        assert reply.logprobs is not None and reply.usage.seconds > 0
        return reply.logprobs

    for one, other, back in zip(together, alone, turned, strict=True):
        assert told(one) == pytest.approx(told(other), abs=0.1)
        assert told(back)[::-1] == pytest.approx(told(other), abs=0.1)
        assert all(value < 0 for value in told(one)) and sum(map(math.exp, told(one))) < 1
        assert one.text == LABELS[told(one).index(max(told(one)))]
        # The third label takes more tokens, each of which costs: it is no mean of them.
        assert one.usage.input_tokens > sum(len(label.split()) for label in LABELS)
