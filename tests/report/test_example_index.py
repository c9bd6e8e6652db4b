"""The index of a run's examples: the same rows as the run itself, never an old or a wrong one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from report.synthetic import make_diagnosis, make_run, make_task, write_run
from report.test_html import hostile_run
from rung.cli.app import app
from rung.climbing.explaining import PROBES
from rung.climbing.ledger import TestLedger
from rung.errors import StoreError, UserError
from rung.report import index_writing
from rung.report.example_index import INDEX_FILE, ExampleIndex, StaleIndex, open_index
from rung.report.example_lines import Filter, Line, fits, lines_of
from rung.report.index_writing import keep_index, write_index
from rung.report.reading import SOURCES, read_run
from rung.task.load import load_task
from rung.task.types import Task
from ui.conftest import show_test, write_task


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with a run, a diagnosis, and an answer that only the diagnosis asked for."""
    task = make_task()
    write_task(tmp_path, task)
    show_test(tmp_path)
    result, attempts = make_run(task)
    diagnosis = make_diagnosis(task, result)
    added = next(a for a in attempts if a.candidate == diagnosis.candidate and a.split == "dev")
    run = write_run(run_of(tmp_path), result, [a for a in attempts if a != added], diagnosis)
    (run / PROBES).mkdir()
    other = added.model_copy(update={"candidate": "another arm"})
    (run / SOURCES[1]).write_text(f"{other.model_dump_json()}\n{added.model_dump_json()}\n")
    return tmp_path


def run_of(folder: Path) -> Path:
    return folder / ".rung/runs/r"


def index(folder: Path) -> ExampleIndex | None:
    return open_index(run_of(folder) / INDEX_FILE, run_of(folder), folder)


def written(folder: Path) -> ExampleIndex:
    keep_index(run_of(folder), folder)
    found = index(folder)
    assert found is not None
    return found


def whole(folder: Path) -> list[Line]:
    return lines_of(read_run(run_of(folder)), load_task(folder))


def test_every_row_is_what_the_whole_run_says(folder: Path) -> None:
    found, expected = written(folder), whole(folder)
    assert found.total == len(expected) == 160
    assert found.lines(found.matching(Filter())) == expected
    probed = read_run(run_of(folder)).probed
    assert len(probed) == 1
    place = found.place("dev", probed[0].example_id)
    assert place is not None and found.lines([place])[0].answers[probed[0].candidate] == probed[0]
    assert found.place("test", "nope") is None
    found.close()


def test_every_filter_finds_what_a_look_at_each_row_finds(folder: Path) -> None:
    found, expected = written(folder), whole(folder)
    causes = {line.cause for line in expected}
    assert found.causes == sorted(causes - {""}) and len(causes) == 4
    wanted = [
        Filter(candidate=key, outcome=o)
        for key in ("", *found.keys)
        for o in ("", "r", "p", "w", "u", "e", "f", "-", "nobody", "differs", "rw", "?")
    ]
    wanted += [Filter(split=s, cause=c) for s in ("dev", "test", "nope") for c in causes]
    wanted += [
        Filter(text=t, candidate=k)
        for t in ("MSG-007", "refund", "Billing", "no such", "%")
        for k in ("", found.keys[3])
    ]
    matched = 0
    for one in wanted:
        at = found.keys.index(one.candidate) if one.candidate else None
        places = [
            place
            for place, line in enumerate(expected)
            if fits(line.outcomes, one.outcome, at)
            and one.split in ("", line.split)
            and one.cause in ("", line.cause)
            and (one.text.lower() in line.asked or says(line, one))
        ]
        assert found.matching(one) == places, one
        matched += 0 < len(places) < 160
    assert matched > 40
    with pytest.raises(UserError, match="no candidate 'nope' in this run"):
        found.matching(Filter(candidate="nope"))
    found.close()  # fmt: skip


def says(line: Line, one: Filter) -> bool:
    answers = [line.answers.get(one.candidate)] if one.candidate else line.answers.values()
    return any(a and a.answer and one.text.lower() in a.answer.text.lower() for a in answers)


