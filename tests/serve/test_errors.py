"""An error says which parameter, which value, and what would do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .winners import ask, running, scripted, service

CHAT = "/v1/chat/completions"


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"n": 2}, "n is 2, which is not done here: one answer a request is what was measured"),
        ({"logprobs": True}, "logprobs is True, which is not done here: log probabilities"),
        ({"model": 3}, "model is 3: it must be a valid string."),
        ({"messages": None}, "messages is None: it must be a valid list."),
        ({"messages": [{"role": "boss"}]}, "messages.0 has the 'role' 'boss': use one of 'user'"),
        ({"messages": [{"content": "x"}]}, "messages.0 is {'content': 'x'}: "),
        ({"messages": [{"role": "user"}]}, "messages.0.content is missing."),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "messages.0.content.0.type is 'image_url': it must be 'text': images, sound and files",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
            "messages.0.content.0.text is missing.",
        ),
        ({"stop": 3}, "stop is 3: it must be a valid string."),
        ({"stop": ["a", 3]}, "stop.1 is 3: it must be a valid string."),
        (
            {"response_format": {"type": "json_schema", "json_schema": {}}},
            "response_format.json_schema.name is missing.",
        ),
        ({"response_format": {"type": "xml"}}, "response_format has the 'type' 'xml': use one of"),
        ({"temperature": 3}, "temperature is 3: it must be less than or equal to 2."),
    ],
)
async def test_an_error_names_the_parameter_and_the_value(
    more: dict[str, Any], told: str, tmp_path: Path
) -> None:
    async with running(service(tmp_path, scripted([]))) as client:
        answer = await client.post(CHAT, json=ask(**more))
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith(told), answer.text


async def test_a_path_that_is_not_there_says_where_to_look(tmp_path: Path) -> None:
    async with running(service(tmp_path, scripted([]))) as client:
        nowhere = await client.post("/v1/embeddings", json={})
        wrong = await client.get(CHAT)
    assert nowhere.status_code == 404 and wrong.status_code == 405
    assert "'/v1/embeddings': /openapi.json says" in nowhere.json()["error"]["message"]
    assert "use POST" in wrong.json()["error"]["message"]
