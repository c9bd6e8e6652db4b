"""The official clients for Python and Node, and an agent framework, use a served task unchanged."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import httpx2
import openai
import platformdirs
import pytest
from pydantic import BaseModel

from rung.serve.keys import KeyRing
from rung.task.types import Output

from .upstream import endpoint, label_of, served
from .winners import LABELS, SCHEMA, save_winner

pytestmark = pytest.mark.slow
ASKED = "white bark, please"
NODE_PACKAGE = "openai@7.57.0"


class Tree(BaseModel):
    """What the schema task answers, as a user of it would write it."""

    name: str
    size: Literal["S", "M"]


def tree_of(text: str) -> str:
    return json.dumps({"name": label_of(text), "size": "S"})


class Place(NamedTuple):
    """A served task with a key."""

    url: str
    key: str

    def client(self, **how: Any) -> openai.OpenAI:
        """The official client."""
        plain = {"base_url": self.url, "api_key": self.key, "max_retries": 0}
        return openai.OpenAI(**{**plain, **how})


def running(folder: Path, output: Output, answer: Any) -> Iterator[Place]:
    key = KeyRing(folder).add("client")
    with endpoint(answer) as upstream:
        save_winner(folder, upstream, output)
        with served(folder) as server:
            yield Place(f"{server.url}/v1", key)


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    yield from running(tmp_path_factory.mktemp("labels"), LABELS, label_of)


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    yield from running(tmp_path_factory.mktemp("trees"), SCHEMA, tree_of)


@pytest.fixture(scope="module")
def rambling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    yield from running(tmp_path_factory.mktemp("rambling"), SCHEMA, lambda _: "I'd rather not.")


MESSAGES: Any = [{"role": "user", "content": ASKED}]


def test_python_chat(labels: Place) -> None:
    client = labels.client()
    made = client.chat.completions.create(model="trees", messages=MESSAGES)
    assert made.choices[0].message.content == label_of(ASKED)
    assert made.usage is not None and made.usage.total_tokens == 12
    assert made._request_id == made.id
    assert made.rung["valid"] is True and made.rung["logged"] is True  # type: ignore[attr-defined]
    assert next(m.id for m in client.models.list()) == "trees"
    assert client.models.retrieve(made.model).id == made.model


def test_python_stream(labels: Place) -> None:
    client = labels.client()
    with client.chat.completions.create(
        model="trees", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    ) as stream:
        chunks = list(stream)
    said = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert said == label_of(ASKED)
    assert chunks[-1].usage is not None and chunks[-1].usage.prompt_tokens == 11
    with client.chat.completions.stream(model="trees", messages=MESSAGES) as events:
        assert events.get_final_completion().choices[0].message.content == said


def test_python_schema(trees: Place) -> None:
    made = trees.client().chat.completions.parse(
        model="trees", messages=MESSAGES, response_format=Tree
    )
    assert made.choices[0].message.parsed == Tree(name=label_of(ASKED), size="S")


def test_python_sees_a_refusal_where_the_contract_is_broken(rambling: Place) -> None:
    made = rambling.client().chat.completions.parse(
        model="trees", messages=MESSAGES, response_format=Tree
    )
    message = made.choices[0].message
    assert message.content is None and message.parsed is None
    assert message.refusal is not None and "not JSON" in message.refusal


def test_python_errors(labels: Place) -> None:
    client = labels.client()

    def ask(**more: Any) -> Any:
        return client.chat.completions.create(**{"model": "trees", "messages": MESSAGES, **more})

    with pytest.raises(openai.NotFoundError) as unknown:
        ask(model="gpt-4o")
    assert unknown.value.code == "model_not_found" and unknown.value.param == "model"
    with pytest.raises(openai.BadRequestError) as refused:
        ask(n=3)
    assert refused.value.code == "unsupported_parameter" and refused.value.param == "n"
    assert refused.value.type == "invalid_request_error"
    with pytest.raises(openai.AuthenticationError) as stranger:
        labels.client(api_key="rung_wrong").models.list()
    assert stranger.value.code == "invalid_api_key"
    with pytest.raises(openai.APIStatusError) as large:
        ask(messages=[{"role": "user", "content": "x" * 300_000}])
    assert large.value.status_code == 413


def test_python_waits_as_long_as_it_is_told(tmp_path: Path) -> None:
    (tmp_path / "rung.toml").write_text(
        '[task]\nname = "trees"\ninstruction = "x"\nexamples = "none"\n[output]\nlabels = ["a"]\n'
        "[target]\nscore = 0.5\n[serve]\nrequests_per_minute = 60\nburst = 1\n"
    )
    with endpoint() as upstream:
        save_winner(tmp_path, upstream)
        with served(tmp_path) as server:
            place = Place(f"{server.url}/v1", "any")
            patient, hasty = place.client(max_retries=3), place.client()
            for _ in range(3):
                assert patient.chat.completions.create(model="trees", messages=MESSAGES).choices
            with pytest.raises(openai.RateLimitError) as early:
                hasty.chat.completions.create(model="trees", messages=MESSAGES)
            assert early.value.response.headers["retry-after"] == "1"


def test_feedback_names_the_response(labels: Place) -> None:
    client = labels.client()
    made = client.chat.completions.create(model="trees", messages=MESSAGES)
    kept = client.post(
        "/feedback",
        cast_to=httpx2.Response,
        body={"request_id": made.id, "verdict": "corrected", "corrected": "cedar"},
    )
    assert kept.status_code == 201


def node_package() -> Path:
    """A folder that holds the Node client, installed once; skips where that cannot be."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed")
    folder = Path(platformdirs.user_cache_dir("rung-tests")) / NODE_PACKAGE.replace("@", "-")
    if not (folder / "node_modules" / "openai").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", NODE_PACKAGE, "--no-audit", "--no-fund", "--ignore-scripts"]
        ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
        if ended.returncode:
            pytest.skip(f"npm cannot install {NODE_PACKAGE}: {ended.stderr.strip()[-200:]}")
    return folder


