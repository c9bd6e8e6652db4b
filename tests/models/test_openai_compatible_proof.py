"""The endpoint provider against a server that nobody here wrote: `transformers serve`."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from rung.errors import ProviderError
from rung.models.base import ChatRequest, Message
from rung.models.fetch import model_folder
from rung.models.openai_compatible import OpenAICompatible
from rung.task.endpoints import EndpointSettings

pytestmark = pytest.mark.slow
LOCAL = "local/smollm2-135m-instruct"
START_S = 120
OFFLINE = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}  # threads beyond cores cost far more


class Server(NamedTuple):
    url: str
    folder: Path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`transformers serve FOLDER` on a free loopback port, offline, stopped afterwards."""
    folder = model_folder(LOCAL)
    if folder is None:
        pytest.skip(f"{LOCAL} is not on this machine: run `rung models fetch`")
    missing = [m for m in ("transformers", "fastapi", "uvicorn") if not importlib.util.find_spec(m)]
    if missing:
        pytest.skip(f"`transformers serve` needs {', '.join(missing)}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("serve") / "log.txt"
    script = Path(sys.executable).parent / "transformers"
    command = [sys.executable, str(script), "serve", str(folder), "--host", "127.0.0.1"]
    command += ["--port", str(port), "--device", "cpu"]
    with log.open("w") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, **OFFLINE})
    try:
        if not _healthy(f"http://127.0.0.1:{port}/health", process):
            pytest.skip(f"`transformers serve` did not start: {log.read_text()[-400:]}")
        yield Server(f"http://127.0.0.1:{port}/v1", folder)
    finally:
        process.terminate()
        process.wait(30)


def _healthy(url: str, process: subprocess.Popen[bytes]) -> bool:
    for _ in range(START_S * 4):
        if process.poll() is not None:
            return False
        try:
            with urllib.request.urlopen(url, timeout=1):
                return True
        except OSError:
            time.sleep(0.25)
    return False


def ask(text: str, **fields: object) -> ChatRequest:
    return ChatRequest(messages=(Message(role="user", content=text),), **fields)


async def test_answers_usage_and_choices(server: Server) -> None:
    model = OpenAICompatible(
        f"{server.url}#{server.folder}", settings=EndpointSettings(in_flight=2, timeout_s=200)
    )
    short, long = (
        ask("What is the capital of France?", max_tokens=16),
        ask("Hello " * 60, max_tokens=4),
    )
    replies = await asyncio.gather(model.reply(short), model.reply(short), model.reply(long))
    assert "Paris" in replies[0].text
    assert replies[0].text == replies[1].text, "greedy: the same question, the same answer"
    assert 10 < replies[0].usage.input_tokens < replies[2].usage.input_tokens
    assert 0 < replies[0].usage.output_tokens <= 16
    cut = await model.reply(ask("Tell me a long story.", max_tokens=6))
    assert cut.finish == "length" and cut.usage.output_tokens == 6
    chosen = await model.reply(ask("Is water wet?", choices=("yes", "no"), max_tokens=4))
    await model.aclose()
    assert chosen.text, "this server ignores response_format: a free answer, not an error"
    assert not model.left_out


async def test_a_model_it_does_not_have(server: Server) -> None:
    model = OpenAICompatible(f"{server.url}#no-such-model", max_attempts=1)
    with pytest.raises(ProviderError, match="Server is pinned to") as caught:
        await model.reply(ask("hi"))
    await model.aclose()
    assert caught.value.status == 400
