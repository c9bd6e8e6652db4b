"""What won is kept as it was measured, and only as it was measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import rung
from rung.errors import StoreError
from scripted import ScriptedEmbedder, ScriptedModel

from .tasks import EMBEDDER, MODEL, climb, fact_task, label_task, model, reading, share


@pytest.fixture
def opened_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """`open_winner` finds the scripted doubles where real models would be opened."""
    chat = ScriptedModel(reading, MODEL)
    monkeypatch.setattr("rung.climbing.winner.open_model", lambda *_: chat)
    monkeypatch.setattr("rung.climbing.winner.open_embedder", lambda *_: ScriptedEmbedder(EMBEDDER))


def recorded(folder: Path, key: str) -> dict[str, str]:
    (run,) = (folder / "runs").iterdir()
    rows = map(json.loads, (run / "attempts.jsonl").read_text().splitlines())
    return {a["example_id"]: a["answer"]["text"] for a in rows if a["candidate"] == key}


@pytest.mark.usefixtures("opened_here")
@pytest.mark.parametrize("kind", ["no-llm", "rag"])
def test_the_winner_answers_as_it_was_measured(kind: str, tmp_path: Path) -> None:
    kept = tmp_path / ".rung"
    if kind == "no-llm":
        task = label_task(telling=True)
        result = climb(task, kept, model())
    else:
        task = fact_task()
        result = climb(task, kept, ScriptedModel(reading, MODEL, context_window=800))
    key = result.verdict.choice
    assert key is not None
    winner = rung.open_winner(tmp_path)
    assert winner.candidate.key == key and winner.candidate.technique == kind
    inputs = {e.id: e.input for e in (*task.dev, *task.test)}
    said = recorded(kept, key)
    assert len(said) >= 40
    assert {i: winner.ask(inputs[i]).text for i in said} == said


@pytest.mark.usefixtures("opened_here")
def test_it_carries_its_evidence(tmp_path: Path) -> None:
    result = climb(label_task(telling=True), tmp_path / ".rung", model())
    evidence = json.loads((tmp_path / ".rung" / "winner" / "evidence.json").read_text())
    assert evidence["run"] == result.run
    assert evidence["verdict"]["choice"] == evidence["candidate"]["key"] == result.verdict.choice


@pytest.mark.usefixtures("opened_here")
def test_a_tampered_winner_is_not_opened(tmp_path: Path) -> None:
    climb(label_task(telling=True), tmp_path / ".rung", model())
    solver = tmp_path / ".rung" / "winner" / "solver.json"
    solver.write_text(solver.read_text().replace("Name the item's kind.", "Say amber."))
    with pytest.raises(StoreError, match=r"solver\.json was changed after it was saved"):
        rung.open_winner(tmp_path)


def test_a_new_winner_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    climb(label_task(), tmp_path, model())
    before = (tmp_path / "winner" / "manifest.json").read_text()
    climb(label_task(telling=True), tmp_path, model())
    after = (tmp_path / "winner" / "manifest.json").read_text()
    assert before != after and "no-llm" in after
    assert not [p.name for p in tmp_path.iterdir() if p.name.startswith(".winner")]


def test_a_climb_without_a_choice_leaves_an_earlier_winner_alone(tmp_path: Path) -> None:
    climb(label_task(), tmp_path, model())
    kept = (tmp_path / "winner" / "manifest.json").read_text()
    other = label_task(instruction="Guess.")
    assert climb(other, tmp_path, model(share(30))).verdict.choice is None
    assert (tmp_path / "winner" / "manifest.json").read_text() == kept