@pytest.mark.parametrize("kind", ["labels", "trees"])
def test_node(kind: str, request: pytest.FixtureRequest) -> None:
    package = node_package()
    place: Place = request.getfixturevalue(kind)
    environment = {
        **os.environ,
        "OPENAI_FROM": str(package),
        "BASE_URL": place.url,
        "KEY": place.key,
        "ASK": ASKED,
    }
    if kind == "trees":
        schema = {**Tree.model_json_schema(), "additionalProperties": False}
        environment["SCHEMA"] = json.dumps(schema)
    script = Path(__file__).parent / "node" / "client.mjs"
    ended = subprocess.run(
        ["node", str(script)], env=environment, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    said = label_of(ASKED) if kind == "labels" else tree_of(ASKED)
    assert told["content"] == told["streamed"] == said
    assert told["requestId"] == told["id"] and told["valid"] is True and told["usage"] == 12
    assert told["models"][0] == "trees"
    if kind == "trees":
        assert told["parsed"] == json.loads(said)
    assert told["tools"] == {
        "name": "BadRequestError",
        "status": 400,
        "code": "unsupported_parameter",
        "param": "tools",
    }
    assert told["unknown"]["code"] == "model_not_found"
    assert told["stranger"]["name"] == "AuthenticationError"


async def test_an_agent_framework(labels: Place, trees: Place, rambling: Place) -> None:
    pydantic_ai = pytest.importorskip("pydantic_ai", reason="pydantic-ai is not installed")
    from pydantic_ai.exceptions import ModelHTTPError, UnexpectedModelBehavior
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.output import NativeOutput
    from pydantic_ai.providers.openai import OpenAIProvider

    def model(place: Place) -> Any:
        return OpenAIChatModel(
            "trees", provider=OpenAIProvider(base_url=place.url, api_key=place.key)
        )

    agent = pydantic_ai.Agent(model(labels), system_prompt="Be brief.")
    assert (await agent.run(ASKED)).output == label_of(ASKED)
    async with agent.run_stream(ASKED) as stream:
        assert await stream.get_output() == label_of(ASKED)
    typed = pydantic_ai.Agent(model(trees), output_type=NativeOutput(Tree))
    assert (await typed.run(ASKED)).output == Tree(name=label_of(ASKED), size="S")
    with pytest.raises(ModelHTTPError) as refused:  # its default way to a type is a tool call
        await pydantic_ai.Agent(model(trees), output_type=Tree).run(ASKED)
    assert refused.value.status_code == 400
    with pytest.raises(UnexpectedModelBehavior):
        await pydantic_ai.Agent(model(rambling), output_type=NativeOutput(Tree)).run(ASKED)
