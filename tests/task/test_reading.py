from __future__ import annotations

import gzip
import io
import json

import pytest

from rung.errors import UserError
from rung.task.config import json_schema
from rung.task.load import load, load_task
from rung.task.rows import read_rows
from rung.task.types import LabelsOutput, SchemaOutput, SqlOutput, Task, TextOutput

from .files import LABELS, Folder, jsonl, rows, toml


def examples_of(task: Task) -> dict[str, object]:
    return {e.id: e for e in (*task.train, *task.dev, *task.test)}


def from_file(folder: Folder, name: str, content: str | bytes, **parts: str) -> dict:
    config = toml(f'instruction = "x"\nexamples = "{name}"', **parts)
    return examples_of(load_task(folder({"rung.toml": config, name: content})))


def test_folder_and_file_are_the_same_task(folder: Folder) -> None:
    root = folder({})
    task = load_task(root)
    assert load_task(str(root / "rung.toml")) == task
    assert task.root == root and task.name == root.name
    assert task.output == LabelsOutput(labels=tuple(LABELS))
    assert task.target.metric == "accuracy"


@pytest.mark.parametrize(
    ("output", "metric", "kind"),
    [
        ('schema = { type = "object" }', "field_f1", SchemaOutput),
        ("text = {}", "token_f1", TextOutput),
        ('sql = { script_field = "ddl", rows_field = "rows" }', "execution", SqlOutput),
    ],
)
def test_metric_follows_from_output(folder: Folder, output: str, metric: str, kind: type) -> None:
    good = [{"input": f"question {n * 7919}", "expected": "{}"} for n in range(5)]
    task = load_task(folder({"rung.toml": toml(output=output), "examples.jsonl": jsonl(good)}))
    assert task.target.metric == metric
    assert isinstance(task.output, kind)


def test_labels_and_schema_from_files(folder: Folder) -> None:
    task = load_task(
        folder({"rung.toml": toml(output='labels = "l.txt"'), "l.txt": "\n".join(LABELS) + "\n\n"})
    )
    assert task.output == LabelsOutput(labels=tuple(LABELS))
    schema = {"type": "string"}
    task = load_task(
        folder({"rung.toml": toml(output='schema = "s.json"'), "s.json": json.dumps(schema)})
    )
    assert task.output == SchemaOutput(json_schema=schema)


def test_everything_a_row_carries_is_kept(folder: Folder) -> None:
    row = {
        "id": 7,
        "input": {"subject": "Late", "body": "Where is it?"},
        "expected": "shipping",
        "context_ids": ["a", "b"],
        "labels": {"gold": 1},
        "meta": {"day": "Monday"},
    }
    example = from_file(folder, "e.jsonl", jsonl([row, *rows(9)]))["7"]
    assert example.input_text() == "subject: Late\nbody: Where is it?"
    assert example.context_ids == ("a", "b")
    assert example.meta == {"day": "Monday", "labels": {"gold": 1}}


def test_ids_are_made_from_content(folder: Folder) -> None:
    plain = [{"input": row["input"], "expected": row["expected"]} for row in rows(9)]
    once = from_file(folder, "e.jsonl", jsonl(plain))
    again = from_file(folder, "e.jsonl", jsonl(plain[::-1]))
    assert once == again and len(once) == 9
    twice = from_file(folder, "e.jsonl", jsonl([*plain, plain[0]]))
    assert len(twice) == 10
    assert sum(id_.endswith("-2") for id_ in twice) == 1


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv(folder: Folder, delimiter: str) -> None:
    lines = [["id", "input", "expected", "context_ids", "day"]]
    lines += [[f"c{n}", f'"a, b; c\t{n * 7919}"', "billing", "", "Mon"] for n in range(5)]
    lines[1][3] = '"x;y"'
    text = "\r\n".join(delimiter.join(line) for line in lines)
    read = from_file(folder, "e.csv", b"\xef\xbb\xbf" + text.encode())
    assert read["c3"].input == f"a, b; c\t{3 * 7919}"
    assert read["c3"].meta == {"day": "Mon"}
    assert read["c0"].context_ids == ("x", "y")


