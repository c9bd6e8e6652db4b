"""`rung init --from`: whatever lies at a path becomes a task, or is refused in a sentence."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import rung
from rung.cli.app import app
from rung.errors import UserError
from rung.exchange.importing import from_path
from rung.task.types import Example, Task

WORDS = ("billing", "shipping", "returns")
COUNT = 30


def asked(n: int) -> str:
    return f"Message number {n * 7919} says {chr(97 + n % 26) * 9} {'x' * (n % 7)}"


def jsonl(path: Path, rows: list[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def init(folder: Path, origin: Path) -> tuple[Task, str]:
    done = CliRunner().invoke(app, ["init", str(folder), "--from", str(origin)])
    assert done.exit_code == 0, done.output
    return rung.load_task(folder), done.output


def by_id(task: Task) -> dict[str, Example]:
    return {e.id: e for e in (*task.train, *task.dev, *task.test)}


def test_a_table_that_nobody_prepared(tmp_path: Path) -> None:
    path = tmp_path / "tickets.csv"
    with path.open("w", newline="") as file:
        out = csv.writer(file, delimiter=";")
        out.writerow(["Ticket No", "Received", "Customer mail", "Channel", "Queue"])
        for n in range(COUNT):
            word = WORDS[n % 3].upper() if n == 4 else WORDS[n % 3]
            out.writerow([n, f"2025-01-{n % 28 + 1:02}", asked(n), "web", word])
    task, said = init(tmp_path / "new", path)
    assert task.output.kind == "labels" and task.output.labels == tuple(sorted(WORDS))
    assert {e.input for e in by_id(task).values()} == {asked(n) for n in range(COUNT)}
    assert all(e.meta["Channel"] == "web" and "date" in e.meta for e in by_id(task).values())
    text = (tmp_path / "new/rung.toml").read_text()
    assert "# a guess: 3 different answers in 30 rows; also spelt 'SHIPPING' (1)" in text
    assert "input is 'Customer mail', the longest text" in said
    assert "expected is 'Queue', 3 different values" in said


def test_json_answers_become_a_schema(tmp_path: Path) -> None:
    rows = [{"text": asked(n), "fields": {"n": n, "ok": n % 2 == 0}} for n in range(COUNT)]
    task, _ = init(tmp_path / "new", jsonl(tmp_path / "r.jsonl", rows))
    assert task.output.kind == "schema"
    assert task.output.json_schema["properties"] == {
        "n": {"type": "integer"},
        "ok": {"type": "boolean"},
    }


def test_one_system_text_is_the_instruction(tmp_path: Path) -> None:
    turns = ("Name the queue.", "user", "assistant")
    rows = [
        {
            "messages": [
                {"role": "system", "content": turns[0]},
                {"role": "user", "content": asked(n)},
                {"role": "assistant", "content": WORDS[n % 3]},
            ]
        }
        for n in range(COUNT)
    ]
    task, said = init(tmp_path / "new", jsonl(tmp_path / "r.jsonl", rows))
    assert task.instruction == "Name the queue." and "taken as chat rows" in said


def beir(folder: Path, *, answers: bool) -> Path:
    docs = [{"_id": f"d{n}", "title": f"T{n}", "text": f"Fact {n}."} for n in range(COUNT)]
    jsonl(folder / "corpus.jsonl", docs)
    extra = [{"answer": f"it is {n}"} if answers else {} for n in range(COUNT)]
    jsonl(
        folder / "queries.jsonl",
        [{"_id": f"q{n}", "text": asked(n), **extra[n]} for n in range(COUNT)],
    )
    lines = ["query-id\tcorpus-id\tscore"]
    lines += [f"q{n}\td{n}\t1\nq{n}\td{(n + 1) % COUNT}\t0" for n in range(COUNT)]
    (folder / "qrels").mkdir()
    (folder / "qrels/test.tsv").write_text("\n".join(lines) + "\n")
    return folder


def test_beir(tmp_path: Path) -> None:
    task, _ = init(tmp_path / "new", beir(tmp_path / "b", answers=True))
    example = by_id(task)["q7"]
    assert (example.input, example.expected, example.context_ids) == (asked(7), "it is 7", ("d7",))
    assert len(task.documents) == COUNT and task.documents[3].title == "T3"


def test_beir_without_answers_is_to_be_completed(tmp_path: Path) -> None:
    origin = beir(tmp_path / "b", answers=False)
    done = CliRunner().invoke(app, ["init", str(tmp_path / "new"), "--from", str(origin)])
    assert isinstance(done.exception, UserError)
    assert "30 of 30 rows have no expected answer" in str(done.exception)
    first = json.loads((tmp_path / "new/examples.jsonl").read_text().splitlines()[0])
    assert first["context_ids"] == ["d0"] and first["expected"] is None


def test_autorag(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
    from pyarrow import parquet

    qa = [
        {"qid": f"q{n}", "query": asked(n), "retrieval_gt": [[f"d{n}"]], "generation_gt": [f"a{n}"]}
        for n in range(COUNT)
    ]
    docs = [{"doc_id": f"d{n}", "contents": f"Fact {n}.", "metadata": {"n": n}} for n in range(30)]
    (tmp_path / "a").mkdir()
    parquet.write_table(pyarrow.Table.from_pylist(qa), tmp_path / "a/qa.parquet")
    parquet.write_table(pyarrow.Table.from_pylist(docs), tmp_path / "a/corpus.parquet")
    task, _ = init(tmp_path / "new", tmp_path / "a")
    assert by_id(task)["q4"].context_ids == ("d4",) and by_id(task)["q4"].expected == "a4"


def test_hugging_face_folder(tmp_path: Path) -> None:
    folder = tmp_path / "hf"
    rows = [{"text": asked(n), "label": n % 3} for n in range(2 * COUNT)]
    jsonl(folder / "data/train-00000-of-00001.jsonl", rows[:COUNT])
    jsonl(folder / "data/validation-00000-of-00001.jsonl", rows[COUNT : COUNT + 10])
    jsonl(folder / "data/test-00000-of-00001.jsonl", [{**r, "label": -1} for r in rows[40:]])
    names = "".join(f"          '{i}': {word}\n" for i, word in enumerate(WORDS))
    (folder / "README.md").write_text(
        "---\ndataset_info:\n  features:\n  - name: text\n    dtype: string\n  - name: label\n"
        f"    dtype:\n      class_label:\n        names:\n{names}---\n# Set\n"
    )
    task, said = init(tmp_path / "new", folder)
    assert task.output.kind == "labels" and set(task.output.labels) == set(WORDS)
    assert len(task.test) == 10 and "validation is taken as test" in said


def test_kiln(tmp_path: Path) -> None:
    project = tmp_path / "k"
    task_folder = project / "tasks/1 - Route"
    task_folder.mkdir(parents=True)
    (project / "project.kiln").write_text('{"name": "p"}')
    (task_folder / "task.kiln").write_text(
        json.dumps({"name": "Route", "instruction": "Name the queue."})
    )
    for n in range(COUNT):
        run = task_folder / f"runs/{n}/task_run.kiln"
        run.parent.mkdir(parents=True)
        rating = {"value": 1.0 if n == 3 else 5.0, "type": "five_star"}
        output = {"output": WORDS[n % 3], "source": {"type": "synthetic"}, "rating": rating}
        run.write_text(json.dumps({"id": str(n), "input": asked(n), "output": output}))
    task, said = init(tmp_path / "new", project)
    assert task.instruction == "Name the queue." and len(by_id(task)) == COUNT - 1
    assert "1 runs that were rated bad" in said


def test_llama_factory(tmp_path: Path) -> None:
    rows = [{"q": asked(n), "a": WORDS[n % 3]} for n in range(COUNT)]
    (tmp_path / "l").mkdir()
    (tmp_path / "l/mine.json").write_text(json.dumps(rows))
    info = {"mine": {"file_name": "mine.json", "columns": {"prompt": "q", "response": "a"}}}
    (tmp_path / "l/dataset_info.json").write_text(json.dumps(info))
    task, _ = init(tmp_path / "new", tmp_path / "l")
    assert {e.input for e in by_id(task).values()} == {asked(n) for n in range(COUNT)}


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({}, "0 files hold rows (none)"),
        ({"a.jsonl": '{"a": 1}\n', "b.csv": "a\n1\n"}, "2 files hold rows ('a.jsonl', 'b.csv')"),
        ({"a.jsonl": '{"a": 1}\n{"a": 2}\n'}, "none is plainly asked and none answered; say it"),
    ],
)
def test_what_cannot_be_told(tmp_path: Path, files: dict[str, str], sentence: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(UserError) as seen:
        from_path(tmp_path, "t")
    assert sentence in str(seen.value)


def test_nothing_is_written_where_the_task_does_not_load(tmp_path: Path) -> None:
    origin = jsonl(tmp_path / "r.jsonl", [{"input": "a", "expected": "b"}])
    done = CliRunner().invoke(app, ["init", str(tmp_path / "new"), "--from", str(origin)])
    assert done.exit_code != 0 and not (tmp_path / "new").exists()


def test_many_short_answers_that_repeat_are_labels(tmp_path: Path) -> None:
    rows = [{"text": asked(n), "label": f"intent number_{n % 45}"} for n in range(45 * 9)]
    task, _ = init(tmp_path / "new", jsonl(tmp_path / "r.jsonl", rows))
    assert task.output.kind == "labels" and len(task.output.labels) == 45


def test_lists_of_records_become_a_schema_and_no_alternatives(tmp_path: Path) -> None:
    found = [[], [{"text": "Ada", "type": "person"}], [{"text": "Oslo", "type": "place"}] * 2]
    rows = [{"input": asked(n), "expected": json.dumps(found[n % 3])} for n in range(COUNT)]
    task, _ = init(tmp_path / "new", jsonl(tmp_path / "r.jsonl", rows))
    assert task.output.kind == "schema" and task.output.json_schema["type"] == "array"
    assert by_id(task).popitem()[1].expected in found


def test_queries_are_said_to_be_judged_as_text(tmp_path: Path) -> None:
    rows = [{"question": asked(n), "answer": f"SELECT {n} FROM t"} for n in range(COUNT)]
    _, said = init(tmp_path / "new", jsonl(tmp_path / "r.jsonl", rows))
    assert "every answer is a SQL query, judged as plain text here" in said


@pytest.mark.parametrize("marks", [(0, 1, 1), (False, True, None)])
def test_a_column_of_zeros_and_falses_can_be_what_the_text_tells(marks, tmp_path: Path) -> None:
    """They are values like any other; only an empty cell is none."""
    words = {0: "broken slow refund", 1: "joy fast love", 2: "where what how"}
    rows = [
        {
            "who": "abc"[n // 3 % 3],
            "comment": f"{words[n % 3]} {n * 7919 % 997}",
            "mark": marks[n % 3],
        }
        for n in range(90)
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = " ".join(from_path(path, "rows").notes)
    assert "expected is 'mark'" in said
