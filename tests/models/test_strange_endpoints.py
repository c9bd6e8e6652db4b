"""What servers of many makes say: got through, or told in one sentence, and never an answer that
the model did not give. A new kind is one line."""

from __future__ import annotations

import gzip
import json
import time

import pytest

from rung.errors import ProviderError
from rung.models.base import ChatRequest, Message
from rung.models.openai_compatible import OpenAICompatible
from rung.models.told_to_wait import told_to_wait
from rung.task.endpoints import EndpointSettings
from rung.task.types import JsonValue
from scripted_http import Behaviour, Call, Said, ScriptedServer, refuses

TURNS = (Message(role="system", content="Sort."), Message(role="user", content="a bomb"))
ASKED = ChatRequest(messages=TURNS, max_tokens=50, choices=("yes", "no"))


def yes(call: Call) -> str:
    return "yes"


def always(body: JsonValue, status: int = 200, **headers: str) -> Behaviour:
    return refuses(lambda c: True, Said(body, status, headers))


def once(body: JsonValue, status: int = 200, **headers: str) -> Behaviour:
    return refuses(lambda c: c.number == 0, Said(body, status, headers))


def has(field: str, body: JsonValue, status: int = 400) -> Behaviour:
    return refuses(lambda c: field in c.body, Said(body, status))


def word(body: JsonValue, status: int = 400) -> Behaviour:
    return refuses(lambda c: "bomb" in c.asked, Said(body, status))


def whole(message: JsonValue = None, finish: JsonValue = "stop", **more: JsonValue) -> JsonValue:
    turn = message if message is not None else {"role": "assistant", "content": "yes"}
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
    return {"choices": [{"message": turn, "finish_reason": finish}], "usage": usage, **more}


def calls(arguments: JsonValue) -> JsonValue:
    called = {"function": {"name": "answer", "arguments": arguments}}
    return whole({"content": None, "tool_calls": [called]}, "tool_calls")


def delta(text: str | None, finish: str | None = None) -> JsonValue:
    return {"choices": [{"delta": {"content": text}, "finish_reason": finish}]}


def stream(*chunks: JsonValue, done: bool = True, line: str = "\n") -> bytes:
    """An event stream; what is text stands in it as it is."""
    lines = [c if isinstance(c, str) else f"data: {json.dumps(c)}" for c in chunks]
    return (f"{line}{line}".join([*lines, *["data: [DONE]"] * done]) + line * 2).encode()


def bytes_of(body: JsonValue, encoding: str = "utf-8") -> bytes:
    return json.dumps(body).encode(encoding)


