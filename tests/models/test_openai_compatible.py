"""The endpoint provider against a scripted loopback server: answers, retries, failures, secrets."""

from __future__ import annotations

import asyncio
import socket
import traceback
from typing import Any

import pytest
from fake_endpoint import Turn, completion, serving

from rung.errors import ProviderError, UserError
from rung.models.base import Adapter, ChatModel, ChatRequest, Message
from rung.models.openai_compatible import OpenAICompatible
from rung.task.endpoints import EndpointSettings

KEY = "sk-very-secret-0123456789"
SOON = {"retry-after-ms": "5"}
OK = Turn(completion("yes"))


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNG_API_KEY", KEY)


def ask(text: str = "hi", **fields: Any) -> ChatRequest:
    return ChatRequest(messages=(Message(role="user", content=text),), **fields)


def model_at(url: str, max_attempts: int = 4, **settings: Any) -> OpenAICompatible:
    own = EndpointSettings(**settings)
    return OpenAICompatible(f"{url}#m", settings=own, max_attempts=max_attempts)


async def failure(model: OpenAICompatible, request: ChatRequest | None = None) -> ProviderError:
    """The error of one call, checked for secrets in its text, its repr and its traceback."""
    with pytest.raises(ProviderError) as caught:
        await model.reply(request or ask())
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert KEY not in shown and "hunter2" not in shown
    return caught.value


async def test_an_answer_with_usage_as_reported() -> None:
    with serving(Turn(completion("yes"), wait_s=0.02)) as fake:
        model = model_at(fake.url)
        assert isinstance(model, ChatModel)
        reply = await model.reply(ask("hi", max_tokens=5, seed=3))
        await model.aclose()
    assert (reply.text, reply.finish) == ("yes", "stop")
    assert reply.usage.model_dump(exclude_defaults=True) == {
        "input_tokens": 11,
        "output_tokens": 3,
        "cache_read_tokens": 7,
    }
    assert 0.02 <= reply.latency_s < 5
    assert fake.bodies == [
        {
            "model": "m",
            "messages": [{"role": "user", "content": "hi"}],
            "temperature": 0.0,
            "seed": 3,
            "max_tokens": 5,
        }
    ]
    assert fake.headers[0]["authorization"] == f"Bearer {KEY}"
    assert fake.paths == ["/v1/chat/completions"]


@pytest.mark.parametrize(
    ("body", "text", "finish"),
    [
        (completion("cut", "length"), "cut", "length"),
        (completion("", "stop"), "", "stop"),
        (completion(None, "stop"), "", "stop"),
        (completion(None, "content_filter"), "", "refused"),
        (completion(None, "stop", refusal="I must not."), "I must not.", "refused"),
    ],
)
async def test_how_an_answer_ends(body: object, text: str, finish: str) -> None:
    with serving(Turn(body)) as fake:
        reply = await model_at(fake.url).reply(ask())
    assert (reply.text, reply.finish) == (text, finish)


@pytest.mark.parametrize("usage", [None, {}])
async def test_usage_is_estimated_where_none_is_reported(usage: object) -> None:
    with serving(Turn({**completion("abcde"), "usage": usage})) as fake:
        reply = await model_at(fake.url).reply(ask("x" * 40))
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (10, 2)
    assert reply.usage.estimated


async def test_a_rate_limit_is_waited_out_as_told() -> None:
    slow_down = Turn({"error": {"message": "slow down"}}, 429, {"retry-after": "0.2"})
    with serving(slow_down, OK) as fake:
        reply = await model_at(fake.url).reply(ask())
    assert reply.text == "yes" and len(fake.bodies) == 2
    assert reply.latency_s >= 0.2


async def test_a_rate_limit_beyond_patience_says_when_to_come_back() -> None:
    with serving(Turn({}, 429, {"retry-after": "900"})) as fake:
        error = await failure(model_at(fake.url))
    assert (error.status, error.retry_after_s, error.outage) == (429, 900.0, True)
    assert "run again in 900 s" in str(error) and len(fake.bodies) == 1


async def test_a_failing_server_is_asked_max_attempts_times() -> None:
    with serving(Turn({"error": {"message": "boom"}}, 500, SOON)) as fake:
        error = await failure(model_at(fake.url, max_attempts=3))
    alike = [b for b in fake.bodies if b["messages"][0]["content"] == "hi"]
    assert len(alike) == 3 and len(fake.bodies) == 5, "and whether a parameter is at fault, twice"
    assert (error.status, error.outage) == (500, False)
    assert "failed (500, 3 attempts)" in str(error)


