"""Labels that look wrong: what a person says counts, can be taken back, and leaves the data be."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from rich.console import Console
from starlette.testclient import TestClient
from typer.testing import CliRunner

import rung.cli.labels as terminal
import rung.climbing.auditing as auditing
from rung.audit.labels import Labels, Suspect, suspected
from rung.cli.app import app
from rung.climbing.auditing import material_of
from rung.climbing.tools import ClimbOptions, Tools
from rung.errors import StoreError
from rung.task.load import load_task
from rung.ui.app import create_app
from rung.ui.site import Site
from scripted import ScriptedEmbedder

WORDS = {"billing": "invoice charge refund", "delivery": "parcel courier late", "login": "password"}
WRONG = (7, 10, 30, 33, 41, 44)
"""Rows (from 0) whose label is another one's."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """60 rows in a CSV of three labels, six of them wrong."""
    names = list(WORDS)
    rows = []
    for i in range(60):
        label = names[i % 3]
        said = names[(i + 1) % 3] if i in WRONG else label
        rows.append(f'"{WORDS[label]}, case {i * 7919}",{said}')
    (tmp_path / "t.csv").write_text("text,label\n" + "\n".join(rows) + "\n")
    (tmp_path / "rung.toml").write_text(
        '[task]  # ours\ninstruction = "Route it."\nexamples = "t.csv"\n'
        f"[output]\nlabels = {names}\n[target]\nscore = 0.8\n"
    )
    monkeypatch.setattr(auditing, "open_embedder", lambda *_: Topics("topics"))
    return tmp_path


class Topics(ScriptedEmbedder):
    """Words of a label lie together."""

    async def embed(self, texts: list[str]):  # type: ignore[no-untyped-def]
        import numpy as np

        found = np.zeros((len(texts), 4), dtype=np.float32)
        for row, text in enumerate(texts):
            found[row, [i for i, words in enumerate(WORDS.values()) if words in text]] = 1.0
            found[row, 3] = (len(text) % 5) / 50
        return found / np.linalg.norm(found, axis=1, keepdims=True)


def found(folder: Path) -> list[Suspect]:
    async def look() -> list[Suspect]:
        tools = Tools(load_task(folder), ClimbOptions(), priced=False)
        try:
            return suspected(await material_of(tools))
        finally:
            await tools.aclose()

    return asyncio.run(look())


def label_of(folder: Path, line: int) -> str:
    task = load_task(folder)
    assert task.source is not None
    return str(task.source.examples["examples"][line - 2].expected)


def test_what_is_said_counts_and_can_be_taken_back(folder: Path) -> None:
    data, labels = (folder / "t.csv").read_bytes(), Labels(folder)
    every = first, second, *_ = found(folder)
    places = {one.place for one in every}
    assert places == {f"t.csv line {row + 2}" for row in WRONG}
    line = int(first.place.split()[-1])
    labels.settle(first, "me", accept=True)
    labels.settle(first, "me", accept=False)  # a second press changes nothing
    assert label_of(folder, line) == first.suggested != first.given
    assert first.id not in {one.id for one in found(folder)}
    assert any("1 answers are as a person corrected" in n for n in load_task(folder).notes)
    labels.settle(second, "me", accept=False)
    assert second.id not in {one.id for one in found(folder)}
    assert label_of(folder, int(second.place.split()[-1])) == second.given
    assert labels.undo() and labels.undo() and labels.undo() is None
    assert found(folder) == list(every)
    assert label_of(folder, line) == first.given
    assert (folder / "t.csv").read_bytes() == data
    assert "[task]  # ours" in (folder / "rung.toml").read_text()


def test_a_correction_follows_its_row_and_one_that_fits_none_is_said(folder: Path) -> None:
    first, *_ = found(folder)
    labels = Labels(folder)
    labels.settle(first, "me", accept=True)
    head, *rows = (folder / "t.csv").read_text().splitlines()
    (folder / "t.csv").write_text("\n".join([head, "a new row first,login", *rows]) + "\n")
    line = int(first.place.split()[-1]) + 1
    assert label_of(folder, line) == first.suggested
    gone = [row for row in rows if str(first.input) not in row]
    (folder / "t.csv").write_text("\n".join([head, *gone]) + "\n")
    assert any("1 lines fit no row" in note for note in load_task(folder).notes)
    (folder / "corrections.jsonl").write_text("{}\n")
    with pytest.raises(StoreError, match=r"corrections\.jsonl:1"):
        load_task(folder)


def test_one_key_each_in_the_terminal(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, *_ = found(folder)
    keys = iter("xausaq" + "aaaaaq")  # an unknown key, taken, taken back, skipped, taken, enough
    monkeypatch.setattr("typer.getchar", lambda: next(keys))
    console = Console(record=True, width=200)
    terminal.look_through(folder, console)
    assert [one.id for one in Labels(folder).all()] == [second.id]
    text = console.export_text()
    assert "6 labels look wrong" in text and "1 corrected, 0 kept" in text
    assert f"given: {first.given} · suggested: {first.suggested}" in text
    terminal.look_through(folder, console)
    said = [one.id for one in Labels(folder).all()]
    assert said[0] == second.id and first.id in said and len(set(said)) == len(said) > 2


def test_without_a_terminal_there_are_no_keys(folder: Path) -> None:
    done = CliRunner().invoke(app, ["audit", str(folder), "--labels"])
    assert "run it in a terminal" in str(done.exception)


def test_one_button_each_on_the_page(folder: Path) -> None:
    client = TestClient(create_app(Site([folder])), base_url="http://127.0.0.1")
    (slug,) = Site([folder]).shelf.projects
    here = f"/p/{slug}/labels"

    def press(verdict: str) -> str:
        page = client.get(here).text
        token = page.split('name="token" value="')[1].split('"')[0]
        suspect = page.partition('name="suspect" value="')[2].split('"')[0]
        fields = {"token": token, "suspect": suspect, "verdict": verdict}
        answer = client.post(here, data=fields)
        assert answer.status_code == 200, answer.text
        return answer.text

    first, second, *_ = found(folder)
    page = client.get(here).text
    assert f"Take <bdi>{first.suggested}</bdi>" in page and first.place in page
    assert second.place in press("skip")
    assert first.place not in press("accept")
    assert "1 corrected · 1 kept" in press("keep")
    assert "1 corrected · 0 kept" in press("undo")
    assert "1 corrected · 0 kept" in client.get(here).text
    assert client.get(f"{here}.json").json()["said"][0]["was"] == first.given
    token = page.split('name="token" value="')[1].split('"')[0]
    bad = client.post(here, data={"token": token, "suspect": "gone", "verdict": "accept"})
    assert bad.status_code == 400 and "looked at already" in bad.text
