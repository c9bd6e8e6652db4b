"""Keys are kept as hashes, told apart in constant time, and needed once there was one."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rung.cli.app import app
from rung.errors import StoreError, UserError
from rung.serve import keys as keys_module
from rung.serve.keys import KeyRing
from rung.serve.run import refuse_open_door
from rung.serve.settings import Settings

from .winners import ask, running, scripted, service

CHAT = "/v1/chat/completions"


def test_a_key_is_kept_as_a_hash_only(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path)
    key = ring.add("web")
    assert len(key) >= 40 and ring.owner(key.encode()) == "web"
    assert key not in ring.path.read_text() and key[10:] not in ring.path.read_text()
    assert stat.S_IMODE(ring.path.stat().st_mode) == 0o600
    assert ring.owner(key[:-1].encode()) is None and ring.owner(b"") is None
    other = ring.add("app")
    assert other != key and ring.owner(other.encode()) == "app"
    ring.remove("web")
    assert ring.owner(key.encode()) is None and ring.owner(other.encode()) == "app"


def test_another_process_sees_a_change(tmp_path: Path) -> None:
    serving, managing = KeyRing(tmp_path), KeyRing(tmp_path)
    assert serving.kept() == ()
    key = managing.add("web")
    assert serving.owner(key.encode()) == "web"
    managing.remove("web")
    assert serving.owner(key.encode()) is None


def test_every_key_is_compared_by_its_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ring = KeyRing(tmp_path)
    made = [ring.add(f"k{n}") for n in range(3)]
    compared: list[tuple[str, str]] = []

    def noted(first: str, second: str) -> bool:
        compared.append((first, second))
        return first == second

    monkeypatch.setattr(keys_module.hmac, "compare_digest", noted)
    for guess in (made[0], made[2], "rung_guess", ""):
        compared.clear()
        ring.owner(guess.encode())
        # As many comparisons of as many characters, whatever was guessed, and never of the key.
        assert [len(a) == len(b) == 64 for a, b in compared] == [True] * 3
        assert not any(guess and guess in pair for pair in compared)


def test_mistakes_are_told(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path)
    ring.add("web")
    with pytest.raises(UserError, match="there is a key 'web' already"):
        ring.add("web")
    with pytest.raises(UserError, match="known: 'web'"):
        ring.remove("wep")
    for name in ("../../etc", "", "a b", "x" * 65, "a\nb"):
        with pytest.raises(UserError, match="cannot name a key"):
            ring.add(name)
    ring.path.write_text("{")
    with pytest.raises(StoreError, match="cannot be read"):
        KeyRing(tmp_path).kept()


async def test_a_wrong_key_hears_what_a_missing_one_hears(tmp_path: Path) -> None:
    key = KeyRing(tmp_path).add("web")
    made = service(tmp_path, scripted(["birch"]))
    async with running(made) as client:
        said = set()
        for header in ("", "Bearer", "Bearer rung_wrong", f"Bearer {key[:-1]}", f"Basic {key}"):
            for path in (CHAT, "/v1/feedback", "/v1/models", "/metrics", "/openapi.json", "/nope"):
                method = "POST" if path in (CHAT, "/v1/feedback") else "GET"
                headers = {"authorization": header} if header else {}
                answer = await client.request(method, path, headers=headers, json=ask())
                said.add((answer.status_code, answer.text, answer.headers["www-authenticate"]))
        assert len(said) == 1 and next(iter(said))[0] == 401
        headers = {"authorization": f"Bearer {key}"}
        assert (await client.post(CHAT, headers=headers, json=ask())).status_code == 200
        assert (await client.get("/health")).status_code == 200
        (record,) = made.writer.store.records()  # type: ignore[union-attr]
        assert record.key_name == "web"
        KeyRing(tmp_path).remove("web")  # the last one: shut, not open
        assert (await client.post(CHAT, headers=headers, json=ask())).status_code == 401
        assert (await client.post(CHAT, json=ask())).status_code == 401


async def test_a_broken_key_file_lets_nobody_in(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path)
    ring.add("web")
    async with running(service(tmp_path, scripted(["birch"]))) as client:
        ring.path.write_text('{"keys": "none"}')
        answer = await client.post(CHAT, json=ask())
    assert answer.status_code == 500 and str(tmp_path) not in answer.text


async def test_without_keys_only_names_of_this_machine_are_answered(tmp_path: Path) -> None:
    async with running(service(tmp_path, scripted(["birch"] * 9))) as client:
        for host, status in {
            "localhost:8000": 200,
            "127.0.0.1": 200,
            "[::1]:80": 200,
            "evil.example": 421,
            "localhost.evil.example": 421,
            "127.0.0.1@evil.example": 421,
        }.items():
            answer = await client.post(CHAT, json=ask(), headers={"host": host})
            assert answer.status_code == status, host


def test_an_open_address_needs_a_key(tmp_path: Path) -> None:
    for host in ("127.0.0.1", "::1", "localhost"):
        refuse_open_door(Settings(folder=tmp_path, host=host))
    with pytest.raises(UserError, match="open to the network, and there is no API key"):
        refuse_open_door(Settings(folder=tmp_path, host="0.0.0.0"))
    KeyRing(tmp_path).add("web")
    refuse_open_door(Settings(folder=tmp_path, host="0.0.0.0"))


def test_the_commands(tmp_path: Path) -> None:
    (tmp_path / "rung.toml").touch()

    def run(*words: str) -> str:
        result = CliRunner().invoke(app, ["keys", *words])
        assert result.exit_code == 0, result.output
        return result.stdout

    key = run("add", str(tmp_path), "web").strip()
    assert KeyRing(tmp_path).owner(key.encode()) == "web"
    assert run("list", str(tmp_path)).startswith("web  20")
    run("remove", str(tmp_path), "web")
    assert run("list", str(tmp_path)) == ""


def test_keys_are_kept_only_where_a_task_is(tmp_path: Path) -> None:
    for folder, told in ((tmp_path, "holds no rung.toml"), (tmp_path / "x", "no such folder")):
        for words in (["add", str(folder), "web"], ["list", str(folder)]):
            caught = CliRunner().invoke(app, ["keys", *words]).exception
            assert isinstance(caught, UserError) and told in str(caught)
    assert list(tmp_path.iterdir()) == []