def again(lines: list[str]) -> list[str]:
    """The same attempts, the first one scored otherwise in as many characters."""
    assert '"score":1.0' in lines[0] or '"score":0.0' in lines[0]
    turned = lines[0].replace('"score":1.0', '"score":X').replace('"score":0.0', '"score":1.0')
    return [turned.replace('"score":X', '"score":0.0'), *lines[1:]]


@pytest.mark.parametrize("change", ["append", "same size", "same time", "diagnosis", "task"])
def test_an_index_older_than_its_files_is_not_used(folder: Path, change: str) -> None:
    written(folder).close()
    attempts = run_of(folder) / "attempts.jsonl"
    then, lines = attempts.stat(), attempts.read_text().splitlines(keepends=True)
    if change == "append":
        with attempts.open("a") as file:
            file.write(again(lines)[0])
    elif change.startswith("same"):
        attempts.write_text("".join(again(lines)))
        assert attempts.stat().st_size == then.st_size
        if change == "same time":  # as a copy that keeps times does
            os.utime(attempts, ns=(then.st_atime_ns, then.st_mtime_ns))
            assert attempts.stat().st_mtime_ns == then.st_mtime_ns
    elif change == "diagnosis":
        (run_of(folder) / "diagnosis.json").unlink()
    else:
        rows = (folder / "test.jsonl").read_text().splitlines()
        changed = {**json.loads(rows[0]), "input": "another question"}
        (folder / "test.jsonl").write_text("\n".join([json.dumps(changed), *rows[1:]]) + "\n")
    assert index(folder) is None
    found = written(folder)
    assert found.lines(found.matching(Filter())) == whole(folder)
    found.close()


def test_another_target_leaves_the_index_as_good_as_it_was(folder: Path) -> None:
    written(folder).close()
    config = folder / "rung.toml"
    config.write_text(config.read_text().replace("score = 0.85", "score = 0.9"))
    found = index(folder)
    assert found is not None
    found.close()
    config.write_text(config.read_text().replace('"billing", ', '"paying", "billing", '))
    assert index(folder) is None


def test_documents_count_only_where_they_may_mend_the_task(folder: Path) -> None:
    config, document = folder / "rung.toml", folder / "handbook" / "a.md"
    text = config.read_text().replace("[output]", 'documents = "handbook"\n[output]')
    config.write_text(text)
    assert not document.exists()
    keep_index(run_of(folder), folder)  # the task cannot be loaded: there are no documents
    document.parent.mkdir()
    document.write_text("A handbook.")
    assert index(folder) is None
    found = written(folder)
    assert all(line.example for line in found.lines(found.matching(Filter())))
    found.close()
    document.write_text("Another handbook.")
    again = index(folder)
    assert again is not None
    again.close()


def test_a_task_that_was_broken_is_looked_at_again_when_anything_changes(folder: Path) -> None:
    test = (folder / "test.jsonl").read_text()
    (folder / "test.jsonl").write_text("not json\n")
    found = written(folder)
    assert {line.example for line in found.lines(found.matching(Filter()))} == {None}
    found.close()
    (folder / "test.jsonl").write_text(test)
    assert index(folder) is None


def test_answers_that_moved_are_never_shown_as_others(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(folder).close()
    attempts = run_of(folder) / "attempts.jsonl"
    lines = attempts.read_text().splitlines(keepends=True)
    # Whatever the file system says of the file: each line shown is compared with the index.
    marks = {known: index_writing.marks_of(run_of(folder), folder, known=known)
             for known in (True, False)}  # fmt: skip
    monkeypatch.setattr("rung.report.example_index.marks_of", lambda run, task, known: marks[known])
    for wrong in ([*lines[1:], lines[0]], again(lines), lines[:-5]):
        attempts.write_text("".join(wrong))
        found = index(folder)
        assert found is not None
        with pytest.raises(StaleIndex):
            found.lines(found.matching(Filter()))
        found.close()


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.99])
def test_an_index_that_was_cut_short_is_noticed(folder: Path, share: float) -> None:
    written(folder).close()
    path = run_of(folder) / INDEX_FILE
    plain = path.read_bytes()
    path.write_bytes(plain[: int(len(plain) * share)])
    found = index(folder)
    if found is not None:
        with pytest.raises(StaleIndex), found:
            found.lines(found.matching(Filter()))


