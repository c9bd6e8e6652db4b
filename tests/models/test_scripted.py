"""The test doubles say what the script says, and count."""

import asyncio

import numpy as np
import pytest

from rung.errors import ProviderError
from rung.models.base import ChatModel, ChatRequest, Embedder, Message
from scripted import ScriptedEmbedder, ScriptedModel


def ask(text: str, **fields: object) -> ChatRequest:
    return ChatRequest(messages=(Message(role="user", content=text),), **fields)


async def test_answers_by_function_mapping_and_sequence() -> None:
    by_function = ScriptedModel(lambda request: request.messages[-1].content.upper())
    assert (await by_function.reply(ask("hi"))).text == "HI"
    by_mapping = ScriptedModel({"refund": "short", "refund for shoes": "long", "exact": "e"})
    assert (await by_mapping.reply(ask("a refund for shoes please"))).text == "long"
    assert (await by_mapping.reply(ask("exact"))).text == "e"
    in_turn = ScriptedModel(["one", "two"])
    assert [(await in_turn.reply(ask("x"))).text for _ in range(2)] == ["one", "two"]
    for model in (by_mapping, in_turn):
        with pytest.raises(ProviderError, match="script of scripted/model"):
            await model.reply(ask("unknown"))


async def test_counts_records_and_fills_usage() -> None:
    model = ScriptedModel(["two words"])
    request = ask("three words here")
    reply = await model.reply(request)
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (3, 2)
    assert model.calls == 1 and model.requests == [request]
    await model.aclose()
    assert model.closed


async def test_fails_on_chosen_calls_only() -> None:
    boom = ProviderError("down", status=503)
    model = ScriptedModel(["a", "b", "c"], fail={1: boom})
    assert (await model.reply(ask("x"))).text == "a"
    with pytest.raises(ProviderError, match="down"):
        await model.reply(ask("x"))
    assert (await model.reply(ask("x"))).text == "c"
    picky = ScriptedModel(lambda _: "ok", fail=lambda n, r: boom if "bad" in str(r) else None)
    assert (await picky.reply(ask("good"))).text == "ok"
    with pytest.raises(ProviderError):
        await picky.reply(ask("bad"))


async def test_waits_its_latency_and_sees_concurrency() -> None:
    model = ScriptedModel(lambda _: "ok", latency_s=0.02)
    replies = await asyncio.gather(*(model.reply(ask("x")) for _ in range(5)))
    assert model.most_at_once == 5
    assert all(reply.latency_s >= 0.019 for reply in replies)


async def test_a_constrained_script_cannot_leave_the_choices() -> None:
    model = ScriptedModel(["a", "z"], constrains=True)
    assert (await model.reply(ask("x", choices=("a", "b")))).text == "a"
    with pytest.raises(ProviderError, match="no choice"):
        await model.reply(ask("x", choices=("a", "b")))


async def test_embedder_gives_repeatable_unit_vectors() -> None:
    embedder = ScriptedEmbedder()
    assert isinstance(embedder, Embedder) and isinstance(ScriptedModel([]), ChatModel)
    rows = await embedder.embed(["late parcel", "the parcel is late", "invoice", ""])
    assert rows.shape == (4, 256) and rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows, axis=1), 1)
    assert rows[0] @ rows[1] > rows[0] @ rows[2]
    assert np.array_equal(rows, await ScriptedEmbedder().embed(list(embedder.texts)))
    assert (await embedder.embed([])).shape == (0, 256)