async def test_a_silent_server_times_out() -> None:
    with serving(Turn(completion("late"), wait_s=0.5)) as fake:
        error = await failure(model_at(fake.url, timeout_s=0.1, max_attempts=1))
    assert not error.outage and "did not answer within 0.1 s (1 attempt)" in str(error)


async def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: refuses
        model = model_at(f"http://127.0.0.1:{taken.getsockname()[1]}/v1", max_attempts=1)
        error = await failure(model)
    assert error.outage and "cannot be reached" in str(error)


async def test_an_unknown_host() -> None:
    error = await failure(model_at("http://host.invalid/v1", max_attempts=1))
    assert error.outage and "http://host.invalid/v1 cannot be reached" in str(error)


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (401, {"error": {"message": f"Incorrect API key provided: {KEY}"}}, "the key in RUNG_API"),
        (402, {"error": {"message": "pay"}}, "paid up"),
        (403, {"error": {"message": "no"}}, "does not allow this key"),
        (404, {"error": {"message": "no model"}}, "no such model or address (404, model 'm')"),
        (429, {"error": {"message": "q", "code": "insufficient_quota"}}, "quota is used up"),
    ],
)
async def test_what_every_further_call_would_meet_too(status: int, body: object, says: str) -> None:
    with serving(Turn(body, status, SOON)) as fake:
        error = await failure(model_at(fake.url))
    assert error.outage and error.status == status and says in str(error)


async def test_a_refused_request_passes_the_reason_on_without_the_key() -> None:
    reason = f"This model's maximum context length is 10 tokens, max_tokens is too large {KEY}"
    with serving(Turn({"error": {"message": reason}}, 400)) as fake:
        model = model_at(fake.url)
        error = await failure(model)
    assert (error.status, error.outage, error.set_up, error.final) == (400, False, True, False)
    assert "maximum context length is 10 tokens" in str(error) and "***" in str(error)
    assert not model.left_out


@pytest.mark.parametrize(
    "turn",
    [
        Turn(b"{not json"),
        Turn(b"<html>hello</html>", headers={"content-type": "text/html"}),
        Turn(b""),
        Turn([]),
        Turn("text"),
        Turn({"object": "list", "data": []}),
        Turn({"choices": []}),
        Turn({"choices": None}),
        Turn({"choices": [{}]}),
        Turn({"choices": [{"message": [1], "finish_reason": "stop"}]}),
        Turn({"error": {"message": "upstream broke"}}),
    ],
    ids=str,
)
async def test_a_malformed_body_is_no_answer(turn: Turn) -> None:
    with serving(turn) as fake:
        error = await failure(model_at(fake.url, max_attempts=1))
    assert not error.outage


async def test_a_choice_is_asked_for_as_json_and_unwrapped() -> None:
    with serving(Turn(completion('{"answer": "b"}')), Turn(completion("a"))) as fake:
        model = model_at(fake.url)
        request = ask(choices=("a", "b"), max_tokens=4)
        assert [(await model.reply(request)).text for _ in range(2)] == ["b", "a"]
    wanted = fake.bodies[0]["response_format"]["json_schema"]
    assert wanted["strict"] and wanted["schema"]["properties"]["answer"]["enum"] == ["a", "b"]
    assert fake.bodies[0]["max_tokens"] == 20, "room for the wrapping"


async def test_strict_only_where_the_schema_is_closed() -> None:
    open_schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    closed = {**open_schema, "required": ["a"], "additionalProperties": False}
    with serving(Turn(completion('{"a": "x"}'))) as fake:
        for schema in (open_schema, closed):
            assert (await model_at(fake.url).reply(ask(json_schema=schema))).text == '{"a": "x"}'
    assert [b["response_format"]["json_schema"]["strict"] for b in fake.bodies] == [False, True]


async def test_a_choice_comes_with_the_confidence_that_its_tokens_tell() -> None:
    listed = [{"token": "yes", "logprob": -0.1}, {"token": "no", "logprob": -2.4}]
    told = {"content": [{**listed[0], "top_logprobs": listed}]}
    body = completion("yes")
    body["choices"][0]["logprobs"] = told
    with serving(Turn(body)) as fake:
        chosen = await model_at(fake.url).reply(ask(choices=("yes", "no")))
        free = await model_at(fake.url).reply(ask())
    assert chosen.confidence == pytest.approx(0.905 / (0.905 + 0.091), abs=0.01)
    assert free.confidence is None
    assert ["logprobs" in body for body in fake.bodies] == [True, False]


