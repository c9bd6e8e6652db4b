"""Answers in every shape that a server of OpenAI's protocol was seen to give them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fake_endpoint import completion

from rung.errors import ProviderError
from rung.models.base import ChatRequest, Message
from rung.models.replies import (
    UnreadableReply,
    error_object,
    failed_generation,
    read_body,
    read_reply,
)

ASKED = ChatRequest(messages=(Message(role="user", content="which?"),))
EITHER = ASKED.model_copy(update={"choices": ("card_lost", "card_late")})


def read(body: Any, request: ChatRequest = ASKED) -> Any:
    return read_reply(body, request, "http://host/v1", 0.1)


@pytest.mark.parametrize(
    "content",
    [
        "card_lost",
        "<think>late? no.</think>card_lost",
        "<think>\nlate?\n</think>\n\ncard_lost",
        "<thinking>late?</thinking> card_lost",
        "<THINK>late?</THINK>card_lost",
        "late? no.\n</think>\ncard_lost",
        "<think></think>\n\ncard_lost",
        "<think>a</think><think>b</think>card_lost",
        "<reasoning>late?</reasoning>\ncard_lost",
        "[THINK]late?[/THINK]card_lost",
        "◁think▷late?◁/think▷card_lost",
        "<|START_THINKING|>late?<|END_THINKING|><|START_RESPONSE|>card_lost<|END_RESPONSE|>",
        "<|channel>thought\nlate?<channel|>card_lost",
        "<|channel|>analysis<|message|>late?<|end|><|start|>assistant<|channel|>final<|message|>"
        "card_lost<|return|>",
        "analysisThe card is gone, not late.assistantfinalcard_lost",
        "card_lost<|im_end|>",
        "card_lost</s>",
        "card_lost<|eot_id|>\n",
        "card_lost<end_of_turn>\n<eos>",
        "card_lost<|endoftext|>",
        "card_lost<｜end▁of▁sentence｜>",
        "card_lost<|im_end|>\n<|im_start|>user\nand now?",
        "<|im_start|>assistant\ncard_lost<|im_end|>",
        '{"answer": "card_lost"}',
        '```json\n{"answer": "card_lost"}\n```',
        '```json\n{"answer": "card_lost"}',
        'Here it is: {"answer": "card_lost"}. Anything else?',
        '{"label": "card_lost"}',
        '["card_lost"]',
        '<think>{"answer": "card_late"}?</think>{"answer": "card_lost"}<|im_end|>',
        "<think>late? <think>no</think> lost</think>card_lost",
        "<longcat_think>late?</longcat_think>card_lost",
        "<think/>card_lost",
        "<think>late?</think>\n<answer>\ncard_lost\n</answer>",
        "card_lost<|im_start|>user\nand now?",
        "card_lost<|endoftext|>Human: and now?",
        "card_lost<|EOT|>",
        "card_lost<end_of_utterance>",
        "<|assistant|>\ncard_lost<|user|>",
        "<|turn>model\ncard_lost<turn|>",
        "<｜Assistant｜>card_lost<｜end▁of▁sentence｜>",
        [{"type": "text", "text": "card_"}, {"type": "text", "text": "lost"}],
        [{"type": "output_text", "text": "card_lost", "annotations": []}],
        [{"type": "text", "text": {"value": "card_lost"}}],
        [{"type": "thinking", "thinking": [{"type": "text", "text": "late?"}]},
         {"type": "text", "text": "card_lost"}],
        ["card_lost"],
        {"answer": "card_lost"},
    ],
    ids=str,
)  # fmt: skip
def test_the_answer_is_found_in_what_stands_around_it(content: Any) -> None:
    reply = read(completion(content), EITHER)
    assert (reply.text.strip(), reply.finish) == ("card_lost", "stop")


@pytest.mark.parametrize(
    "message",
    [
        {"content": None, "tool_calls": [{"function": {"name": "a", "arguments": '{"n": 1}'}}]},
        {"content": "", "tool_calls": [{"function": {"name": "a", "arguments": {"n": 1}}}]},
        {"content": None, "function_call": {"name": "a", "arguments": '{"n": 1}'}},
        {"content": '{"n": 1}', "reasoning_content": "one, I think"},
        {"content": '{"n": 1}', "reasoning": "one, I think"},
    ],
)
def test_tool_calls_and_thoughts_beside_the_answer(message: dict[str, Any]) -> None:
    body = completion(None)
    body["choices"][0]["message"] = {"role": "assistant", **message}
    reply = read(body)
    assert json.loads(reply.text) == {"n": 1}
    assert reply.thought is ("reasoning" in str(message))


@pytest.mark.parametrize(
    "text",
    [
        "Use <think> tags.",
        "a <b>c</b> </s> d",
        '{"a": "</think>"}',
        "[1] see",
        "<b>x</b>",
        "<answer>x</answer>",
        "x<think>y</think>",
    ],
)
def test_an_answer_that_speaks_of_tags_is_left_whole(text: str) -> None:
    assert read(completion(text)).text == text


@pytest.mark.parametrize(
    ("content", "more"),
    [
        ("<think>so much to say", {}),
        ("", {"reasoning_content": "so much to say"}),
        (None, {"reasoning": "so much to say"}),
        ("<|channel|>analysis<|message|>so much to say", {}),
    ],
)
@pytest.mark.parametrize("finish", ["length", "stop"])
def test_an_answer_that_never_came_for_thoughts_was_cut(
    content: str | None, more: dict[str, str], finish: str
) -> None:
    reply = read(completion(content, finish, **more))
    assert (reply.text, reply.finish, reply.thought) == ("", "length", True)


def test_hidden_thoughts_that_took_all_the_room() -> None:
    body = completion("")
    body["usage"]["completion_tokens_details"] = {"reasoning_tokens": 3}
    assert read(body).finish == "length"


def stream(*chunks: Any, blank: str = "\n\n") -> str:
    lines = [f"data: {json.dumps(chunk)}" for chunk in chunks]
    return ": ping\n\n" + blank.join([*lines, "data: [DONE]"]) + "\n"


def chunk(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


@pytest.mark.parametrize("blank", ["\n\n", "\n", "\r\n\r\n"])
def test_an_event_stream_that_nobody_asked_for(blank: str) -> None:
    usage = {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2}}
    body = stream(
        chunk(role="assistant", content=""), chunk(content="card_"), chunk(content="lost"),
        chunk("stop"), usage, blank=blank,
    )  # fmt: skip
    reply = read(body, EITHER)
    assert (reply.text, reply.finish) == ("card_lost", "stop")
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (9, 2)


def test_a_stream_that_repeats_itself_and_one_that_counts_beside() -> None:
    said = [{"message": {"content": "Pa"}}, {"message": {"content": "Paris"}}]
    chunks: list[Any] = [{"choices": [{**one, "finish_reason": None}]} for one in said]
    chunks.append(
        {"choices": [], "x_groq": {"usage": {"prompt_tokens": 9, "completion_tokens": 2}}}
    )
    reply = read("".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks))
    assert (reply.text, reply.usage.input_tokens, reply.usage.output_tokens) == ("Paris", 9, 2)


def test_a_streamed_tool_call_and_a_streamed_error() -> None:
    calls = [{"index": 0, "function": {"arguments": part}} for part in ('{"n":', " 1}")]
    assert json.loads(read(stream(*(chunk(tool_calls=[c]) for c in calls))).text) == {"n": 1}
    assert error_object(stream({"error": {"message": "busy", "code": 429}}))["code"] == 429


def test_json_under_another_content_type_is_read() -> None:
    assert read(json.dumps(completion("yes"))).text == "yes"


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "upstream busy", "code": 429}},
        {"error": "upstream busy", "choices": []},
        {"choices": [{"error": {"message": "upstream busy"}, "finish_reason": "error"}]},
        {"object": "error", "message": "upstream busy", "code": 429},
        {"choices": None, "error": {"message": "upstream busy"}},
        [{"error": {"message": "upstream busy", "code": 429}}],
        {"base_resp": {"status_code": 1002, "status_msg": "upstream busy"}, "choices": None},
        {"error_code": 18, "error_msg": "upstream busy"},
        {"code": 1302, "msg": "upstream busy", "success": False},
    ],
)
def test_an_error_inside_a_200_is_one(body: Any) -> None:
    assert error_object(body)
    with pytest.raises(ProviderError, match="upstream busy"):
        read(body)


@pytest.mark.parametrize(
    "reason", ["abort", "network_error", "insufficient_system_resource", "CANCELLED", "error"]
)
def test_what_a_server_broke_off_is_no_answer(reason: str) -> None:
    assert error_object(completion("card_l", reason))["code"] == 502


def test_half_a_character_is_no_end_of_the_answer() -> None:
    body = json.dumps(completion("a \ud83d"))
    reply = read(read_body(body.encode()))
    assert reply.text == "a \ufffd" and reply.model_dump_json()
    halves = [{"choices": [{"delta": {"content": half}}]} for half in ("\ud83d", "\ude00")]
    stream = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in halves) + "data: [DONE]\n\n"
    assert read(stream).text == "😀"


@pytest.mark.parametrize(
    "body",
    [completion("x"), {"error": None, **completion("x")}, [], None, {"code": 0, "msg": "ok"}],
)
def test_no_error_where_none_is(body: Any) -> None:
    assert not error_object(body)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2}}, "without any"),
        ({"choices": [{"index": 0, "message": None, "finish_reason": None}]}, "without any"),
        ("<html><title>Sign in</title></html>", "Sign in"),
        ({"models": []}, "models"),
    ],
)
def test_what_cannot_be_read_is_named(body: Any, named: str) -> None:
    with pytest.raises(UnreadableReply, match=named):
        read(body)


def test_what_is_thrown_away_was_paid_for() -> None:
    with pytest.raises(UnreadableReply) as thrown:
        read({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2}})
    assert (thrown.value.usage.input_tokens, thrown.value.usage.output_tokens) == (9, 2)


@pytest.mark.parametrize(
    "reason", ["content_filter", "SAFETY", "refusal", "sensitive", "guardrail_intervened"]
)
def test_a_filter_refuses(reason: str) -> None:
    assert read(completion(None, reason)).finish == "refused"
    body = completion(None, reason)
    body["choices"][0]["message"] = None
    assert read(body).finish == "refused"


def test_what_a_host_refused_to_pass_on() -> None:
    error = {"code": "json_validate_failed", "failed_generation": '{"a": 1}'}
    assert failed_generation({"error": error}) == failed_generation(error)
    assert read(failed_generation(error)).text == '{"a": 1}'
    error["message"] = "max completion tokens reached before generating a valid document"
    assert read(failed_generation(error)).finish == "length"
    assert failed_generation({"error": {"message": "no"}}) is None
    assert failed_generation("html") is None
