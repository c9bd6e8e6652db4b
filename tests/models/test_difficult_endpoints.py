"""Endpoints that refuse, limit, load and fail: each kind is a line of the public double."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from rung.errors import ProviderError, UserError
from rung.models.base import ChatRequest, Message
from rung.models.handshake import shake
from rung.models.openai_compatible import OpenAICompatible
from rung.task.endpoints import EndpointSettings
from scripted_http import (
    Behaviour,
    Call,
    Said,
    ScriptedServer,
    at_once,
    each,
    error,
    in_window,
    least_tokens,
    loading,
    most_logprobs,
    no_system_role,
    only_temperature,
    out_of_quota,
    refuses,
    says,
    streams_only,
    takes_no,
    upstream,
    web_page,
    window,
)


def ask(text: str = "hello") -> ChatRequest:
    turns = (Message(role="system", content="Sort."), Message(role="user", content=text))
    return ChatRequest(messages=turns, max_tokens=11, choices=("yes", "no"))


def yes(call: Call) -> str:
    return "yes"


def model_at(server: ScriptedServer, **settings: object) -> OpenAICompatible:
    own = EndpointSettings.model_validate(settings)
    return OpenAICompatible(server.model, settings=own, max_attempts=1)


def strange(field: str) -> Behaviour:
    """A refusal whose words name nothing."""
    return refuses(lambda call: field in call.body, error("E1042: request rejected by policy"))


@pytest.mark.parametrize(
    ("behaviours", "said"),
    [
        ([only_temperature(1)], "without temperature"),
        ([takes_no("temperature", 422)], "without temperature"),
        ([takes_no("seed")], "without seed"),
        ([takes_no("seed", 500)], "without seed"),
        ([takes_no("logprobs", 403)], "without logprobs"),
        ([takes_no("response_format", 404)], "without response_format"),
        ([most_logprobs(5)], "with 5 logprobs"),
        ([most_logprobs(3)], "with 3 logprobs"),
        ([no_system_role()], "system text inside the user turn"),
        ([least_tokens(64)], "room for 64 answer tokens"),
        ([streams_only()], "answers streamed"),
        ([takes_no("max_tokens")], ""),
        ([strange("seed")], "without seed"),
        ([strange("logprobs")], "without logprobs"),
        ([strange("response_format")], "without response_format"),
        ([strange("max_tokens")], ""),
        ([takes_no("seed"), only_temperature(1), no_system_role()],
         "without seed, temperature; system text inside the user turn"),
    ],
)  # fmt: skip
async def test_what_is_refused_is_left_out_or_put_another_way(
    behaviours: list[Behaviour], said: str
) -> None:
    with ScriptedServer(yes, *behaviours) as server:
        model = model_at(server)
        plain = model.identity
        assert (await model.reply(ask())).text == "yes"
        learning = len(server.calls)
        assert (await model.reply(ask("again"))).text == "yes"
        await model.aclose()
    assert len(server.calls) == learning + 1, "found once"
    assert "; ".join(model.dialect.said()) == said
    assert (model.identity == plain) == (said in ("", "answers streamed"))


async def test_many_requests_find_it_together() -> None:
    with ScriptedServer(yes, takes_no("seed")) as server:
        model = model_at(server)
        await asyncio.gather(*(model.reply(ask(str(i))) for i in range(12)))
        await model.aclose()
    assert server.answered == 12 + 1 and len(server.calls) <= 12 * 2 + 2


async def failure(model: OpenAICompatible, text: str = "hello") -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await model.reply(ask(text))
    return caught.value


@pytest.mark.parametrize("status", [400, 403, 422])
async def test_a_refusal_of_the_set_up_is_no_answer_to_an_example(status: int) -> None:
    with ScriptedServer(yes, refuses(lambda c: True, error("Deployment is off", status))) as server:
        found = await failure(model_at(server))
    assert found.asks_nothing_more and not found.final and "Deployment is off" in str(found)


@pytest.mark.parametrize("status", [400, 403, 451])
async def test_a_content_filter_concerns_its_example(status: int) -> None:
    with ScriptedServer(yes, says("weapon", "policy violation", status)) as server:
        model = model_at(server)
        found = await failure(model, "a weapon")
        assert (await model.reply(ask())).text == "yes"
    assert found.final and not found.asks_nothing_more and "policy violation" in str(found)
    assert not model.dialect.said()


async def test_a_prompt_beyond_the_window_concerns_its_example() -> None:
    with ScriptedServer(yes, window(500)) as server:
        found = await failure(model_at(server), "x" * 600)
    assert found.final and "too long" in str(found)


async def test_a_loading_server_is_waited_for_and_said() -> None:
    heard: list[str] = []
    with ScriptedServer(yes, loading(1.5)) as server:
        model = model_at(server)
        model.note = heard.append
        found, _ = await shake(model)
    assert found.dialect == model.dialect and not found.said()
    assert heard and "is loading" in heard[0] and len(server.calls) <= 4


async def test_a_server_that_loads_for_ever_is_left() -> None:
    with ScriptedServer(yes, loading(60)) as server:
        model = model_at(server, patience_s=0)
        found = await failure(model)
    assert "Loading model" in str(found) and len(server.calls) == 1


async def test_an_upstream_s_429_inside_a_200_is_waited_out() -> None:
    with ScriptedServer(yes, each(3, upstream(429, "slow down"))) as server:
        model = model_at(server)
        replies = [await model.reply(ask(str(i))) for i in range(5)]
    assert [r.text for r in replies] == ["yes"] * 5 and len(server.calls) == 7


def first(said: Said) -> Behaviour:
    """Only the first call is answered so."""
    return refuses(lambda call: call.number == 0, said)


def passed_on(problem: object) -> Said:
    return Said({"choices": None, "error": problem})


@pytest.mark.parametrize(
    "said",
    [
        passed_on({"type": "overloaded_error", "message": "Overloaded"}),
        passed_on({"type": "rate_limit_error", "message": "slow down"}),
        passed_on({"code": None, "status": "RESOURCE_EXHAUSTED", "message": "try later"}),
        passed_on({"status_code": 429, "message": "busy"}),
        passed_on({"code": "529", "message": "busy"}),
        passed_on("rate limit reached"),
        error("The model is overloaded. Please try again later.", 503),
        error("ThrottlingException: Too many requests", 400),
        error("Rate limit exceeded", 403),
        Said({"detail": "Overloaded"}, 529),
    ],
)
async def test_haste_is_waited_out_whatever_says_it(said: Said) -> None:
    heard: list[str] = []
    with ScriptedServer(yes, first(said)) as server:
        model = model_at(server)
        model.note = heard.append
        assert (await model.reply(ask())).text == "yes"
    assert len(server.calls) == 2 and not heard and not model.dialect.said()


@pytest.mark.parametrize(
    "problem",
    [{"code": 502}, {"code": "server_error"}, {"type": "internal_error"}, {"message": "unknown"}],
)
async def test_a_passing_fault_inside_a_200_is_asked_again(problem: dict[str, object]) -> None:
    with ScriptedServer(yes, first(passed_on({"message": "upstream", **problem}))) as server:
        model = OpenAICompatible(server.model)
        assert (await model.reply(ask())).text == "yes"
    assert len(server.calls) == 2


@pytest.mark.parametrize("code", ["insufficient_quota", "invalid_api_key", "authentication_error"])
async def test_an_account_s_fault_inside_a_200_is_said_at_once(code: str) -> None:
    said = passed_on({"code": code, "message": "no"})
    with ScriptedServer(yes, refuses(lambda c: True, said)) as server:
        found = await failure(OpenAICompatible(server.model))
    assert found.outage and len(server.calls) == 1


async def test_too_many_tokens_inside_a_200_are_no_haste() -> None:
    long = passed_on({"message": "too many tokens: 9000 of 8192"})
    with ScriptedServer(yes, refuses(lambda c: "xxx" in c.asked, long)) as server:
        found = await failure(model_at(server), "xxx")
    assert found.final and "too long" in str(found)


@pytest.mark.parametrize("status", [400, 422, 500, 200])
async def test_what_a_host_refused_itself_is_the_answer(status: int) -> None:
    own = {"code": "json_validate_failed", "failed_generation": '{"reply": "yes"}'}
    with ScriptedServer(yes, refuses(lambda c: True, error("no", status, **own))) as server:
        reply = await model_at(server).reply(ask())
    assert reply.text == "yes" and reply.usage.estimated and len(server.calls) == 1


async def test_the_operation_at_the_end_of_an_address_is_not_said_twice() -> None:
    with ScriptedServer(yes) as server:
        model = OpenAICompatible(f"{server.url}/chat/completions#m")
        await model.reply(ask())
    assert server.calls[0].path == "/v1/chat/completions"


@pytest.mark.parametrize(
    "place", ["https://r.openai.azure.com/openai/deployments/d", "http://h/v1"]
)
def test_an_address_with_a_query_names_the_setting(place: str) -> None:
    name = f"{place}/chat/completions?api-version=2024-06-01&key=very-secret#d"
    with pytest.raises(UserError) as caught:
        OpenAICompatible(name)
    said = str(caught.value)
    assert f'[models.settings."{place}#d"]' in said and '"api-version" = "…"' in said
    assert "very-secret" not in said and ("azure/<deployment>" in said) == ("azure" in place)


async def test_requests_in_flight_are_learnt() -> None:
    with ScriptedServer(yes, at_once(4), latency_s=0.1) as server:
        model = model_at(server)
        await asyncio.gather(*(model.reply(ask(str(i))) for i in range(60)))
        await model.aclose()
    assert server.answered == 60
    assert len(server.calls) < 60 + 32 + 30, "one burst is refused, and few after it"


async def test_a_pace_is_learnt_from_a_pause() -> None:
    with ScriptedServer(yes, in_window(10, 6.0)) as server:
        model = model_at(server)
        began = time.monotonic()
        await asyncio.gather(*(model.reply(ask(str(i))) for i in range(25)))
        took = time.monotonic() - began
        await model.aclose()
    assert server.answered == 25 and took < 40
    assert len(server.calls) < 25 + 32


async def test_a_set_pace_is_kept() -> None:
    with ScriptedServer(yes, in_window(5, 60.0)) as server:
        model = model_at(server, requests_per_minute=5)
        tasks = [asyncio.create_task(model.reply(ask(str(i)))) for i in range(8)]
        await asyncio.wait(tasks, timeout=1.5)
        assert sum(t.done() for t in tasks) == len(server.calls) == 5
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await model.aclose()


@pytest.mark.parametrize("behaviour", [web_page(), out_of_quota()])
async def test_what_can_be_asked_nothing_is_said_at_the_first_call(behaviour: Behaviour) -> None:
    with ScriptedServer(yes, behaviour) as server, pytest.raises(ProviderError) as caught:
        await shake(model_at(server))
    assert caught.value.outage and len(server.calls) == 1


@pytest.mark.parametrize(
    ("gets", "tokens"),
    [
        ({"/v1/models": {"data": [{"id": "scripted", "max_model_len": 4096}]}}, 4096),
        ({"/props": {"default_generation_settings": {"n_ctx": 2048}}}, 2048),
        ({"/api/ps": {"models": [{"name": "scripted", "context_length": 16384}]}}, 16384),
        ({}, 8192),
    ],
)
async def test_a_window_is_asked_of_the_server(gets: dict[str, object], tokens: int) -> None:
    with ScriptedServer(yes, gets=gets) as server:
        model = model_at(server)
        await shake(model)
        await model.aclose()
        assert model.context_window == tokens
        assert model_at(server, context_window=99).context_window == 99


async def test_headers_and_query_are_sent_and_shown_nowhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OUR_KEY", "very-secret")
    settings = {"headers": {"api-key": "$OUR_KEY"}, "query": {"api-version": "2024-06-01"}}
    with ScriptedServer(yes) as server:
        model = model_at(server, **settings)
        await model.reply(ask())
        await model.aclose()
    assert server.calls[0].headers["api-key"] == "very-secret"
    assert server.calls[0].path.endswith("?api-version=2024-06-01")
    assert "very-secret" not in model.identity + repr(model)
    monkeypatch.delenv("OUR_KEY")
    with ScriptedServer(yes) as server, pytest.raises(UserError, match="OUR_KEY"):
        await model_at(server, **settings).reply(ask())