async def test_no_more_calls_at_once_than_allowed() -> None:
    with serving(Turn(completion("yes"), wait_s=0.05)) as fake:
        model = model_at(fake.url, in_flight=3)
        replies = await asyncio.gather(*(model.reply(ask(str(i))) for i in range(9)))
    assert len(replies) == 9 and fake.most_at_once == 3
    assert max(reply.latency_s for reply in replies) > 0.1, "queueing counts"


def test_each_event_loop_gets_its_own_connections() -> None:
    with serving(OK) as fake:
        model = model_at(fake.url)
        for _ in range(2):
            assert asyncio.run(model.reply(ask())).text == "yes"
        asyncio.run(model.aclose())


async def test_credentials_in_a_base_url_are_used_and_never_shown() -> None:
    with serving(OK, Turn({}, 404), Turn({}, 500, SOON)) as fake:
        url = fake.url.replace("http://", "http://user:hunter2@") + "?token=hunter2"
        model = OpenAICompatible("my/proxy", base_url=url, model="m", max_attempts=1)
        assert (await model.reply(ask())).text == "yes"
        for _ in range(2):
            assert fake.url in str(await failure(model))
    assert fake.headers[0]["authorization"].startswith("Basic ")
    assert fake.paths[0] == "/v1/chat/completions?token=hunter2"
    for shown in (repr(model), model.name, model.identity):
        assert "hunter2" not in shown
    assert model.identity == f"openai-compatible:{fake.url}#m"


def test_a_name_with_credentials_is_refused_because_names_are_written_down() -> None:
    for name in ("http://u:hunter2@h/v1#m", "https://h/v1?key=hunter2#m"):
        with pytest.raises(UserError, match="RUNG_API_KEY") as caught:
            OpenAICompatible(name)
        assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "place", "key_env"),
    [
        ("openai/gpt-5", "https://api.openai.com/v1", "OPENAI_API_KEY"),
        ("anthropic/claude-x", "https://api.anthropic.com/v1", "ANTHROPIC_API_KEY"),
        (
            "gemini/gemini-x",
            "https://generativelanguage.googleapis.com/v1beta/openai",
            "GEMINI_API_KEY",
        ),
        ("ollama/qwen3:0.6b", "http://localhost:11434/v1", "RUNG_API_KEY"),
        ("http://h:8000/v1#org/model#1", "http://h:8000/v1", "RUNG_API_KEY"),
    ],
)
def test_names(name: str, place: str, key_env: str) -> None:
    model = OpenAICompatible(name)
    assert (model.endpoint.place, model.endpoint.key_env) == (place, key_env)
    assert model.name == name and not model.constrains and not model.trains
    assert model.endpoint.model in name


def test_context_windows_are_looked_up_or_guessed_with_care() -> None:
    windows = {
        "openai/gpt-4o-mini": 128_000,
        "anthropic/claude-sonnet-4-5": 200_000,
        "openai/made-up": 128_000,
        "ollama/qwen3": 8192,
    }
    assert {name: OpenAICompatible(name).context_window for name in windows} == windows


@pytest.mark.parametrize("name", ["openai/", "http://h/v1", "http:///v1#m", "my/proxy", "plain"])
def test_names_without_host_or_model(name: str) -> None:
    with pytest.raises(UserError, match="http://host:port/v1#<model>"):
        OpenAICompatible(name)


async def test_a_missing_or_broken_key_is_said_at_the_first_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    model = OpenAICompatible("openai/gpt-5")
    error = await failure(model)
    assert error.outage and "set OPENAI_API_KEY" in str(error)
    monkeypatch.setenv("OPENAI_API_KEY", KEY + "\n\x7fé")
    error = await failure(model)
    assert error.outage and "characters that no key has" in str(error)


async def test_a_server_of_ones_own_needs_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNG_API_KEY")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_ORG_ID", "org-secret")
    with serving(OK) as fake:
        await model_at(fake.url).reply(ask())
    assert fake.headers[0]["authorization"] == "Bearer none"
    assert not [name for name in fake.headers[0] if name.startswith("openai-")]


async def test_adapters_and_half_characters_cannot_be_sent() -> None:
    with serving(OK) as fake:
        error = await failure(model_at(fake.url), ask(adapter=Adapter(path="p", digest="d")))
        assert "cannot load adapters" in str(error)
        error = await failure(model_at(fake.url), ask("\ud83d"))
        assert "lone surrogates" in str(error)
    assert fake.bodies == []


def test_tokens_are_estimated_by_characters() -> None:
    messages = (Message(role="system", content="abcde"), Message(role="user", content="xyz"))
    assert OpenAICompatible("ollama/x").count_tokens(messages) == 2
