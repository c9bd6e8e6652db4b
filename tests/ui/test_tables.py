"""The indexes behind the table: made where one is missing, made anew where it is wrong."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from rung.report.example_index import INDEX_FILE, ExampleIndex, Marks, StaleIndex, marks_of
from rung.report.example_lines import Line
from rung.report.index_writing import write_index
from rung.ui.projects import Shelf
from rung.ui.site import Site
from rung.ui.tables import Tables

from .conftest import RUN, client_of

TABLE = f"{RUN}/examples.json"


@pytest.fixture
def run(folder: Path) -> Path:
    return folder / ".rung/runs/new"


def test_a_run_without_an_index_gets_one_beside_it(folder: Path, run: Path) -> None:
    (run / INDEX_FILE).unlink(missing_ok=True)
    client = client_of(folder)
    first = client.get(TABLE).json()
    made = (run / INDEX_FILE).stat()
    assert first["of"] == 160
    assert client.get(TABLE).json() == client_of(folder).get(TABLE).json() == first
    assert (run / INDEX_FILE).stat().st_mtime_ns == made.st_mtime_ns


def test_the_newest_runs_are_indexed_in_the_background(folder: Path, run: Path) -> None:
    (run / INDEX_FILE).unlink(missing_ok=True)
    (folder / "test.jsonl").write_text("not json\n")  # nothing that it meets ends it
    Site([folder]).tables.prepare()
    assert (run / INDEX_FILE).exists()


def test_a_folder_that_cannot_be_written_is_indexed_elsewhere(folder: Path, run: Path) -> None:
    (run / INDEX_FILE).unlink(missing_ok=True)
    (run / INDEX_FILE).mkdir()
    shelf = Shelf([folder])
    tables, project = Tables(shelf), shelf.projects["tickets"]
    for _ in range(2):
        assert tables.read(project, run, lambda index: index.total) == 160
    assert list((run / INDEX_FILE).iterdir()) == []
    aside = tables._aside
    assert aside is not None and len(list(Path(aside.name).iterdir())) == 1
    tables.close()
    assert not Path(aside.name).exists()


def test_rows_that_moved_behind_the_index_are_read_anew(
    folder: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(folder)
    before = client.get(TABLE).json()
    # A file system that tells nothing of a change: the lines themselves do.
    same = {known: marks_of(run, folder, known=known) for known in (True, False)}

    def unchanged(run: Path, task: Path, *, known: bool) -> Marks:
        return same[known]

    for module in ("example_index", "index_writing"):
        monkeypatch.setattr(f"rung.report.{module}.marks_of", unchanged)
    attempts = run / "attempts.jsonl"
    lines = attempts.read_text().splitlines(keepends=True)
    attempts.write_text("".join(reversed(lines)))
    assert client.get(TABLE).json() == before
    gone = before["examples"][0]["id"]
    attempts.write_text("".join(line for line in lines if f'"{gone}"' not in line))
    after = client.get(TABLE).json()
    assert after["of"] == 159 and after["examples"][0]["id"] == before["examples"][1]["id"]


def test_a_run_that_is_being_written_is_shown_as_it_was_when_asked(
    folder: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = iter(range(100))

    def changing(run: Path, task: Path, *, known: bool) -> Marks:
        return {"attempts.jsonl": str(next(written))}

    for module in ("example_index", "index_writing"):
        monkeypatch.setattr(f"rung.report.{module}.marks_of", changing)
    assert client_of(folder).get(TABLE).json()["of"] == 160


def test_lines_that_never_stand_still_are_told_of(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def moved(index: ExampleIndex, places: Sequence[int]) -> list[Line]:
        raise StaleIndex("moved again")

    monkeypatch.setattr(ExampleIndex, "lines", moved)
    answer = client_of(folder).get(TABLE)
    assert answer.status_code == 400
    assert "is being written: load the page again" in answer.json()["error"]["message"]


def test_readers_of_one_run_at_once_index_it_once(
    folder: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (run / INDEX_FILE).unlink(missing_ok=True)
    made: list[Path] = []

    def slowly(*given: Any) -> Path:
        made.append(given[0])
        time.sleep(0.3)
        return write_index(*given)

    monkeypatch.setattr("rung.ui.tables.write_index", slowly)
    client = client_of(folder)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: client.get(TABLE).json(), range(4)))
    assert made == [run] and all(answer == answers[0] for answer in answers)
