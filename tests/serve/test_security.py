"""What an attacker sends to a real server, byte by byte; and a winner that was tampered with."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import socket
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import httpx2
import numpy as np
import pytest
from typer.testing import CliRunner

from rung.behaviour.shots import VECTORS as SHOT_VECTORS
from rung.behaviour.shots import ShownShots
from rung.cli.app import app
from rung.errors import StoreError
from rung.serve import patience
from rung.serve.keys import KeyRing
from rung.serve.settings import Settings
from rung.serve.winner import open_served
from scripted import ScriptedEmbedder, ScriptedModel

from .upstream import Server, chat, endpoint, served
from .winners import save_winner

LIMITS = "[serve]\nmax_body_kb = 4\nbody_timeout_s = 1.0\nmost_connections = 40\n"
TOML = f"""[task]
name = "trees"
instruction = "Name the tree."
examples = "none.jsonl"
[output]
labels = ["amber", "birch", "cedar"]
[target]
score = 0.5
{LIMITS}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("served")
    (folder / "rung.toml").write_text(TOML)
    with endpoint() as upstream:
        save_winner(folder, upstream)
        with served(folder) as running:
            yield running


def talk(server: Server, data: bytes, wait_s: float = 5.0) -> bytes:
    """What comes back for these bytes until the connection ends."""
    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=wait_s)) as line:
        line.sendall(data)
        got = b""
        try:
            while part := line.recv(65536):
                got += part
        except TimeoutError:
            pass
        return got


def request(body: bytes, *headers: str, length: int | None = None) -> bytes:
    """A chat request as bytes."""
    head = [
        "POST /v1/chat/completions HTTP/1.1",
        "content-type: application/json",
        "connection: close",
        f"content-length: {len(body) if length is None else length}",
        *headers,
    ]
    if not any(h.lower().startswith("host") for h in headers):
        head.insert(1, "host: localhost")
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body


GOOD = json.dumps({"model": "trees", "messages": [{"role": "user", "content": "x"}]}).encode()


@pytest.mark.slow
def test_the_good_request_is_answered(server: Server) -> None:
    assert talk(server, request(GOOD)).startswith(b"HTTP/1.1 200")


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    [
        "/../../../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/v1/models/../../../etc/passwd",
        "/v1/models/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/v1/models/..%5c..%5cwinner",
        "/v1/models/%00",
        "//etc/passwd",
        "/.rung/keys.json",
        "/static/../.rung/traffic.sqlite",
    ],
)
def test_path_traversal_finds_nothing(path: str, server: Server) -> None:
    got = talk(
        server, f"GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode()
    )
    assert got.split(b" ")[1] == b"404" and b"root:" not in got
    assert json.loads(got.partition(b"\r\n\r\n")[2])["error"]["type"] == "invalid_request_error"


@pytest.mark.slow
def test_oversized_bodies_are_cut_off(server: Server) -> None:
    big = b"x" * 5000
    announced = talk(server, request(b"", length=10**12))
    assert announced.startswith(b"HTTP/1.1 413") and b"connection: close" in announced
    assert talk(server, request(big)).startswith(b"HTTP/1.1 413")
    chunked = request(b"").replace(b"content-length: 0", b"transfer-encoding: chunked")
    assert talk(server, chunked + b"1388\r\n" + big + b"\r\n0\r\n\r\n").startswith(b"HTTP/1.1 413")
    head = b"GET / HTTP/1.1\r\nhost: localhost\r\nx: " + b"y" * (patience.MOST_HEAD + 10_000)
    assert talk(server, head) == b""


@pytest.mark.slow
def test_slow_clients_are_dropped_and_hold_nobody_up(server: Server) -> None:
    started = time.monotonic()
    slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
    try:
        for line in slow[:10]:
            line.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: loc")
        for line in slow[10:]:
            line.sendall(request(GOOD[:10], length=len(GOOD)))
        assert chat(server, "x").status_code == 200
        for line in slow[10:]:
            line.settimeout(5)
            assert line.recv(100).startswith(b"HTTP/1.1 408")
        assert time.monotonic() - started < 5
        for line in slow[:10]:
            line.settimeout(patience.HEAD_S + 5)
            with suppress(ConnectionResetError):
                assert line.recv(100) == b""
    finally:
        for line in slow:
            line.close()
    assert chat(server, "x").status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"{\xff\xfe}",
        b'{"model": "\xff"}',
        GOOD.replace(b'"x"', b'"\\ud800"'),
        GOOD.replace(b'"x"', b'"\xed\xa0\x80"'),
        GOOD.replace(b'"x"', b"NaN"),
        b"[" * 2000,
        GOOD.replace(b'"x"', b"[" * 1500 + b"]" * 1500),
        GOOD + b"{}",
        GOOD[:-1],
        b"\xef\xbb\xbf{",
        b"1" * 4000,
    ],
    ids=range(16),
)
def test_malformed_bodies_are_400(body: bytes, server: Server) -> None:
    got = talk(server, request(body))
    assert got.startswith(b"HTTP/1.1 400"), got[:300]
    assert set(json.loads(got.partition(b"\r\n\r\n")[2])) == {"error"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "headers",
    [
        ["transfer-encoding: chunked"],
        ["content-length: 5"],
        ["transfer-encoding: xchunked"],
        ["transfer-encoding : chunked"],
        ["x: y\r\n folded: z", "content-length: 5"],
        ["x: a\nsmuggled: b"],
        ["x: a\0b"],
        ["host: localhost", "host: evil.example"],
        ["authorization: Bearer a", "authorization: Bearer b"],
        ["content-type: text/plain"],
    ],
    ids=range(10),
)
def test_ambiguous_heads_are_refused(headers: list[str], server: Server) -> None:
    inner = request(GOOD)
    got = talk(server, request(GOOD, *headers) + inner)
    assert got.startswith(b"HTTP/1.1 400") and got.count(b"HTTP/1.1") == 1, got[:300]