def test_an_index_of_another_format_is_not_used(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(folder).close()
    monkeypatch.setattr("rung.report.example_index.FORMAT", 2)
    assert index(folder) is None


KILLED = """
import os, signal, sys
from pathlib import Path
from rung.report import index_writing
os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
folder = Path(sys.argv[1])
index_writing.keep_index(folder / ".rung/runs/r", folder)
"""


def test_a_kill_while_it_is_written_leaves_none_or_the_old_one(folder: Path) -> None:
    run = run_of(folder)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(folder)], check=False)
    assert killed.returncode == -signal.SIGKILL and index(folder) is None
    written(folder).close()
    attempts = run / "attempts.jsonl"
    attempts.write_text("".join(attempts.read_text().splitlines(keepends=True)[:-40]))
    assert subprocess.run([sys.executable, "-c", KILLED, str(folder)], check=False).returncode < 0
    assert (run / INDEX_FILE).exists() and index(folder) is None  # the old one, and it shows
    left = [path for path in run.iterdir() if path.name.startswith(f".{INDEX_FILE}")]
    assert len(left) == 2
    for path in left:
        os.utime(path, (1e9, 1e9))
    found = written(folder)
    assert found.lines(found.matching(Filter())) == whole(folder)
    assert sorted(p.name for p in run.iterdir() if "sqlite" in p.name) == [INDEX_FILE]
    found.close()


def test_what_changes_while_the_run_is_read_makes_the_index_stale(folder: Path) -> None:
    attempts = run_of(folder) / "attempts.jsonl"

    def load() -> Task:
        with attempts.open("a") as file:
            file.write(attempts.read_text().splitlines(keepends=True)[0])
        return load_task(folder)

    write_index(run_of(folder), folder, load)
    assert index(folder) is None


def test_a_folder_that_cannot_be_written_costs_the_climb_nothing(folder: Path) -> None:
    (run_of(folder) / INDEX_FILE).mkdir()
    keep_index(run_of(folder), folder)
    with pytest.raises(StoreError, match="could not be written"):
        write_index(run_of(folder), folder, lambda: None)
    assert index(folder) is None


def test_an_index_is_as_private_as_the_answers(folder: Path) -> None:
    (run_of(folder) / "attempts.jsonl").chmod(0o600)
    written(folder).close()
    assert (run_of(folder) / INDEX_FILE).stat().st_mode & 0o777 == 0o600


def test_hostile_texts_come_back_as_they_are(tmp_path: Path) -> None:
    result, attempts, task = hostile_run()
    half = task.dev[0].model_copy(update={"id": "half", "input": "half \ud83d of a pair"})
    first = attempts[-1].model_copy(update={"example_id": "half", "split": "dev"})
    task = task.model_copy(update={"dev": (*task.dev, half)})
    run = write_run(run_of(tmp_path), result, [*attempts, first])
    write_index(run, tmp_path, lambda: task)
    expected = lines_of(read_run(run), task)
    # The task is in code: no rung.toml says what it is.
    with open_index(run / INDEX_FILE, run, tmp_path) or pytest.fail("stale") as found:
        assert found.lines(found.matching(Filter())) == expected
        assert len(found.matching(Filter(text="RIGHT-to-left \u202e"))) >= 1
        assert len(found.matching(Filter(text="half \ud83d of"))) == 1
        assert found.matching(Filter(text="' OR 1=1 --")) == []


def test_test_examples_are_in_the_table_once_they_were_revealed(tmp_path: Path) -> None:
    task = make_task()
    write_task(tmp_path, task)
    result, attempts = make_run(task)
    write_run(run_of(tmp_path), result, attempts)
    assert {line.split for line in whole(tmp_path)} == {"dev"}
    unseen = written(tmp_path)
    assert unseen.total == len(task.dev)
    unseen.close()
    told = CliRunner().invoke(app, ["reveal", str(tmp_path)])
    assert told.exit_code == 0 and "spend them" in told.output and index(tmp_path) is not None
    told = CliRunner().invoke(app, ["reveal", str(tmp_path), "--yes"])
    assert told.exit_code == 0, told.output
    assert {line.split for line in whole(tmp_path)} == {"dev", "test"}
    ledger = TestLedger(tmp_path / ".rung", load_task(tmp_path), ())
    with pytest.raises(UserError, match="were shown"):
        ledger.offer("a new candidate", 1.0)
