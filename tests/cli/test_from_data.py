"""`rung climb FILE`: data that nobody prepared becomes a project, on one screen."""

from __future__ import annotations

import csv
import io
import json
import random
from pathlib import Path

import pytest
import typer
from rich.console import Console

from rung.cli import from_data
from rung.cli.from_data import project_of, showable
from rung.errors import UserError
from rung.task.load import load_task

from .test_mistakes import Terminal, jsonl, rows, terminal, toml, write

__all__ = ["terminal"]  # a fixture
QUEUES = ("billing", "returns", "shipping")
WORDS = ("my", "the", "order", "was", "late", "wheel", "broken", "refund", "again", "twice")


def tickets(folder: Path, odd: dict[int, str] | None = None, n: int = 120) -> Path:
    draw = random.Random(3)
    path = folder / "tickets.csv"
    with path.open("w", newline="") as file:
        out = csv.writer(file, delimiter=";")
        out.writerow(["Ticket No", "Customer mail", "Queue"])
        for row in range(n):
            mail = " ".join(draw.choices(WORDS, k=9))
            out.writerow([1000 + row, f"{mail} {row}", (odd or {}).get(row, QUEUES[row % 3])])
    return path


def screen() -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, width=400), out


def test_a_table_becomes_a_project_that_reads_it_where_it_lies(tmp_path: Path) -> None:
    path = tickets(tmp_path, {4: "Billing", 7: "retruns"})
    console, out = screen()
    project = project_of(path, console)
    said = out.getvalue()
    assert project == tmp_path / "tickets"
    task = load_task(project)
    assert {e.id for e in (*task.train, *task.dev, *task.test)} == {
        str(1000 + n) for n in range(120)
    }
    assert sorted(p.name for p in project.iterdir() if p.name != ".rung") == [
        ".gitignore",
        "rung.toml",
    ]
    assert "expected is 'Queue', 4 different values, id is 'Ticket No'" in said
    assert "ODD label 'retruns' (1 row): is it 'returns'? Then correct the data." in said
    assert "'Billing' as 'billing' (1)" in said
    assert "test rows prove 0.8 only for a system that is right" in said

    tickets(tmp_path)  # corrected where it lies
    console, out = screen()
    assert project_of(path, console) == project
    assert "climbed as it stands" in out.getvalue()
    fixed = load_task(project)
    assert "retruns" not in {e.expected for e in (*fixed.train, *fixed.dev, *fixed.test)}


def test_a_folder_of_rows_and_documents_has_its_project_within(tmp_path: Path) -> None:
    (tmp_path / "handbook").mkdir()
    for n in range(3):
        (tmp_path / f"handbook/{n}.md").write_text(f"# Part {n}\n\nFact {n}.\n")
    asked = [
        {"question": f"What is fact {n} of {n * 7}?", "answer": f"It is {n}"} for n in range(40)
    ]
    (tmp_path / "faq.jsonl").write_text("".join(json.dumps(row) + "\n" for row in asked))
    console, _ = screen()
    assert project_of(tmp_path, console) == tmp_path / "rung"
    task = load_task(tmp_path / "rung")
    assert len(task.documents) == 3 and task.output.kind == "text"
    assert 'documents = "../handbook"  # a guess' in (tmp_path / "rung/rung.toml").read_text()


def test_a_folder_of_files_by_split_too(tmp_path: Path) -> None:
    for split, n in (("train", 60), ("test", 30)):
        made = [
            {"text": f"{split} {k} {QUEUES[k % 3]} {k * 7}", "label": QUEUES[k % 3]}
            for k in range(n)
        ]
        (tmp_path / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in made))
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/a.md").write_text("# A\n\nFact.\n")
    console, _ = screen()
    project = project_of(tmp_path, console)
    task = load_task(project)
    assert len(task.test) == 30 and len(task.documents) == 1 and task.name == tmp_path.name
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "docs",
        "rung",
        "test.jsonl",
        "train.jsonl",
    ]