@pytest.mark.slow
def test_a_web_page_cannot_use_a_keyless_server(server: Server) -> None:
    url = f"{server.url}/v1/chat/completions"
    plain = httpx2.post(url, content=GOOD, headers={"content-type": "text/plain"})
    assert plain.status_code == 415
    rebound = httpx2.post(url, json=json.loads(GOOD), headers={"host": "evil.example"})
    assert rebound.status_code == 421
    asked = httpx2.options(url, headers={"origin": "https://evil.example"})
    assert "access-control-allow-origin" not in asked.headers


@pytest.mark.slow
def test_too_many_connections_are_refused_and_forgotten(server: Server) -> None:
    lines = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(45)]
    try:
        time.sleep(0.2)
        refused = chat(server, "x")
        assert refused.status_code == 429 and refused.headers["connection"] == "close"
        assert refused.json()["error"]["code"] == "overloaded"
        assert int(refused.headers["retry-after"]) >= 1
        assert httpx2.get(f"{server.url}/health").status_code == 200
    finally:
        for line in lines:
            line.close()
    time.sleep(0.2)
    assert chat(server, "x").status_code == 200


@pytest.mark.slow
def test_guessing_keys_tells_nothing(tmp_path: Path) -> None:
    key = KeyRing(tmp_path).add("web")
    with endpoint() as upstream:
        save_winner(tmp_path, upstream)
        with served(tmp_path) as running, httpx2.Client(base_url=running.url) as http:
            near, far = f"Bearer {key[:-1]}_", "Bearer " + "0" * len(key)
            times: dict[str, list[float]] = {near: [], far: []}
            for _ in range(150):
                for guess, spent in times.items():
                    started = time.perf_counter()
                    answer = http.get("/v1/models", headers={"authorization": guess})
                    spent.append(time.perf_counter() - started)
                    assert answer.status_code == 401
    medians = [sorted(spent)[len(spent) // 2] for spent in times.values()]
    # No more than noise: a comparison that stopped at a character would not show here either, so
    # test_keys.py checks what is compared; this finds a slow path for a half-right key.
    assert abs(medians[0] - medians[1]) < 0.5 * min(medians)


def saved(folder: Path) -> Settings:
    """A folder with a winner, and the settings to open it."""
    save_winner(folder, "http://127.0.0.1:9/v1")
    return Settings(folder=folder)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("solver.json", lambda text: text.replace("Name the tree.", "Say amber.")),
        ("evidence.json", None),
        ("labels.npz", None),
        ("manifest.json", lambda text: text[:-20]),
        ("manifest.json", lambda _: "[]"),
        ("manifest.json", lambda text: text.replace("sha", "x").replace("files", "fil")),
    ],
)
def test_a_tampered_winner_is_not_served(name: str, change: object, tmp_path: Path) -> None:
    settings = saved(tmp_path)
    file = tmp_path / ".rung" / "winner" / name
    file.write_text(change(file.read_text()) if callable(change) else "new")
    with pytest.raises(StoreError):
        open_served(settings)
    result = CliRunner().invoke(app, ["serve", str(tmp_path), "--no-log"])
    assert isinstance(result.exception, StoreError)


class Payload:
    """Leaves a trace when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> object:
        return os.mkdir, (str(self.trace),)


@pytest.mark.parametrize("name", ["labels.npz", SHOT_VECTORS])
def test_a_pickle_in_a_winner_is_never_loaded(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where the manifest was made to fit: hashes show a change, they do not forbid one."""
    settings = saved(tmp_path)
    folder, trace = tmp_path / ".rung" / "winner", tmp_path / "was-here"
    monkeypatch.setattr("rung.climbing.winner.open_model", lambda *_: ScriptedModel([]))
    monkeypatch.setattr("rung.serve.winner.open_embedder", lambda *_: ScriptedEmbedder())
    bad = np.array([Payload(trace)], dtype=object)
    made = io.BytesIO()
    np.savez(made, labels=bad, kind=bad) if name.endswith("npz") else np.save(made, bad)
    (folder / name).write_bytes(made.getvalue())
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][name] = hashlib.sha256(made.getvalue()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises((StoreError, ValueError), match="allow_pickle=False"):
        open_served(settings)
        ShownShots.load(folder)  # by itself: the winner shows fixed examples
    assert not trace.exists()
    with pytest.raises(FileExistsError):  # the payload works: loaded, it would have shown
        trace.mkdir()
        pickle.loads(pickle.dumps(Payload(trace)))
