"""`VllmModel`: a model folder answered by vLLM on this machine's GPU, started and stopped here.

The server listens on the loopback with a key of its own. It is sent the very tokens that the engine
of this room would read, and each adapter once (`/v1/load_lora_adapter`, docs.vllm.ai/en/latest/
features/lora). It ends with this process, however that ends.
"""

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rung.errors import ProviderError, UserError
from rung.models.base import Adapter, ChatReply, ChatRequest
from rung.models.local.batching import DEFAULT_LIMITS, Limits
from rung.models.local.card import ModelCard
from rung.models.local.engine import LocalModel
from rung.models.local.machine import device
from rung.models.spoken import Spoken, spoken
from rung.records import Usage

PROGRAM = "vllm"
AT_ONCE = 64
"""Requests that are sent before the first is answered; vLLM batches them."""
STARTING_S, ENDING_S, LOOK_S = 900.0, 30.0, 0.2
"""Patience with a server that loads weights and compiles, and with one that ends."""
MOST_RANK = 64
"""Of the adapters that the server makes room for."""
KEEPER = 'exec 3<&0; "$@" </dev/null & p=$!; { cat <&3; kill $p; } >/dev/null 2>&1 & wait $p'
"""Ends the server once the pipe from this process is closed, also by a kill."""


def engine_of_folders() -> type[LocalModel]:
    """What answers from a model folder: vLLM on a GPU where it is installed, else the engine.

    `RUNG_ENGINE` (`vllm`, `transformers`) overrules.
    """
    wanted, there = os.environ.get("RUNG_ENGINE"), shutil.which(PROGRAM) is not None
    if wanted not in (None, "vllm", "transformers"):
        raise UserError(f"RUNG_ENGINE is {wanted!r}: set it to vllm or transformers")
    if wanted == "vllm" and not there:
        raise UserError("RUNG_ENGINE is 'vllm', but no program of that name is on the PATH")
    by_vllm = wanted == "vllm" or (wanted is None and there and device() != "cpu")
    return VllmModel if by_vllm else LocalModel