@pytest.mark.parametrize("typed", ["n", "abc"])
def test_who_does_not_agree_finds_the_folder_as_before(
    typed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tickets(tmp_path)
    answers = iter([typed, "no"])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr(from_data.typer, "prompt", lambda *_, **__: next(answers))
    console, out = screen()
    with pytest.raises(typer.Exit):
        project_of(path, console)
    assert list(tmp_path.iterdir()) == [path]
    assert ("'abc' is neither a score between 0 and 1 nor a column" in out.getvalue()) == (
        typed == "abc"
    )


def test_a_number_is_the_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["0,9", ""])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr(from_data.typer, "prompt", lambda *_, **__: next(answers))
    console, out = screen()
    assert load_task(project_of(tickets(tmp_path), console)).target.score == 0.9
    assert "test rows prove 0.9 only for" in out.getvalue()


def test_what_cannot_be_taken_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "open.csv"
    path.write_text("question,answer\n" + "".join(f"What is {n}?,\n" for n in range(30)))
    console, _ = screen()
    with pytest.raises(UserError, match="no expected answer"):
        project_of(path, console)
    assert list(tmp_path.iterdir()) == [path]


def test_no_file_of_the_folder_is_written_over(tmp_path: Path) -> None:
    path = tickets(tmp_path)
    (tmp_path / "tickets").mkdir()
    (tmp_path / "tickets/notes.txt").write_text("mine")
    console, _ = screen()
    project_of(path, console)
    assert (tmp_path / "tickets/notes.txt").read_text() == "mine"


def test_projects_and_places_without_data_pass_through(tmp_path: Path, terminal: Terminal) -> None:
    console, out = screen()
    for path in (tmp_path / "nowhere", tmp_path):
        assert project_of(path, console) == path
    assert "no such file; `rung init` writes a starter" in terminal("climb", tmp_path).err
    write(tmp_path)
    assert project_of(tmp_path / "rung.toml", console) == tmp_path / "rung.toml"
    assert out.getvalue() == ""


def test_what_the_rows_can_show_grows_with_them(tmp_path: Path) -> None:
    told = {}
    for n in (60, 4000):
        (tmp_path / str(n)).mkdir()
        write(tmp_path / str(n), **{"rung.toml": toml(), "examples.jsonl": jsonl(rows(n))})
        told[n] = showable(load_task(tmp_path / str(n)))
    assert "rows more" in told[60] and "rows more" not in told[4000]


def reviews(folder: Path, *names: str) -> Path:
    """Comments by three people who say nothing of them, and marks that they do say."""
    draw, path = random.Random(11), folder / "reviews.csv"
    words = {
        "good": "joy fast love great",
        "bad": "broken slow refund lost",
        "so": "where how what",
    }
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(names or ("Handled by", "Comment", "Mark"))
        for row in range(90):
            mark = draw.choice(list(words))
            text = " ".join(draw.choices(words[mark].split() + list(WORDS), k=9))
            out.writerow([draw.choice(["ann", "bo", "cy"]), f"{text} {row}", mark])
    return path


def test_of_two_columns_with_few_values_the_text_says_which_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = reviews(tmp_path)
    answers = iter(["handled-by", ""])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr(from_data.typer, "prompt", lambda *_, **__: next(answers))
    console, out = screen()
    task = load_task(project_of(path, console))
    said = out.getvalue()
    assert "expected is 'Mark', 3 different values (it may as well be 'Handled by')" in said
    assert "expected is 'Handled by', as you say" in said
    assert {e.expected for e in task.train} == {"ann", "bo", "cy"}


def test_the_column_of_the_answers_can_be_said_at_once(tmp_path: Path) -> None:
    path = reviews(tmp_path, "Handled by", "question", "answer")
    console, _ = screen()
    with pytest.raises(UserError, match="no column 'Handled'; did you mean 'Handled by'"):
        project_of(path, console, "Handled")
    assert list(tmp_path.iterdir()) == [path]
    task = load_task(project := project_of(path, console, "Handled by"))
    assert {e.expected for e in task.train} == {"ann", "bo", "cy"}
    for again in (path, project):
        with pytest.raises(UserError, match="--expected 'answer'"):
            project_of(again, console, "answer")
