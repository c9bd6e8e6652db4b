"""A test double: a chat server on this machine that behaves like a difficult endpoint.

    with ScriptedServer(answer, takes_no("temperature"), at_once(4)) as server:
        model = OpenAICompatible(server.model)

Each behaviour sees a call and answers it, or leaves it to the next one; the last answers as the
script says. A new kind of server is one more function. The sister of `scripted`.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType, TracebackType
from typing import NamedTuple

from rung.task.types import JsonValue

TOO_MANY, LOADING, NOT_FOUND, REFUSED = 429, 503, 404, 400


class Call(NamedTuple):
    """What came in."""

    number: int
    """From 0."""
    at_once: int
    """Calls that are being answered, this one included."""
    body: dict[str, JsonValue]
    headers: Mapping[str, str]
    path: str

    @property
    def asked(self) -> str:
        """Everything that stands in the messages."""
        return "\n".join(str(turn.get("content")) for turn in self.body.get("messages", ()))


class Said(NamedTuple):
    """What the server says: a JSON value, or bytes as they are."""

    body: JsonValue
    status: int = 200
    headers: Mapping[str, str] = MappingProxyType({})


Behaviour = Callable[[Call], Said | None]
"""Answers a call, or leaves it (None)."""


class ScriptedServer:
    """An OpenAI-compatible server on a free port of this machine, while its block lasts.

    `calls` keeps what was asked, refused calls included; `answered` counts those that got to the
    script; `most_at_once` is the largest number that was being answered at the same time.
    `gets` are bodies by path for GET, such as {"/v1/models": {…}}.
    """

    def __init__(
        self,
        answer: Callable[[Call], str],
        *behaviours: Behaviour,
        latency_s: float = 0.0,
        gets: Mapping[str, JsonValue] = MappingProxyType({}),
        port: int = 0,
    ) -> None:
        self.calls: list[Call] = []
        self.answered = 0
        self.most_at_once = 0
        self.behaviours = list(behaviours)
        self._answer, self._latency_s, self._gets = answer, latency_s, gets
        self._port = port
        self._at_once = 0
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """The address, ending in /v1."""
        assert self._server is not None, "use it in a with block"
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    @property
    def model(self) -> str:
        """The name of its model, as in `[models] try`."""
        return f"{self.url}#scripted"

    def __enter__(self) -> ScriptedServer:
        outer = self

        class Handler(_Handler):
            server_of = outer

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

        self._server = Server(("127.0.0.1", self._port), Handler)
        serve = self._server.serve_forever
        threading.Thread(target=serve, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    def post(self, body: JsonValue, headers: Mapping[str, str], path: str) -> Said:
        """Answer one call."""
        with self._lock:
            self._at_once += 1
            call = Call(len(self.calls), self._at_once, body, headers, path)
            self.calls.append(call)
            self.most_at_once = max(self.most_at_once, self._at_once)
            said = next((s for b in self.behaviours if (s := b(call)) is not None), None)
            self.answered += said is None
        try:
            if said is None:
                time.sleep(self._latency_s)
            return said or completion(self._answer(call), call)
        finally:
            with self._lock:
                self._at_once -= 1

    def get(self, path: str) -> Said:
        """What lies at a path."""
        known = self._gets.get(path)
        return Said(known) if known is not None else error("no such page", NOT_FOUND)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_of: ScriptedServer

    def do_GET(self) -> None:
        self._say(self.server_of.get(self.path))

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self._say(self.server_of.post(json.loads(raw), headers, self.path))

    def _say(self, said: Said) -> None:
        data = said.body if isinstance(said.body, bytes) else json.dumps(said.body).encode()
        about = {"content-type": "application/json", "content-length": str(len(data))}
        with suppress(OSError):  # whoever asked may be gone
            self.send_response(said.status)
            for name, value in {**about, **said.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


def completion(text: str, call: Call, finish: str = "stop", **message: JsonValue) -> Said:
    """A chat completion; a choice is wrapped where a form was asked for, a stream is streamed."""
    if "response_format" in call.body:
        schema = call.body["response_format"].get("json_schema", {}).get("schema", {})
        if list(schema.get("properties", ())) == ["answer"]:
            text = json.dumps({"answer": text})
    turn = {"role": "assistant", "content": text, **message}
    tokens = {
        "prompt_tokens": max(1, len(call.asked) // 4),
        "completion_tokens": len(text) // 4 + 1,
    }
    whole = {
        "id": f"c{call.number}",
        "object": "chat.completion",
        "created": 1,
        "model": call.body.get("model"),
        "choices": [{"index": 0, "finish_reason": finish, "message": turn}],
        "usage": {**tokens, "total_tokens": sum(tokens.values())},
    }
    if not call.body.get("stream"):
        return Said(whole)
    parts = {"index": 0, "finish_reason": finish, "delta": turn}
    chunk = {**whole, "object": "chat.completion.chunk", "choices": [parts]}
    data = f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n".encode()
    return Said(data, headers={"content-type": "text/event-stream"})


def error(message: str, status: int = REFUSED, **more: JsonValue) -> Said:
    """A refusal as OpenAI words it."""
    return Said({"error": {"message": message, "type": "invalid_request_error", **more}}, status)


def refuses(when: Callable[[Call], bool], said: Said) -> Behaviour:
    """Says the same to every call that meets a condition."""
    return lambda call: said if when(call) else None


def takes_no(field: str, status: int = REFUSED) -> Behaviour:
    """Refuses a parameter."""
    return refuses(lambda c: field in c.body, error(f"{field} is not supported here", status))


def only_temperature(value: float) -> Behaviour:
    """A model that samples at one temperature only."""
    said = error(f"invalid temperature: only {value:g} is allowed for this model")
    return refuses(lambda c: c.body.get("temperature", value) != value, said)


def no_system_role() -> Behaviour:
    """A chat template without a system turn."""
    said = error("System role not supported")
    return refuses(lambda c: any(t["role"] == "system" for t in c.body["messages"]), said)


def most_logprobs(most: int) -> Behaviour:
    """A server that tells fewer alternatives than are asked for."""
    said = error(f"top_logprobs must be at most {most}")
    return refuses(lambda c: c.body.get("top_logprobs", 0) > most, said)


def least_tokens(least: int) -> Behaviour:
    """A server that wants a larger limit on the answer."""
    fields = ("max_tokens", "max_completion_tokens")
    said = error(f"max_tokens: expected a value >= {least}")
    return refuses(lambda c: min(c.body.get(f, least) for f in fields) < least, said)


def streams_only() -> Behaviour:
    """A server that answers as an event stream or not at all."""
    return refuses(lambda c: not c.body.get("stream"), error("stream must be true"))


def says(word: str, message: str, status: int = REFUSED) -> Behaviour:
    """Refuses what holds a word: a content filter."""
    return refuses(lambda c: word in c.asked, error(message, status, code="content_filter"))


def window(characters: int) -> Behaviour:
    """Refuses prompts beyond its window."""
    said = error("This model's maximum context length is exceeded", code="context_length_exceeded")
    return refuses(lambda c: len(c.asked) > characters, said)


def loading(seconds: float) -> Behaviour:
    """503 for some seconds after the first call."""
    began: list[float] = []

    def behave(call: Call) -> Said | None:
        began.append(time.monotonic())
        busy = time.monotonic() - began[0] < seconds
        return error("Loading model", LOADING, type="unavailable_error") if busy else None

    return behave


def at_once(most: int) -> Behaviour:
    """429 to calls beyond so many at the same time."""
    return refuses(lambda c: c.at_once > most, error("Too many concurrent requests", TOO_MANY))


def in_window(most: int, seconds: float = 60.0, retry_after_s: float | None = None) -> Behaviour:
    """429 beyond so many answers in a sliding window, with or without Retry-After."""
    let_in: list[float] = []

    def behave(call: Call) -> Said | None:
        now = time.monotonic()
        let_in[:] = [sent for sent in let_in if now - sent < seconds]
        if len(let_in) < most:
            let_in.append(now)
            return None
        headers = {} if retry_after_s is None else {"retry-after": f"{retry_after_s:g}"}
        return error("slow down", TOO_MANY, code="rate_limit_exceeded")._replace(headers=headers)

    return behave


def each(nth: int, said: Said) -> Behaviour:
    """Every nth call is answered so, beginning with the nth."""
    return refuses(lambda c: c.number % nth == nth - 1, said)


def out_of_quota(after: int = 0) -> Behaviour:
    """The account ends."""
    said = error("You exceeded your current quota", TOO_MANY, code="insufficient_quota")
    return refuses(lambda c: c.number >= after, said)


def web_page() -> Behaviour:
    """The address of a page for people."""
    page = Said(b"<!doctype html><title>UI</title>", headers={"content-type": "text/html"})
    return lambda call: page


def upstream(code: int, message: str = "Provider returned error") -> Said:
    """An error of the server behind a router, inside a 200."""
    return Said({"id": None, "choices": None, "error": {"message": message, "code": code}})
