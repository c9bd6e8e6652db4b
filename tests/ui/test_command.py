"""`rung ui` as a command: what it prints, what it refuses, how it ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rung.cli.app import app
from rung.errors import MissingExtraError, UserError


def refused(*words: str) -> str:
    found = CliRunner().invoke(app, ["ui", *words])
    assert isinstance(found.exception, UserError), found.exception
    return str(found.exception)


def test_what_cannot_be_served_is_one_sentence(tmp_path: Path, home: Path) -> None:
    assert "holds no rung.toml" in refused(str(tmp_path))
    assert "is no folder" in refused(str(tmp_path / "nope"))
    assert "shorter than 12" in refused(str(home), "--key", "short")
    assert "give another --port" in refused(str(home), "--host", "256.1.1.1", "--port", "0")


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setattr("rung.cli.ui.find_spec", lambda name: None if name == "uvicorn" else True)
    found = CliRunner().invoke(app, ["ui", str(home)])
    assert isinstance(found.exception, MissingExtraError)
    assert "pip install 'rung[ui]'" in str(found.exception)


def test_who_reviews_can_be_named(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    names: list[str] = []
    monkeypatch.setattr("rung.ui.app.serve", lambda site, where: names.append(site.who))
    for words in ((), ("--who", "bea")):
        found = CliRunner().invoke(app, ["ui", str(home), "--port", "0", *words])
        assert found.exit_code == 0, found.output
    assert names == ["reviewer", "bea"]


@contextmanager
def running(*words: str) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """The process, its address, and what it printed before."""
    process = subprocess.Popen(
        [sys.executable, "-m", "rung", "ui", *words, "--port", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        said = process.stdout.readline() + process.stdout.readline()
        address = re.search(r"http://\S+:\d+", said)
        assert address is not None, said
        yield process, address[0], said
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def status(address: str, **headers: str) -> int:
    try:
        request = urllib.request.Request(address, headers=headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.slow
def test_it_serves_until_it_is_interrupted(home: Path) -> None:
    with running(str(home)) as (process, address, said):
        assert "fresh, hostile, tickets" in said and address.startswith("http://127.0.0.1:")
        assert status(address) == 200
        assert status(f"{address}/p/tickets.json") == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(15) == 0
        assert process.stdout is not None and "Traceback" not in process.stdout.read()


@pytest.mark.slow
def test_beyond_the_loopback_it_prints_a_key_and_asks_for_it(home: Path) -> None:
    with running(str(home), "--host", "0.0.0.0") as (process, address, _):
        assert process.stdout is not None
        key = process.stdout.readline().removeprefix("key: ").strip()
        assert len(key) >= 20
        here = address.replace("0.0.0.0", "127.0.0.1")
        assert status(f"{here}/index.json") == 401
        assert status(f"{here}/index.json", Authorization=f"Bearer {key}") == 200