PLAIN = bytes_of(whole())
GOOGLE = "type.googleapis.com/google.rpc.RetryInfo"
GOT: dict[str, Behaviour] = {
    "LiteLLM, a parameter": has("seed", {"error": {
        "message": "litellm.UnsupportedParamsError: x does not support parameters: ['seed']"}}),
    "LiteLLM, a 400 inside a 500": has("logprobs", {"error": {
        "message": 'litellm.BadRequestError: {"error": {"message": "Logprobs is not supported"}}',
        "code": "500"}}, 500),
    "vLLM, fewer logprobs": refuses(lambda c: c.body.get("top_logprobs", 0) > 5, Said(
        {"object": "error", "message": "Requested sample logprobs of 20, which is greater than max "
         "allowed: 5", "code": 400}, 400)),
    "Gemini, a list around the error": has("seed", [{"error": {
        "code": 400, "message": 'Unknown name "seed": Cannot find field.'}}]),
    "Gemini, quota of a minute": once([{"error": {
        "code": 429, "message": "You exceeded your current quota, please check your plan",
        "details": [{"@type": GOOGLE, "retryDelay": "0.2s"}]}}], 429),
    "Bedrock, a key too many": has("temperature", {
        "message": "Malformed input request: extraneous key [temperature] is not permitted"}),
    "Bedrock, throttled by its type": once(
        {"__type": "ThrottlingException", "message": "Rate exceeded"}, 400),
    "Bedrock, tokens": once({"message": "Too many tokens, please wait before trying again."}, 429),
    "Anthropic, overloaded": once({"type": "error", "error": {"type": "overloaded_error"}}, 529),
    "Groq, its own refusal": always({"error": {"code": "json_validate_failed",
        "message": "Failed", "failed_generation": '{"answer": "yes"}'}}, 400),
    "Groq, minutes in words": once({"error": {"message": "try again in 0m0.2s."}}, 429),
    "OpenRouter, no endpoint": has("response_format", {"error": {"code": 404,
        "message": "No endpoints found that can handle the requested parameters."}}, 404),
    "OpenRouter, the provider's header": once({"error": {"code": 429, "message": "busy",
        "metadata": {"headers": {"Retry-After": "0"}}}}),
    "OpenRouter, an error in the choice": once({"choices": [
        {"error": {"code": 502, "message": "gone"}, "message": {"content": ""}}]}),
    "an answer that ended in an error": once(whole({"content": "y"}, "error")),
    "FastAPI, a field": has("seed", {"detail": [
        {"loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]}, 422),
    "FastAPI, a role": refuses(lambda c: c.body["messages"][0]["role"] == "system", Said(
        {"detail": [{"loc": ["messages", 0, "role"], "msg": "Input should be 'user'"}]}, 422)),
    "Ollama, a runner that died": once({"error": "llama runner process has terminated"}, 500),
    "a gateway's page": once(b"<html><h1>502 Bad Gateway</h1></html>", 502),
    "Cloudflare": once(b"error code: 524", 524),
    "a refusal without a word, once": once(b"", 400),
    "gzip": always(gzip.compress(PLAIN), **{"content-encoding": "gzip"}),
    "a byte order mark": always(b"\xef\xbb\xbf" + PLAIN),
    "UTF-16": always(bytes_of(whole(), "utf-16")),
    "blank lines first": always(b"\n\n  " + PLAIN),
    "another type": always(PLAIN, **{"content-type": "text/plain"}),
    "no type": always(PLAIN, **{"content-type": ""}),
    "cut, once": once(PLAIN[:60]),
    "nothing, once": once(b""),
    "NaN among the counts": always(PLAIN.replace(b": 9", b": NaN")),
    "a count beyond all": always(PLAIN.replace(b": 2", b": 1e400")),
    "counts as a list": always(whole(usage=[1, 2])),
    "counts below zero": always(whole(usage={"prompt_tokens": -1, "completion_tokens": -2})),
    "counts of null": always(whole(usage={"prompt_tokens_details": None, "total_tokens": None})),
    "an error of null": always(whole(error=None)),
    "an empty error": always(whole(error={})),
    "no reason": always(whole(finish=None)),
    "a reason of its own": always(whole(finish="eos")),
    "a reason in parts": always(whole(finish={"reason": "stop"})),
    "a tool call": always(calls('{"answer": "yes"}')),
    "a tool call, not as text": always(calls({"answer": "yes"})),
    "no tool calls": always(whole({"content": "yes", "tool_calls": {}})),
    "an object as content": always(whole({"content": {"answer": "yes"}})),
    "parts, some of them empty": always(whole({"content": [
        None, {"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "yes"}]})),
    "thoughts beside": always(whole({"content": "yes", "reasoning_content": "hm"})),
    "a stream without an end": always(stream(delta("ye"), delta("s", "stop"), done=False)),
    "a stream, CR LF": always(stream(delta("yes", "stop"), line="\r\n")),
    "a stream with comments": always(stream(": ping", delta("yes"), ": ping", delta(None, "stop"))),
    "a stream, its end twice": always(stream(delta("yes"), delta(None, "stop"),
        delta(None, "stop"), {"choices": [], "usage": {"completion_tokens": 2}})),
    "a stream, no choices first": always(stream({"choices": None}, delta("yes", "stop"))),
    "a stream that fails": once(stream(delta("y"), {"error": {"message": "died", "code": 502}})),
    "a stream that fails by event": once(
        stream(delta("y"), 'event: error\ndata: {"message": "died", "code": 502}')),
    "a stream that breaks off": once(stream(delta("y"), done=False)),
}  # fmt: skip


def model_at(server: ScriptedServer, patience_s: float = 8.0) -> OpenAICompatible:
    settings = EndpointSettings(patience_s=patience_s)
    return OpenAICompatible(server.model, settings=settings, max_attempts=2)


@pytest.mark.parametrize("kind", GOT)
async def test_it_is_got_through(kind: str) -> None:
    with ScriptedServer(yes, GOT[kind]) as server:
        reply = await model_at(server).reply(ASKED)
    assert (reply.text, reply.finish) == ("yes", "stop") and len(server.calls) < 12


TPM = "Request too large for x on tokens per min (TPM): Limit 6000, Requested 9000"
LONG = "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens"
TOLD: dict[str, tuple[Behaviour, str, str]] = {
    "Azure, the filter": (word({"error": {"code": "content_filter", "innererror": {},
        "message": "The response was filtered"}}), "example", "was filtered"),
    "vLLM, the window": (word({"object": "error", "message": LONG}), "example", "too long"),
    "OpenRouter, moderation": (word({"error": {"code": 403, "message": "was flagged"}}, 403),
        "example", "was flagged"),
    "more than a minute lets through": (
        word({"error": {"message": TPM, "code": "rate_limit_exceeded"}}, 429),
        "example", "too long"),
    "for legal reasons": (word({"error": "no"}, 451), "example", "refused the request (451)"),
    "Ollama, no such model": (always({"error": "model 'x' not found"}, 404), "outage", "not found"),
    "no such model inside a 200": (always({"error": {"message": "The model `x` does not exist"}}),
        "outage", "knows no such model"),
    "Anthropic, no credit": (always({"error": {"type": "invalid_request_error",
        "message": "Your credit balance is too low"}}, 400), "outage", "quota is used up"),
    "OpenRouter, no credit inside a 200": (always({"error": {"code": 402, "message": "Add more"}}),
        "outage", "paid up"),
    "a balance in Chinese": (always({"error": {"message": "您的账户已欠费"}}, 429), "outage",
        "quota"),
    "another address": (always({}, 307, location="/login?key=sk-own"), "outage", "on to /login"),
    "no POST": (always(b"Method Not Allowed", 405), "outage", "takes no questions"),
    "the key": (always({"error": {"message": "bad key sk-own-secret"}}, 401), "outage", "***"),
    "a sign-in page": (always(b"<!doctype html><title>Sign in</title>"), "", "address right"),
    "a null": (always(b"null"), "", "no chat completion"),
    "brackets without end": (always(b"[" * 99_999), "", "no chat completion"),
    "Anthropic's own protocol": (always({"type": "message", "content": []}), "", "no chat"),
    "Ollama's own protocol": (always(b'{"done": false}\n{"done": true}\n'), "", "no chat"),
    "a gateway's own words": (always({"success": False, "message": "token expired"}), "",
        "token expired"),
    "choices of none": (always({"choices": []}), "", "without any words"),
    "choices of null": (always({"choices": [None]}), "", "without any words"),
    "a message of null": (always({"choices": [{"message": None, "finish_reason": "stop"}]}), "",
        "without any words"),
    "cut, always": (always(PLAIN[:60]), "", "breaks off"),
    "no gzip": (always(b"plain", **{"content-encoding": "gzip"}), "", "broke the connection"),
}  # fmt: skip


@pytest.mark.parametrize("kind", TOLD)
async def test_it_is_told_in_a_sentence(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNG_API_KEY", "sk-own-secret")
    behaviour, whose, words = TOLD[kind]
    with ScriptedServer(yes, behaviour) as server, pytest.raises(ProviderError) as caught:
        await model_at(server).reply(ASKED)
    said = str(caught.value)
    assert words in said and "sk-own" not in said and "\n" not in said and len(said) < 420
    assert (caught.value.final, caught.value.outage) == (whose == "example", whose == "outage")


@pytest.mark.parametrize(
    "body",
    [
        whole({"content": None}, "content_filter"),
        {"choices": [{"finish_reason": "content_filter", "content_filter_results": {}}]},
        {"choices": [], "prompt_feedback": {"block_reason": "SAFETY"}},
        whole({"content": ""}, "SAFETY"),
        whole({"content": None, "refusal": "I cannot help"}),
    ],
)
async def test_a_filter_in_place_of_an_answer_is_a_refusal(body: JsonValue) -> None:
    with ScriptedServer(yes, always(body)) as server:
        assert (await model_at(server).reply(ASKED)).finish == "refused"


@pytest.mark.parametrize("status", [429, 503])
async def test_patience_with_a_lone_question_ends(status: int) -> None:
    with ScriptedServer(yes, always({"error": "server is loading, too many"}, status)) as server:
        began = time.monotonic()
        with pytest.raises(ProviderError):
            await model_at(server, patience_s=0.4).reply(ASKED)
    assert time.monotonic() - began < 6


@pytest.mark.parametrize(
    ("body", "said", "wait"),
    [
        ({"error": {"details": [{"retryDelay": "34.5s"}]}}, "", 34.5),
        ({"error": {"details": [{"retryDelay": "1m3s"}]}}, "", 63.0),
        ({"error": {"metadata": {"retry_after_seconds": 7}}}, "", 7.0),
        ({"retry_after_ms": "1500"}, "", 1.5),
        ({"retryAfter": "-3"}, "", 0.0),
        ({"retry_after": True}, "", None),
        ({"retry_after": float("nan")}, "", None),
        ({"retry_after": "soon"}, "", None),
        ({}, "Please try again in 1m2.5s.", 62.5),
        ({}, "Please retry after 20 seconds", 20.0),
        ({}, "try again in 6m0s", 360.0),
        ({}, "try again in 500ms", 0.5),
        ({}, "wait 3 days", None),
    ],
)
def test_how_long_to_wait(body: JsonValue, said: str, wait: float | None) -> None:
    assert told_to_wait({}, body, said) == wait
    assert told_to_wait({"retry-after": "2"}, body, said) == 2.0
