"""Answers by vLLM: a double of `vllm serve`, started, asked, given adapters and stopped."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rung.errors import ProviderError, UserError
from rung.models.base import Adapter, ChatRequest, Message
from rung.models.fetch import model_folder
from rung.models.local import LocalModel, open_local
from rung.models.local import vllm as vllm_module
from rung.models.local.vllm import VllmModel

NAME = "local/smollm2-135m-instruct"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(model_folder(NAME) is None, reason=f"{NAME} is not fetched"),
]
DOUBLE = """#!{python}
import json, os, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
args = sys.argv[1:]
assert args[0] == "serve" and "--enable-lora" in args
if os.path.exists({home!r} + "/broken"):
    sys.exit("CUDA out of memory")
told = dict(zip(args[2::1], args[3::1]))
names = [told["--served-model-name"]]
def note(what, value):
    with open({home!r} + "/" + what, "a") as file:
        file.write(json.dumps(value) + "\\n")
note("started", dict(pid=os.getpid(), folder=args[1],
                     lora=os.environ["VLLM_ALLOW_RUNTIME_LORA_UPDATING"]))
class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_): pass
    def say(self, code, body):
        data = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
    def do_GET(self):
        self.say(200, {{}})
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.headers.get("authorization") != "Bearer " + os.environ["VLLM_API_KEY"]:
            return self.say(401, {{"error": "who are you?"}})
        note("asked", [self.path, body])
        if self.path == "/v1/load_lora_adapter":
            if "gone" in body["lora_path"]:
                return self.say(400, {{"error": {{"message": "no such adapter"}}}})
            names.append(body["lora_name"])
            return self.say(200, "Success")
        if body["model"] not in names:
            return self.say(404, {{"error": {{"message": "no such model"}}}})
        held = body.get("structured_outputs", {{}})
        text = held["choice"][-1] if "choice" in held else "Hello there"
        self.say(200, {{"id": "1", "object": "text_completion", "created": 1,
            "model": body["model"],
            "choices": [{{"index": 0, "text": text, "finish_reason": "stop", "logprobs": None}}],
            "usage": {{"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}}}})
ThreadingHTTPServer(("127.0.0.1", int(told["--port"])), Handler).serve_forever()
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the double notes what happens; it stands on the PATH as `vllm`."""
    program = tmp_path / "bin" / "vllm"
    program.parent.mkdir()
    program.write_text(DOUBLE.format(python=sys.executable, home=str(tmp_path)))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(vllm_module, "device", lambda: "cuda")
    monkeypatch.delenv("RUNG_ENGINE", raising=False)
    monkeypatch.setattr(vllm_module, "LOOK_S", 0.02)
    return tmp_path


def noted(home: Path, what: str) -> list:
    path = home / what
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def asked(text: str, **options: object) -> ChatRequest:
    return ChatRequest(
        messages=(Message(role="user", content=text),), **{"max_tokens": 8, **options}
    )


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A child that ended and was not waited for still has its number.
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"


def gone(pid: int) -> bool:
    latest = time.monotonic() + 10
    while alive(pid) and time.monotonic() < latest:
        time.sleep(0.02)
    return not alive(pid)


def test_a_folder_on_a_gpu_is_answered_by_vllm_where_it_is_installed(home, monkeypatch):
    folder = str(model_folder(NAME))
    opened = open_local(folder)
    assert type(opened) is VllmModel and "+vllm" in opened.identity and opened.trains
    assert opened.said().startswith("by vLLM") and not noted(home, "started")
    assert type(open_local(NAME)) is LocalModel  # the embedded one needs no server
    monkeypatch.setenv("RUNG_ENGINE", "transformers")
    assert type(open_local(folder)) is LocalModel
    monkeypatch.setenv("RUNG_ENGINE", "sglang")
    with pytest.raises(UserError, match="RUNG_ENGINE is 'sglang'"):
        open_local(folder)
    monkeypatch.delenv("RUNG_ENGINE")
    monkeypatch.setattr(vllm_module, "device", lambda: "cpu")
    assert type(open_local(folder)) is LocalModel


def test_it_is_started_once_sent_the_engines_tokens_and_stopped(home):
    model = open_local(str(model_folder(NAME)))

    async def several() -> list:
        return await asyncio.gather(*(model.reply(asked(f"Hi {i}")) for i in range(5)))

    replies = asyncio.run(several())
    assert {r.text for r in replies} == {"Hello there"} and replies[0].usage.output_tokens == 2
    assert all(r.usage.gpu_seconds > 0 and r.finish == "stop" for r in replies)
    (started,) = noted(home, "started")
    assert started["folder"] == str(model.folder) and started["lora"] == "True"
    sent = sorted(body["prompt"] for _, body in noted(home, "asked"))
    turns = [(Message(role="user", content=f"Hi {i}"),) for i in range(5)]
    assert sent == sorted(list(model.codec.encode_prompt(turn)) for turn in turns)
    asyncio.run(model.aclose())
    assert gone(started["pid"])
    assert asyncio.run(model.reply(asked("Hi"))).text == "Hello there"  # begun anew
    assert len(noted(home, "started")) == 2
    asyncio.run(model.aclose())


def test_an_adapter_is_loaded_once_and_choices_are_held_to(home, tmp_path):
    model = open_local(str(model_folder(NAME)))
    adapter = Adapter(path=str(tmp_path / "adapter"), digest="abc")
    try:
        for _ in range(2):
            reply = asyncio.run(model.reply(asked("Hi", adapter=adapter, choices=("yes", "no"))))
            assert reply.text == "no"
        paths = [path for path, _ in noted(home, "asked")]
        assert paths.count("/v1/load_lora_adapter") == 1
        load, ask = (body for _, body in noted(home, "asked")[:2])
        assert load == {"lora_name": "abc", "lora_path": str(tmp_path / "adapter")}
        assert ask["model"] == "abc" and ask["structured_outputs"] == {"choice": ["yes", "no"]}
        with pytest.raises(ProviderError, match="vLLM cannot load the adapter"):
            asyncio.run(model.reply(asked("Hi", adapter=Adapter(path="/gone", digest="x"))))
        with pytest.raises(ProviderError, match="exceeds the window"):
            asyncio.run(model.reply(asked("word " * 9000)))
    finally:
        asyncio.run(model.aclose())


def test_a_server_that_does_not_start_says_why_and_one_that_died_is_an_outage(home):
    model = open_local(str(model_folder(NAME)))
    (home / "broken").touch()
    with pytest.raises(ProviderError, match=r"did not start \(CUDA out of memory\)") as failed:
        asyncio.run(model.reply(asked("Hi")))
    assert failed.value.outage
    (home / "broken").unlink()
    asyncio.run(model.reply(asked("Hi")))
    os.kill(noted(home, "started")[0]["pid"], signal.SIGKILL)
    with pytest.raises(ProviderError, match="no longer answers") as died:
        asyncio.run(model.reply(asked("Hi")))
    assert died.value.outage
    asyncio.run(model.aclose())


def test_the_server_ends_with_a_process_that_was_killed(home):
    code = (
        "from rung.models.local import vllm\n"
        "vllm.device = lambda: 'cuda'\n"
        "import asyncio, os, signal\n"
        "from rung.models.base import ChatRequest, Message\n"
        "from rung.models.local import open_local\n"
        f"m = open_local({str(model_folder(NAME))!r})\n"
        "r = ChatRequest(messages=(Message(role='user', content='Hi'),), max_tokens=8)\n"
        "asyncio.run(m.reply(r))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=False, timeout=60)
    assert gone(noted(home, "started")[0]["pid"])