def test_files_as_windows_saves_them(folder: Folder) -> None:
    plain = {"rung.toml": toml(), "examples.jsonl": jsonl(rows(30))}
    saved = {
        name: b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode() for name, text in plain.items()
    }
    expected = load_task(folder(plain)).fingerprint()
    assert load_task(folder(saved)).fingerprint() == expected


def test_csv_with_several_inputs_and_json(folder: Folder) -> None:
    cells = '"{""n"": 1}"'
    text = "input.a,input.b,expected\n" + "".join(
        f"left{n * 7919},right {n},{cells}\n" for n in range(5)
    )
    read = from_file(folder, "e.csv", text, output='schema = { type = "object" }')
    example = next(iter(read.values()))
    assert set(example.input) == {"a", "b"}
    assert example.expected == {"n": 1}


def test_parquet(folder: Folder) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
    from pyarrow import parquet

    data = [{**row, "input": {"text": row["input"]}, "weight": 0.5} for row in rows(5)]
    buffer = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(data), buffer)
    read = from_file(folder, "e.parquet", buffer.getvalue())
    assert read["m0"].input == {"text": data[0]["input"]["text"]}
    assert read["m0"].meta == {"weight": 0.5}


def test_gzip(folder: Folder) -> None:
    packed = gzip.compress(jsonl(rows(5)).encode())
    assert set(from_file(folder, "e.jsonl.gz", packed)) == {f"m{n}" for n in range(5)}


def test_unicode_line_breaks_stay_inside_a_row(tmp_path) -> None:
    path = tmp_path / "e.jsonl"
    path.write_text(json.dumps({"input": "a\u2028b"}, ensure_ascii=False) + "\r\n", "utf-8")
    (row,) = read_rows(path, "e.jsonl")
    assert row.data == {"input": "a\u2028b"}


def test_chat(folder: Folder) -> None:
    def chat(*turns: tuple[str, object], **more: object) -> dict:
        return {"messages": [{"role": r, "content": c} for r, c in turns], **more}

    parts = [{"type": "text", "text": "in parts"}]
    data = [
        chat(("system", "Be kind."), ("user", "one"), ("assistant", "billing"), id="a", day=1),
        chat(("user", "two"), ("user", "more"), ("assistant", "billing"), id="b"),
        chat(("user", parts), ("assistant", "returns"), id="d"),
    ]
    read = from_file(folder, "e.jsonl", jsonl(data))
    assert read["a"].input == "one" and read["a"].expected == "billing"
    assert read["a"].meta == {"system": "Be kind.", "day": 1}
    assert read["b"].input == "two\n\nmore"
    assert read["d"].input == "in parts"


def test_numbers_as_text(folder: Folder) -> None:
    data = [{"input": n, "expected": n} for n in (1, 2.5, 3, 4)]
    read = from_file(folder, "e.jsonl", jsonl(data), output="text = {}")
    assert {(e.input, e.expected) for e in read.values()} >= {("1", "1"), ("2.5", "2.5")}


