"""What every chat model on the shelf promises, asked of each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from fake_endpoint import Turn, completion, serving

from rung.errors import ProviderError
from rung.models.base import ChatModel, ChatReply, ChatRequest, Message
from rung.models.openai_compatible import OpenAICompatible
from scripted import ScriptedModel

KEY = "sk-contract-secret-42"
LOCAL = "local/smollm2-135m-instruct"


def ask(text: str = "Is water wet? Answer yes or no.", max_tokens: int = 4) -> ChatRequest:
    return ChatRequest(messages=(Message(role="user", content=text),), max_tokens=max_tokens)


def scripted(_: ExitStack) -> ChatModel:
    return ScriptedModel(lambda request: "yes")


def endpoint(stack: ExitStack) -> ChatModel:
    fake = stack.enter_context(serving(Turn(completion("yes"))))
    return OpenAICompatible(f"{fake.url}#m")


def local(_: ExitStack) -> ChatModel:
    from rung.models.fetch import model_folder
    from rung.models.registry import open_model

    if model_folder(LOCAL) is None:
        pytest.skip(f"{LOCAL} is not on this machine: run `rung models fetch`")
    return open_model(LOCAL)


SHELF = [scripted, endpoint, pytest.param(local, marks=pytest.mark.slow)]


@pytest.fixture(params=SHELF)
def model(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatModel]:
    monkeypatch.setenv("RUNG_API_KEY", KEY)
    with ExitStack() as stack:
        yield request.param(stack)


async def test_it_is_a_chat_model(model: ChatModel) -> None:
    assert isinstance(model, ChatModel)
    assert model.name and model.identity and model.context_window > 0
    await model.aclose()


async def test_replies_at_once_with_usage_and_latency(model: ChatModel) -> None:
    replies = await asyncio.gather(*(model.reply(ask()) for _ in range(5)))
    await model.aclose()
    for reply in replies:
        assert isinstance(reply, ChatReply) and reply.text == replies[0].text
        assert reply.usage.input_tokens > 0 and reply.usage.output_tokens > 0
        assert reply.latency_s > 0 and reply.finish in ("stop", "length", "refused")


async def test_tokens_are_counted_and_grow(model: ChatModel) -> None:
    short, long = (model.count_tokens(ask("a few words " * n).messages) for n in (1, 50))
    await model.aclose()
    assert 0 < short < long


async def test_no_secret_in_what_it_shows(model: ChatModel) -> None:
    await model.reply(ask())
    await model.aclose()
    assert KEY not in f"{model!r} {model} {model.name} {model.identity}"


async def test_closing_twice_is_harmless(model: ChatModel) -> None:
    await model.aclose()
    await model.aclose()


def failing_scripted(_: ExitStack) -> ChatModel:
    return ScriptedModel([], fail=lambda *_: ProviderError("down"))


def failing_endpoint(stack: ExitStack) -> ChatModel:
    down = Turn({"error": {"message": f"bad key {KEY}"}}, 500, {"retry-after-ms": "1"})
    return OpenAICompatible(f"{stack.enter_context(serving(down)).url}#m")


@pytest.mark.parametrize("make", [failing_scripted, failing_endpoint])
async def test_a_failure_is_an_error_never_an_answer(
    make: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNG_API_KEY", KEY)
    with ExitStack() as stack:
        model = make(stack)  # type: ignore[operator]
        results = await asyncio.gather(
            *(model.reply(ask()) for _ in range(3)), return_exceptions=True
        )
    assert all(isinstance(result, ProviderError) for result in results)
    assert KEY not in repr(results)
