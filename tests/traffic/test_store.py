"""What is committed is there, once, as it was given; in SQLite and in PostgreSQL."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from rung.errors import StoreError, UserError
from rung.privacy.redaction import Redactor
from rung.traffic import Feedback, Query, TrafficRecord, log_url, open_store
from rung.traffic.store import TrafficStore
from rung.traffic.writer import TrafficWriter

from .records import START, failed, record


@pytest.fixture
def store(url: str) -> Iterator[TrafficStore]:
    opened = open_store(url)
    yield opened
    opened.close()


def ids(records: Iterator[TrafficRecord] | list[TrafficRecord]) -> list[str]:
    return [each.id.removeprefix("chatcmpl-") for each in records]


def test_a_record_comes_back_as_it_was_given(store: TrafficStore) -> None:
    odd = {"fields": "Ünïcode ✓ “quotes” '; DROP TABLE", "n": 1.5, "none": None, "list": [1, "a"]}
    given = record(1, input=odd, messages=({"role": "system", "content": "Be brief."},), share=0.5)
    store.add([given, failed(2)])
    assert list(store.records()) == [given, failed(2)]
    assert store.get("chatcmpl-1") == given
    assert store.get("chatcmpl-9") is None


def test_what_databases_refuse_is_replaced(store: TrafficStore) -> None:
    store.add([record(1, input="nul \0 and half \ud800")])
    assert next(store.records()).input == "nul \N{REPLACEMENT CHARACTER} and half ?"


def test_an_id_is_kept_once(store: TrafficStore) -> None:
    store.add([record(1)])
    with pytest.raises(StoreError, match="holds that id already"):
        store.add([record(2), record(1)])
    assert ids(store.records()) == ["1"]


def test_queries(store: TrafficStore) -> None:
    broken = record(3).answer.model_copy(update={"valid": False, "value": None})  # type: ignore[union-attr]
    store.add([record(1), failed(2), record(3, answer=broken), record(4, candidate="other~1")])
    for number, verdicts in {1: ["wrong", "right"], 3: ["right", "wrong"]}.items():
        for verdict in verdicts:
            store.add_feedback(
                Feedback(request_id=f"chatcmpl-{number}", verdict=verdict, who="ann")
            )
    expected = {
        Query(): "1234",
        Query(since=START + timedelta(minutes=2)): "234",
        Query(until=START + timedelta(minutes=2)): "1",
        Query(candidate="other~1"): "4",
        Query(solver="6" * 64): "",
        Query(answered=True): "134",
        Query(answered=False): "2",
        Query(valid=True): "14",
        Query(valid=False): "3",
        Query(reviewed=True): "13",
        Query(reviewed=False): "24",
        Query(verdicts=("right",)): "1",
        Query(verdicts=("wrong", "corrected")): "3",
    }
    assert {q: "".join(ids(store.records(q))) for q in expected} == expected
    assert {q: store.count(q) for q in expected} == {q: len(s) for q, s in expected.items()}


def test_pages_are_seamless_in_both_directions(
    store: TrafficStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rung.traffic.store.PAGE", 3)
    store.add([record(n) for n in range(7)])
    numbers = [str(n) for n in range(7)]
    assert ids(store.records()) == numbers
    assert ids(store.records(newest_first=True)) == numbers[::-1]
    assert ids([j.record for j in store.judged()]) == numbers


def test_neighbours_match_and_stand_beside(
    store: TrafficStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rung.traffic.store.PAGE", 2)
    store.add([failed(n) if n in (2, 3) else record(n) for n in range(6)])
    answered, here = Query(answered=True), store.place_of("chatcmpl-4")
    assert store.neighbour(answered, here, older=True) == "chatcmpl-1"
    assert store.neighbour(answered, here, older=False) == "chatcmpl-5"
    assert store.neighbour(answered, None, older=True) == "chatcmpl-5"
    assert store.neighbour(answered, store.place_of("chatcmpl-0"), older=True) is None
    assert store.neighbour(Query(candidate="none"), here, older=True) is None
    asked = [f"chatcmpl-{n}" for n in range(5)]
    assert store.held([*asked, "nope", "half \ud83d", "nul \x00"]) == set(asked)
    assert store.held([]) == set()
    for name in asked:
        store.add_feedback(Feedback(request_id=name, verdict="right", who="ann"))
    assert set(store.newest_feedback(asked)) == set(asked)  # more than one page of them


def test_a_sample_is_random_and_repeatable(store: TrafficStore) -> None:
    store.add([record(n) for n in range(60)])
    first, again = store.sample(10, seed=1), store.sample(10, seed=1)
    other = store.sample(10, seed=2)
    assert first == again and ids(first) != ids(other)
    assert len(first) == len(set(ids(first))) == 10
    assert [r.at for r in first] == sorted(r.at for r in first)
    assert len(store.sample(100, seed=1)) == 60
    assert ids(store.sample(5, 0, Query(answered=False))) == []


def test_the_newest_feedback_counts(store: TrafficStore) -> None:
    store.add([record(1), record(2)])
    said = [
        Feedback(request_id="chatcmpl-1", verdict="right", who="ann"),
        Feedback(request_id="chatcmpl-1", verdict="corrected", corrected={"a": 1}, who="bob"),
    ]
    for each in said:
        store.add_feedback(each)
    assert store.feedback("chatcmpl-1") == store.feedback() == said
    assert store.feedback("chatcmpl-2") == []
    assert [j.feedback for j in store.judged()] == [said[1], None]


def test_feedback_needs_its_request(store: TrafficStore) -> None:
    with pytest.raises(UserError, match="'nowhere' is not in the log"):
        store.add_feedback(Feedback(request_id="nowhere", verdict="right", who="ann"))
    with pytest.raises(ValueError, match="only there"):
        Feedback(request_id="x", verdict="right", corrected="no", who="ann")
    with pytest.raises(ValueError, match="only there"):
        Feedback(request_id="x", verdict="corrected", who="ann")


def test_what_is_old_is_forgotten(store: TrafficStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rung.traffic.store.PAGE", 2)
    store.add([record(n) for n in range(6)])
    store.add_feedback(Feedback(request_id="chatcmpl-1", verdict="right", who="ann"))
    store.add_feedback(Feedback(request_id="chatcmpl-5", verdict="right", who="ann"))
    assert store.forget(START + timedelta(minutes=5)) == 5
    assert ids(store.records()) == ["5"]
    assert [f.request_id for f in store.feedback()] == ["chatcmpl-5"]
    assert store.erase("chatcmpl-5") and not store.erase("chatcmpl-5")
    assert store.feedback() == []


def test_what_is_stored_is_redacted(url: str) -> None:
    store = open_store(url, Redactor())
    answer = record(1).answer.model_copy(update={"text": "Write to ann@example.com"})  # type: ignore[union-attr]
    store.add(
        [
            record(1, input="I am ann@example.com", answer=answer),
            failed(2).model_copy(update={"error": "ann@example.com failed"}),
        ]
    )
    first, second = store.records()
    assert first.input == "I am [email-1]" and first.answer.text == "Write to [email-1]"  # type: ignore[union-attr]
    assert first.redacted == {"email": 1} and second.error == "[email-1] failed"
    store.add_feedback(
        Feedback(
            request_id="chatcmpl-1",
            verdict="corrected",
            corrected=["ann@example.com"],
            note="key sk-abcdefghijklmnop1234",
            who="bob",
        )
    )
    (kept,) = store.feedback()
    assert kept.corrected == ["[email-1]"] and kept.note == "key [secret-1]"
    store.close()


def test_the_file_is_its_owners_only_and_forgets_for_good(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    store = open_store(f"sqlite:///{path}")
    store.add([record(1, input="a telling sentence")])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert all(stat.S_IMODE(p.stat().st_mode) == 0o600 for p in tmp_path.iterdir())
    store.erase("chatcmpl-1")
    store.close()
    left = b"".join(p.read_bytes() for p in tmp_path.iterdir())
    assert b"a telling sentence" not in left


def test_errors_show_neither_password_nor_contents(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        open_store("postgresql://rung:hunter2@127.0.0.1:1/none")
    assert "127.0.0.1" in str(caught.value) and "hunter2" not in str(caught.value)
    path = tmp_path / "log.sqlite"
    store = open_store(f"sqlite:///{path}")
    other = sqlite3.connect(path)
    other.execute("DROP TABLE rung_requests").close()
    other.close()
    with pytest.raises(StoreError) as caught:
        store.add([record(1, input="a telling sentence")])
    assert "telling" not in str(caught.value) and "no such table" in str(caught.value)
    store.close()


def test_bad_places_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="mysql"):
        open_store("mysql://somewhere/log")
    (tmp_path / "file").write_text("no database, not even nearly one" * 100)
    with pytest.raises(StoreError, match="could not be opened"):
        open_store(f"sqlite:///{tmp_path / 'file'}")
    with pytest.raises(StoreError, match="could not be opened"):
        open_store(f"sqlite:///{tmp_path / 'file' / 'below.sqlite'}")


def test_another_format_is_refused(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    raw = sqlite3.connect(tmp_path / ".rung" / "traffic.sqlite")
    raw.execute("UPDATE rung_log SET format = 99")
    raw.commit()
    raw.close()
    with pytest.raises(StoreError, match="format 99"):
        open_store(tmp_path)


async def test_a_written_record_is_committed_when_write_returns(url: str) -> None:
    store, reader = open_store(url), open_store(url)
    writer = TrafficWriter(store)

    async def write(number: int) -> bool:
        await writer.write(record(number))
        return reader.get(f"chatcmpl-{number}") is not None

    assert all(await asyncio.gather(*(write(n) for n in range(40))))
    writer.close()
    assert reader.count() == 40
    store.close()
    reader.close()


async def test_one_bad_record_does_not_take_others_with_it(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.add([record(3)])
    writer = TrafficWriter(store)
    results = await asyncio.gather(
        *(writer.write(record(n)) for n in range(6)), return_exceptions=True
    )
    assert [type(r) for r in results] == [type(None)] * 3 + [StoreError] + [type(None)] * 2
    writer.close()
    assert sorted(ids(store.records())) == list("012345")
    store.close()


@pytest.mark.slow
def test_several_processes_write_at_once(url: str) -> None:
    program = (
        "import sys; sys.path.insert(0, '.')\n"
        "from rung.traffic import open_store\n"
        "from tests.traffic.records import record\n"
        "store = open_store(sys.argv[1])\n"
        "for n in range(50): store.add([record(int(sys.argv[2]) * 50 + n)])\n"
    )
    root = Path(__file__).resolve().parents[2]
    running = [
        subprocess.Popen([sys.executable, "-c", program, url, str(n)], cwd=root) for n in range(4)
    ]
    assert [process.wait(60) for process in running] == [0] * 4
    store = open_store(url)
    assert store.count() == 200
    store.close()


def test_the_default_place_is_the_tasks_folder(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    assert (tmp_path / ".rung" / "traffic.sqlite").exists()
    assert log_url(tmp_path) == f"sqlite:///{tmp_path}/.rung/traffic.sqlite"
