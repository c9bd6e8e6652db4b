"""Every file that Rung keeps, damaged in every way: one sentence, never a traceback."""

from __future__ import annotations

import importlib
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from rung.candidate import Candidate
from rung.climbing.judging import read_calibration
from rung.climbing.ledger import LEDGER_FILE
from rung.economics.of_run import scenario_of_run
from rung.errors import RungError
from rung.evidence.ledger import AlphaLedger
from rung.measure.cache import Cache
from rung.solver import Solver, SolverSpec, load, save
from rung.solver.solver import Parts
from rung.solver.store import read_spec
from rung.state import read_object
from rung.task.types import TextOutput
from scripted import ScriptedModel


def room(*names: str):  # type: ignore[no-untyped-def]
    for name in names:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError:
            continue
    raise AssertionError(names)


WINNERS = room("rung.loop.winners", "rung.loop.shipping.winners", "rung.loop.shipping.winners")
READING = room("rung.report.reading")

DEEP = "[" * 100_000
DAMAGE = {
    "empty": "",
    "cut": '{"format": 1, "uses": [',
    "list": "[1, 2]",
    "null": "null",
    "number": "7",
    "text": '"run"',
    "deep": DEEP,
    "deep object": '{"a":' * 50_000,
    "unknown": '{"format": 99, "of a newer version": {}}',
    "wrong kinds": '{"uses": null, "rows": 5, "files": [], "candidates": {"a": 1}, "run": []}',
    "binary": "\ufffe\x00",
}


def _run(root: Path, text: bytes) -> None:
    (root / "run.json").write_bytes(text)
    READING.read_result(root)


def _cost(root: Path, text: bytes) -> None:
    scenario_of_run(text.decode("utf-8", "replace"), "run.json")


def _ledger(root: Path, text: bytes) -> None:
    (root / LEDGER_FILE).write_bytes(text)
    AlphaLedger.from_dict(read_object(root / LEDGER_FILE, "restore it"))


def _promotions(root: Path, text: bytes) -> None:
    (root / ".rung").mkdir()
    (root / ".rung/promotions.jsonl").write_bytes(text or b"0")
    WINNERS.Winners(root).log()


def _swap(root: Path, text: bytes) -> None:
    (root / ".rung").mkdir()
    (root / ".rung/swap.json").write_bytes(text)
    WINNERS.Winners(root).present()


def _manifest(root: Path, text: bytes) -> None:
    _solver(root)
    (root / "w/manifest.json").write_bytes(text)
    read_spec(root / "w")


def _spec(root: Path, text: bytes) -> None:
    """Well hashed: a newer version wrote it."""
    import hashlib

    _solver(root)
    (root / "w/solver.json").write_bytes(text)
    manifest = json.loads((root / "w/manifest.json").read_text())
    manifest["files"]["solver.json"] = hashlib.sha256(text).hexdigest()
    (root / "w/manifest.json").write_text(json.dumps(manifest))
    load(root / "w", lambda _: ScriptedModel(lambda _: "x"), lambda _: None)  # type: ignore


def _cache(root: Path, text: bytes) -> None:
    cache = Cache(root / "cache.sqlite")
    cache.close()
    with sqlite3.connect(root / "cache.sqlite") as database:
        database.execute("INSERT INTO calls VALUES ('k', 'm', ?)", (text,))
    Cache(root / "cache.sqlite").get("k")


def _calibration(root: Path, text: bytes) -> None:
    from rung.climbing.judging import FILE

    (root / FILE).write_bytes(text)
    read_calibration(root)


def _solver(root: Path) -> None:
    spec = SolverSpec(
        candidate=Candidate(model="scripted/m"),
        task="trees",
        instruction="Name it.",
        output=TextOutput(max_words=6),
    )
    save(Solver(spec, Parts(chat=ScriptedModel(lambda _: "x"))), root / "w", {"run": "r"})


def _keys(root: Path, text: bytes) -> None:
    from rung.serve.keys import KeyRing

    (root / ".rung").mkdir()
    (root / ".rung/keys.json").write_bytes(text)
    KeyRing(root).owner(b"rung_x")


def _diagnosis(root: Path, text: bytes) -> None:
    from rung.report.diagnosis import DIAGNOSIS_FILE, read_diagnosis

    (root / DIAGNOSIS_FILE).write_bytes(text)
    found, said = read_diagnosis(root)
    assert found is None
    raise RungError(said)


FILES = [_run, _cost, _ledger, _promotions, _swap, _manifest, _spec, _cache, _calibration]
FILES += [_keys, _diagnosis]


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("file", FILES, ids=lambda f: f.__name__.strip("_"))
def test_damage_is_one_sentence(
    tmp_path: Path, file: Callable[[Path, bytes], None], damage: str
) -> None:
    text = DAMAGE[damage].encode("utf-16" if damage == "binary" else "utf-8")
    with pytest.raises(RungError) as said:
        file(tmp_path, text)
    sentence = str(said.value)
    assert "\n" not in sentence.strip() and 20 < len(sentence) < 700, sentence


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_can_be_made_again_is_made_again(tmp_path: Path, damage: str) -> None:
    from rung.behaviour.trainers.lora import RESULT, finished_result
    from rung.climbing.journal import LIVE_FILE, read_live
    from rung.models.local.card import CARD, read_card

    for name in (RESULT, LIVE_FILE, CARD):
        (tmp_path / name).write_text(DAMAGE[damage], encoding="utf-8")
    assert finished_result(tmp_path) is read_live(tmp_path) is read_card(tmp_path) is None


def test_a_newer_version_is_named(tmp_path: Path) -> None:
    with pytest.raises(RungError, match="written by a newer Rung"):
        _manifest(tmp_path, b'{"format": 99, "files": {}}')


@pytest.mark.parametrize("file", ["answer", "input", "at", "share"])
def test_a_traffic_row_of_another_form_is_one_sentence(tmp_path: Path, file: str) -> None:
    from rung.traffic.records import TrafficRecord, now
    from rung.traffic.store import TrafficStore

    store = TrafficStore(f"sqlite:///{tmp_path}/t.sqlite")
    record = TrafficRecord(
        id="r",
        at=now(),
        candidate="c",
        solver="s",
        status=200,
        latency_s=0.1,
        share=1.0,
        input="i",
        error="e",
    )
    store.add([record])
    for value in ("{", '[{"x": 1}]', 1e300):
        with sqlite3.connect(tmp_path / "t.sqlite") as database:
            database.execute(f"UPDATE rung_requests SET {file} = ?", (value,))
        try:
            list(store.records())
        except RungError as error:
            assert "cannot be read" in str(error) and "\n" not in str(error)
