"""A file that is dropped on the first page becomes a project whose data is shown before a climb."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from rung.task.load import load_task
from rung.ui.app import create_app
from rung.ui.site import Site

from .conftest import CONFIG, LOOPBACK, write_task

from report.synthetic import make_task  # isort: skip


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    write_task(tmp_path / "tickets", make_task(), CONFIG)
    return TestClient(create_app(Site([tmp_path])), base_url=LOOPBACK)


def drop(
    client: TestClient, name: str, content: bytes, token: str | None = None
) -> tuple[int, str]:
    page = client.get("/").text
    own = page.split('data-token="')[1].split('"')[0]
    sent = client.post(
        "/new", params={"name": name}, content=content,
        headers={"x-token": own if token is None else token, "origin": LOOPBACK},
    )  # fmt: skip
    return sent.status_code, sent.text


ROWS = b"subject,team\n" + b"".join(
    f"the {word} broke again on day {n} <b>,{('red', 'blue')[n % 2]}\n".encode()
    for n, word in enumerate(("lamp", "door", "belt", "lock", "wheel", "bell") * 10)
)


def test_a_file_becomes_a_project_and_shows_its_data(client: TestClient, tmp_path: Path) -> None:
    status, text = drop(client, "our desk.csv", ROWS)
    assert status == 200 and '"/p/our-desk/data"' in text
    assert len(load_task(tmp_path / "our desk").train) > 0
    page = client.get("/p/our-desk/data").text
    assert "the lamp broke again" in page and "red" in page and "<b>" not in page
    assert "What the audit holds against it" in page
    task = load_task(tmp_path / "our desk")
    assert not any(e.input_text() in page for e in task.test)
    assert client.get("/").text.count("our desk") >= 1


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("../evil.csv", ROWS, "no file of rows"),
        (".hidden.csv", ROWS, "no file of rows"),
        ("notes.exe", ROWS, "no file of rows"),
        ("tickets.csv", ROWS, "already"),
        ("empty.csv", b"", ""),
        ("one.csv", b"a\n1\n", ""),
    ],
)
def test_what_cannot_be_taken_leaves_nothing(
    client: TestClient, tmp_path: Path, name: str, content: bytes, why: str
) -> None:
    before = sorted(path for path in tmp_path.rglob("*") if path.name != ".rung")
    status, text = drop(client, name, content)
    assert status == 400 and why in text
    assert sorted(path for path in tmp_path.rglob("*") if path.name != ".rung") == before


def test_another_pages_file_is_refused(client: TestClient, tmp_path: Path) -> None:
    assert drop(client, "x.csv", ROWS, token="made up")[0] == 403
    assert not (tmp_path / "x.csv").exists()