class Server:
    """One `vllm serve`, ready once it is made. Raises `ProviderError` where it does not start."""

    def __init__(self, folder: Path, name: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.key = secrets.token_urlsafe(24)
        options = ["--host", "127.0.0.1", "--port", str(self.port), "--served-model-name", name]
        options += ["--enable-lora", "--max-lora-rank", str(MOST_RANK)]
        with contextlib.ExitStack() as undo:
            self._log = undo.enter_context(tempfile.TemporaryFile())
            self._process = subprocess.Popen(
                ["sh", "-c", KEEPER, "sh", PROGRAM, "serve", str(folder), *options],
                stdin=subprocess.PIPE,
                stdout=self._log,
                stderr=subprocess.STDOUT,
                env={
                    **os.environ,
                    "VLLM_API_KEY": self.key,
                    "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True",
                },
                start_new_session=True,
            )
            undo.callback(self.stop)
            self._wait()
            undo.pop_all()

    def _wait(self) -> None:
        latest = time.monotonic() + STARTING_S
        while self._process.poll() is None and time.monotonic() < latest:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5).close()
                return
            time.sleep(LOOK_S)
        self._log.seek(0)
        tail = self._log.read()[-2000:].decode(errors="replace").strip().splitlines()
        raise ProviderError(
            f"`vllm serve` did not start ({tail[-1][:200] if tail else 'it said nothing'}): mend "
            "that, or set RUNG_ENGINE=transformers to answer without it",
            outage=True,
        )

    def stop(self) -> None:
        """End it, and whatever it started."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(ENDING_S)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._log.close()


class VllmModel(LocalModel):
    """A `ChatModel` on a model folder; the server starts at the first request."""

    scores = False

    def __init__(self, folder: Path, card: ModelCard, *, limits: Limits = DEFAULT_LIMITS) -> None:
        super().__init__(folder, card, limits=limits)
        try:
            release = version(PROGRAM)
        except PackageNotFoundError:
            release = ""
        self.identity = f"{card.name}@{card.identity}+vllm{release}"
        self._requests = ThreadPoolExecutor(AT_ONCE, thread_name_prefix=f"rung {self.name}")
        self._lock = threading.Lock()
        self._server: Server | None = None
        self._client: Any = None
        self._loaded: set[str] = set()
        self._busy, self._since, self._shared = 0, 0.0, 0.0

    def said(self) -> str:
        """As `LocalModel.said`."""
        also = super().said()
        return "by vLLM, started on this machine" + (f"; {also}" if also else "")

    async def reply(self, request: ChatRequest) -> ChatReply:
        """Answer one request. Raises as `LocalModel.reply`, and an outage where vLLM fails."""
        prompt = self.codec.encode_prompt(request.messages)
        if len(prompt) >= self.context_window:
            raise ProviderError(
                f"prompt of {len(prompt)} tokens exceeds the window of {self.context_window}",
                status=400,
            )
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._requests, self._ask, request, list(prompt))

    def _ask(self, request: ChatRequest, prompt: list[int]) -> ChatReply:
        from openai import APIConnectionError, APIStatusError

        started = time.perf_counter()
        client, name = self._open(request.adapter)
        before = self._tick(1)
        try:
            made = client.completions.create(
                model=name,
                prompt=prompt,
                max_tokens=request.max_tokens,
                temperature=request.temperature,
                seed=request.seed,
                extra_body={
                    "stop_token_ids": sorted(self.codec.end_tokens),
                    **_constraint(request),
                },
            )
        except APIStatusError as error:
            raise ProviderError(f"vLLM: {error.message}", status=error.status_code) from error
        except APIConnectionError as error:
            raise ProviderError(f"vLLM no longer answers: {error}", outage=True) from error
        finally:
            share = self._tick(-1) - before
        choice = made.choices[0]
        words = Spoken(choice.text) if _constraint(request) else spoken(choice.text)
        cut = words.unfinished or choice.finish_reason == "length"
        written = made.usage.completion_tokens if made.usage else 0
        return ChatReply(
            text=words.text,
            usage=Usage(input_tokens=len(prompt), output_tokens=written, gpu_seconds=share),
            finish="length" if cut else "stop",
            latency_s=time.perf_counter() - started,
            thought=words.thought,
        )

    def _open(self, adapter: Adapter | None) -> tuple[Any, str]:
        """The client of the running server, and the name by which the adapter is asked there."""
        from openai import OpenAI, OpenAIError

        with self._lock:
            if self._server is None:
                self._server, self._loaded = Server(self.folder, self.name), set()
                address = f"http://127.0.0.1:{self._server.port}/v1"
                self._client = OpenAI(base_url=address, api_key=self._server.key)
            if adapter is None:
                return self._client, self.name
            if adapter.digest not in self._loaded:
                place = {
                    "lora_name": adapter.digest,
                    "lora_path": str(Path(adapter.path).resolve()),
                }
                try:
                    self._client.post("/load_lora_adapter", cast_to=str, body=place)
                except OpenAIError as error:
                    raise ProviderError(f"vLLM cannot load the adapter: {error}") from error
                self._loaded.add(adapter.digest)
            return self._client, adapter.digest

    def _tick(self, change: int) -> float:
        """Seconds of the device so far, each shared by those who were in flight."""
        with self._lock:
            now = time.perf_counter()
            self._shared += (now - self._since) / self._busy if self._busy else 0.0
            self._since, self._busy = now, self._busy + change
            return self._shared

    async def aclose(self) -> None:
        """Stop the server and free the device; requests in flight fail. The next one starts it."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        with self._lock:
            server, self._server = self._server, None
            if server is not None:
                self._client.close()
                server.stop()


def _constraint(request: ChatRequest) -> dict[str, Any]:
    """`structured_outputs`, as vLLM takes them."""
    if request.choices is not None:
        return {"structured_outputs": {"choice": list(request.choices)}}
    if request.json_schema is not None:
        return {"structured_outputs": {"json": request.json_schema}}
    return {}
