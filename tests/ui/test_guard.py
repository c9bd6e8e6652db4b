"""Who is let in, what is refused, which headers every answer carries."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from rung.errors import UserError
from rung.ui.app import create_app, key_for, listen
from rung.ui.guard import Guard
from rung.ui.projects import find
from rung.ui.site import Site

from .conftest import LOOPBACK, client_of

KEY = "correct-horse-battery"


def token_of(client: TestClient, path: str = "/p/tickets") -> str:
    found = re.search(r'name="token" value="([0-9a-f]{64})"', client.get(path).text)
    assert found is not None
    return found[1]


def mark_of(client: TestClient) -> str:
    found = re.search(r'name="mark" value="([0-9a-f]{64})"', client.get("/p/tickets").text)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("path", ["/", "/p/tickets", "/index.json", "/nope", "/static/ui.js"])
def test_every_answer_carries_the_policy(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "server" not in headers


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1:80", 200), ("localhost", 200), ("[::1]:9", 200), ("evil.example", 421),
     ("127.0.0.1.evil.example", 421), ("10.0.0.7", 421), ("", 421)],
)  # fmt: skip
def test_without_a_key_only_names_of_this_machine_are_answered(
    client: TestClient, host: str, status: int
) -> None:
    assert client.get("/", headers={"host": host}).status_code == status


def test_a_form_needs_the_token_of_its_session(folder: Path) -> None:
    client = client_of(folder)
    before = (folder / "rung.toml").read_bytes()
    good = {"token": token_of(client), "mark": mark_of(client), "score": "0.9"}
    for bad in ({**good, "token": ""}, {**good, "token": "0" * 64}):
        assert client.post("/p/tickets/target", data=bad).status_code == 403
    stranger = TestClient(client.app, base_url=LOOPBACK, follow_redirects=False)
    stranger.get("/")  # has a session of its own: the token of another one is worth nothing
    assert stranger.post("/p/tickets/target", data=good).status_code == 403
    bare = TestClient(client.app, base_url=LOOPBACK, follow_redirects=False)
    assert bare.post("/p/tickets/target", data=good).status_code == 403
    assert (folder / "rung.toml").read_bytes() == before
    assert client.post("/p/tickets/target", data=good).status_code == 303
    assert b"score = 0.9 " in (folder / "rung.toml").read_bytes()


def test_a_form_of_another_page_is_refused(folder: Path) -> None:
    client = client_of(folder)
    good = {"token": token_of(client), "mark": mark_of(client), "score": "0.9"}
    for headers in (
        {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "null"},
        {"origin": "http://evil.example"}, {"origin": "http://127.0.0.1:9999"},
    ):  # fmt: skip
        answer = client.post("/p/tickets/target", data=good, headers=headers)
        assert answer.status_code == 403 and "another page" in answer.text, headers


def test_a_form_that_is_too_large_is_not_read(folder: Path) -> None:
    client = client_of(folder)
    answer = client.post("/p/tickets/target", data={"token": token_of(client), "x": "y" * 300_000})
    assert answer.status_code == 400 and "larger than" in answer.text


def test_a_page_is_not_changed_by_looking_at_it(client: TestClient) -> None:
    for path in ("/p/tickets/target", "/p/tickets/climb", "/p/tickets/stop"):
        assert client.get(path).status_code == 405
    assert client.delete("/p/tickets").status_code == 405


def test_elsewhere_every_page_asks_for_the_key(folder: Path) -> None:
    client = client_of(folder, key=KEY)
    for path in ("/", "/p/tickets", "/p/tickets/runs/new", "/p/tickets/events"):
        answer = client.get(path)
        assert answer.status_code == 303 and answer.headers["location"] == "/key", path
        assert "tickets" not in answer.text
    refused = client.get("/p/tickets.json")
    assert refused.status_code == 401 and "Bearer" in refused.text
    wrong = client.post("/key", data={"key": "wrong-key-wrong-key"})
    assert wrong.status_code == 403 and "That is not the key" in wrong.text
    assert client.get("/").status_code == 303
    opened = client.post("/key", data={"key": KEY})
    cookie = opened.headers["set-cookie"]
    assert (
        opened.status_code == 303 and "HttpOnly" in cookie and "samesite=strict" in cookie.lower()
    )
    assert KEY not in cookie
    assert client.get("/p/tickets").status_code == 200


def test_a_program_sends_the_key_in_a_header(folder: Path) -> None:
    client = client_of(folder, key=KEY)
    good = client.get("/p/tickets.json", headers={"authorization": f"Bearer {KEY}"})
    assert good.status_code == 200 and good.json()["project"] == "tickets"
    for bad in (f"Bearer {KEY}x", f"Basic {KEY}", KEY, "Bearer "):
        assert client.get("/p/tickets.json", headers={"authorization": bad}).status_code == 401


def test_a_session_that_another_server_made_opens_nothing(folder: Path) -> None:
    client = client_of(folder, key=KEY)
    client.cookies.set("rung-ui-0", Guard(KEY).new_session())
    assert client.get("/").status_code == 303


def test_the_key_is_made_up_where_none_is_given() -> None:
    assert key_for("127.0.0.1", None) is None and key_for("localhost", None) is None
    made, other = key_for("0.0.0.0", None), key_for("192.0.2.1", None)
    assert made and other and made != other and len(made) >= 20
    assert key_for("127.0.0.1", KEY) == KEY
    with pytest.raises(UserError, match="shorter than 12"):
        key_for("0.0.0.0", "short")


def test_a_port_that_is_taken_is_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UserError, match="give another --port"):
            listen("127.0.0.1", taken.getsockname()[1])


def test_folders_without_a_project_are_named(tmp_path: Path, home: Path) -> None:
    with pytest.raises(UserError, match="holds no rung"):
        find([tmp_path])
    with pytest.raises(UserError, match="is no folder"):
        find([tmp_path / "nope"])
    assert [p.name for p in find([home, home / "fresh"])] == ["fresh", "hostile", "tickets"]


def test_two_folders_of_one_name_get_addresses_of_their_own(folder: Path, home: Path) -> None:
    app = create_app(Site([folder, home / "tickets"]))
    told = TestClient(app, base_url=LOOPBACK).get("/index.json").json()
    assert [p["project"] for p in told["projects"]] == ["tickets", "tickets-2"]