@pytest.mark.lengthy
def test_documents_of_a_folder(folder: Folder) -> None:
    docx = pytest.importorskip("docx", reason="python-docx is not installed")
    pytest.importorskip("markitdown", reason="the extra docs is not installed")
    buffer = io.BytesIO()
    document = docx.Document()
    document.add_heading("Holidays", 1)
    document.add_paragraph("Thirty days.")
    document.save(buffer)
    config = toml('instruction = "x"\nexamples = "examples.jsonl"\ndocuments = "docs/"')
    task = load_task(
        folder(
            {
                "rung.toml": config,
                "docs/b/refunds.md": "intro\n\n## Refunds ##\nWithin 30 days.",
                "docs/a.txt": "plain",
                "docs/old.html": "<meta charset=latin-1><h1>Caf\u00e9</h1>".encode("latin-1"),
                "docs/page.html": "<html><body><h1>Fees</h1><p>None.</p></body></html>",
                "docs/c.docx": buffer.getvalue(),
                "docs/empty.md": " \n",
                "docs/logo.png": b"\x89",
                "docs/.hidden.md": "no",
            }
        )
    )
    found = {doc.id: doc for doc in task.documents}
    assert {key: doc.title for key, doc in found.items()} == {
        "a.txt": "a",
        "b/refunds.md": "Refunds",
        "c.docx": "Holidays",
        "old.html": "Café",
        "page.html": "Fees",
    }
    assert "Thirty days." in found["c.docx"].text
    assert task.notes == (
        "docs/: 1 empty documents left out: 'empty.md'",
        "docs/: 1 files of other kinds left out: 'logo.png'",
    )


@pytest.mark.lengthy
def test_broken_pdf_is_named(folder: Folder) -> None:
    pytest.importorskip("markitdown", reason="the extra docs is not installed")
    config = toml('instruction = "x"\nexamples = "examples.jsonl"\ndocuments = "docs"')
    with pytest.raises(UserError, match=r"x\.pdf: cannot be read \(.*\); repair the file or take"):
        load_task(folder({"rung.toml": config, "docs/x.pdf": b"%PDF-1.4 nothing"}))


def test_documents_of_a_file(folder: Folder) -> None:
    config = toml('instruction = "x"\nexamples = "e.jsonl"\ndocuments = "d.jsonl.gz"')
    docs = [{"id": "a", "title": "A", "text": "one"}, {"text": "two"}, {"id": 3, "text": ""}]
    packed = gzip.compress(jsonl(docs).encode())
    data = [{**row, "context_ids": ["a"]} for row in rows(5)]
    task = load_task(folder({"rung.toml": config, "d.jsonl.gz": packed, "e.jsonl": jsonl(data)}))
    assert [doc.text for doc in task.documents] == ["one", "two"]
    assert task.notes == ("d.jsonl.gz: 1 empty documents left out: '3'",)


def test_sizes_and_leaks(folder: Folder) -> None:
    config = toml(
        'instruction = "x"\ntrain = "train.jsonl"\ndev = "dev.jsonl"\ntest = "test.jsonl"',
        rest="[climb]\ntrain_size = 6\ntest_size = 5",
    )
    leak = {**rows(1)[0], "id": "leak", "input": rows(31, 30)[0]["input"].upper() + " "}
    loaded = load(
        folder(
            {
                "rung.toml": config,
                "train.jsonl": jsonl([*rows(15), leak]),
                "dev.jsonl": jsonl(rows(15, 15)),
                "test.jsonl": jsonl(rows(20, 30)),
            }
        )
    )
    task, report = loaded
    assert report.dropped_from_train == ("leak",) and report.train == 15
    assert [sum(e.expected == one for e in task.train) for one in LABELS] == [2, 2, 2]
    assert (len(task.dev), len(task.test)) == (15, 5)
    assert task.notes == (
        "train: 1 examples left out because their input stands in dev or test too, such as 'leak'",
    )


def test_notes_and_place_do_not_change_the_fingerprint(folder: Folder) -> None:
    task = load_task(folder({}))
    other = task.model_copy(update={"notes": ("x",), "root": None})
    assert task.fingerprint() == other.fingerprint()


def test_json_schema_describes_every_table() -> None:
    schema = json_schema()
    assert set(schema["properties"]) == {
        "task", "output", "target", "split", "workload", "models", "facts", "costs", "climb",
        "knowledge", "tools", "serve", "judge",
    }  # fmt: skip
    assert schema["additionalProperties"] is False
    models = schema["$defs"]["Models"]["properties"]
    assert "try" in models
    assert (
        "Most dev examples"
        in schema["$defs"]["ClimbSettings"]["properties"]["dev_size"]["description"]
    )
