"""Files as other tools and people leave them: the right values, or one sentence."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rung.errors import UserError
from rung.exchange.importing import from_path
from rung.task.load import load_task
from rung.task.types import Task

LABELS = ("billing", "shipping", "technical support")
N = 30


def asked(n: int) -> str:
    return f"Parcel {n * 7919 % 9973} did not come to house {n * 31 % 97}, what now?"


def label(n: int) -> str:
    return LABELS[n % 3]


def several(n: int) -> list[str]:
    return [label(n), label(n + 1)] if n % 2 else [label(n)]


def table(head: str, cells: Callable[[int], tuple[Any, ...]], sign: str = ",") -> str:
    rows = [[f'"{cell}"' for cell in cells(n)] for n in range(N)]
    return "\n".join([head, *(sign.join(row) for row in rows)]) + "\n"


def jsonl(row: Callable[[int], Any]) -> str:
    return "".join(json.dumps(row(n)) + "\n" for n in range(N))


def taken(folder: Path, name: str, text: str) -> tuple[Task, dict[str, Any]]:
    (folder / name).write_text(text)
    made = from_path(folder / name, "t", folder / "p")
    assert not made.unready
    (folder / "p").mkdir()
    for file, content in made.files.items():
        (folder / "p" / file).write_text(content)
    config = tomllib.loads(made.files["rung.toml"])
    return load_task(folder / "p"), config["output"]


def pairs(task: Task) -> dict[str, Any]:
    return {str(e.input): e.expected for e in (*task.train, *task.dev, *task.test)}


ONE = {
    "a.csv": table('"sep=|"\ntext|label', lambda n: (asked(n), label(n)), "|"),
    "pretty.jsonl": "\n".join(
        json.dumps({"text": asked(n), "label": label(n)}, indent=1) for n in range(N)
    ),
    "keyed.json": json.dumps({f"t{n}": {"question": asked(n), "answer": label(n)}
                              for n in range(N)}),
    "lists_of_one.jsonl": jsonl(lambda n: {"id": n, "text": asked(n), "label": [label(n)]}),
    "names_of_classes.jsonl": jsonl(
        lambda n: {"text": asked(n), "label": n % 3, "label_text": label(n)}
    ),
    "promptfoo.csv": table(
        "question,__expected1,__expected2",
        lambda n: (asked(n), f"icontains: {label(n)}", "latency: 100"),
    ),
    "answer_beside_messages.jsonl": jsonl(
        lambda n: {"messages": [{"role": "user", "content": asked(n)}], "output": label(n)}
    ),
    "langchain.jsonl": jsonl(
        lambda n: {"inputs": {"messages": [{"type": "human", "content": asked(n)}]},
                   "outputs": {"output": {"type": "ai", "data": {"content": label(n)}}}}
    ),
    "gemini.jsonl": jsonl(
        lambda n: {"systemInstruction": {"parts": [{"text": "Route it."}]},
                   "contents": [{"role": "user", "parts": [{"text": asked(n)}]},
                                {"role": "model", "parts": [{"text": label(n)}]}]}
    ),
    "bedrock.jsonl": jsonl(
        lambda n: {"system": [{"text": "Route it."}],
                   "messages": [{"role": "user", "content": [{"text": asked(n)}]},
                                {"role": "assistant", "content": [{"text": label(n)}]}]}
    ),
    "preferences.jsonl": jsonl(
        lambda n: {"rejected": [{"role": "user", "content": asked(n)}],
                   "chosen": [{"role": "user", "content": asked(n)},
                              {"role": "assistant", "content": label(n)}]}
    ),
    "langfuse.csv": "input,expected_output\n" + "".join(
        f'"{{""q"": ""{asked(n)}""}}","""{label(n)}"""\n' for n in range(N)
    ),
    "spans.csv": table(
        "name,attributes.llm.input_messages,attributes.llm.output_messages",
        lambda n: ("chat", [{"message.role": "user", "message.content": asked(n)}],
                   [{"message.role": "assistant", "message.content": label(n)}]),
    ),
    "items.jsonl": jsonl(
        lambda n: {"item": {"messages": [{"role": "user", "content": asked(n)}],
                            "expected": label(n)}}
    ),
    "traces.json": json.dumps({"resourceSpans": [{"resource": {}, "scopeSpans": [{"spans": [
        {"attributes": {"gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": asked(n),
                        "gen_ai.completion.0.role": "assistant",
                        "gen_ai.completion.0.content": label(n)}}
        for n in range(N)
    ]}]}]}),
}  # fmt: skip


@pytest.mark.parametrize("name", ONE)
def test_one_question_and_its_label(tmp_path: Path, name: str) -> None:
    task, output = taken(tmp_path, name, ONE[name])
    assert output == {"labels": sorted(LABELS)}
    assert pairs(task) == {asked(n): label(n) for n in range(N)}
    assert task.instruction in ("Route it.", "Give the one label that fits the input.")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", table("text,labels", lambda n: (asked(n), "; ".join(several(n))))),
        ("a.csv", table("text,tags", lambda n: (asked(n), ", ".join(several(n))))),
        ("a.csv", table("text,labels", lambda n: (asked(n), several(n)))),
        ("a.jsonl", jsonl(lambda n: {"text": asked(n), "labels": several(n)})),
    ],
)
def test_cells_of_several_labels(tmp_path: Path, name: str, text: str) -> None:
    task, output = taken(tmp_path, name, text)
    assert output == {"labels": sorted(LABELS), "multiple": True}
    assert pairs(task)[asked(1)] == ["shipping", "technical support"]


def test_labels_that_hold_a_comma_are_one(tmp_path: Path) -> None:
    names = ("food, drink", "cars", "books")
    rows = table("text,label", lambda n: (asked(n), names[n % 3]))
    assert taken(tmp_path, "a.csv", rows)[1] == {"labels": sorted(names)}


def test_lists_of_right_answers_are_no_labels_together(tmp_path: Path) -> None:
    task, output = taken(
        tmp_path, "a.jsonl", jsonl(lambda n: {"input": asked(n), "ideal": several(n)})
    )
    assert output == {"labels": sorted(LABELS), "any_of": True}
    example = next(e for e in (*task.train, *task.dev, *task.test) if e.input == asked(1))
    assert example.references == ("shipping", "technical support")


def test_cells_of_promptfoo_that_name_several_answers(tmp_path: Path) -> None:
    rows = table("q,__expected", lambda n: (asked(n), f"contains-any: {label(n)}, {label(n + 1)}"))
    task, output = taken(tmp_path, "a.csv", rows)
    assert output["any_of"] is True and pairs(task)[asked(0)] == "billing"


def test_targets_of_choices_are_all_meant(tmp_path: Path) -> None:
    rows = jsonl(
        lambda n: {"input": asked(n), "target": ["A", "C"] if n % 2 else ["B"], "choices": LABELS}
    )
    assert taken(tmp_path, "a.jsonl", rows)[1]["multiple"] is True


def test_no_answer_in_squad_is_no_label(tmp_path: Path) -> None:
    rows = jsonl(
        lambda n: {"context": "c", "question": asked(n),
                   "answers": {"text": [] if n % 3 else ["red"], "answer_start": []}}
    )  # fmt: skip
    assert taken(tmp_path, "a.jsonl", rows)[1] == {"text": {}}


def test_what_was_judged_bad_is_no_answer(tmp_path: Path) -> None:
    for name, row in (
        ("a", lambda n: {"prompt": asked(n), "completion": label(n), "label": n % 2 == 0}),
        ("b", lambda n: {"text": asked(n), "_task_hash": n, "accept": [label(n)],
                         "answer": "reject" if n % 2 else "accept"}),
    ):  # fmt: skip
        (tmp_path / name).mkdir()
        task, _ = taken(tmp_path / name, "a.jsonl", jsonl(row))
        assert pairs(task) == {asked(n): label(n) for n in range(0, N, 2)}


def test_the_one_that_asks_is_the_input(tmp_path: Path) -> None:
    rows = table("Frage,Antwort", lambda n: (asked(n), f"Wait {n} days, and then " + "write " * 20))
    assert asked(3) in pairs(taken(tmp_path, "a.csv", rows)[0])


REFUSED: dict[str, tuple[str, str]] = {
    "a_title.csv": ("Tickets of May,\n" + table("text,label", lambda n: (asked(n), label(n))),
                    "the first line holds 'Tickets of May' alone, and line 2 fills more columns"),
    "no_header.csv": (table(f'"{asked(99)}",billing', lambda n: (asked(n), label(n))),
                      "'billing' is the name of a column and stands below it too"),
    "one_name_twice.csv": (table("text,label,Label ", lambda n: (asked(n), label(n), "x")),
                           "two columns are called 'label' and 'Label', which are one name here"),
    "a_column_a_label.csv": (table("text,billing,shipping", lambda n: (asked(n), n % 2, n % 3 % 2)),
                             "none is plainly asked and none answered"),
    "python.csv": (table("email,fields", lambda n: (asked(n), {"n": n, "ok": True})),
                   "which is not JSON"),
    "annotations.json": (json.dumps([{"id": n, "data": {"text": asked(n)},
                                      "annotations": [{"result": []}]} for n in range(N)]),
                         "none is plainly asked and none answered"),
    "requests.jsonl": (jsonl(lambda n: {"custom_id": f"r{n}", "url": "/v1/chat/completions",
                                        "body": {"messages": [asked(n)]}}),
                       "none is plainly asked and none answered"),
    "steps.jsonl": (jsonl(lambda n: {"prompt": asked(n), "completions": ["a"], "labels": [True]}),
                    "holds the steps of an answer"),
    "deep.json": ("[" * 100_000, "nested too deeply"),
    "deep.jsonl": ('{"a": ' * 100_000, "not one JSON object"),
    "zero.csv": ("text,label\na\0b,c\n", "line 2: holds a zero byte"),
    "workbook.csv": ("PK\x03\x04rest", "call a workbook .xlsx"),
    "table.txt": ("text\tlabel\n", "call a table .csv or .tsv"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_taken(tmp_path: Path, name: str) -> None:
    text, sentence = REFUSED[name]
    with pytest.raises(UserError) as seen:
        taken(tmp_path, name, text)
    assert sentence in str(seen.value)


def test_workbooks(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active["A1"] = "Exported on Monday"
    old, rows = book.create_sheet("Old"), book.create_sheet("Rows")
    old.sheet_state = "hidden"
    for sheet in (old, rows):
        sheet.append(["Queue", "Text", "Note"])
        for n in range(N):
            sheet.append(
                [
                    f"{sheet.title} {n // 10}" if n % 10 == 0 else None,
                    asked(n),
                    "x" if n else "#N/A",
                ]
            )
        for n in range(0, N, 10):
            sheet.merge_cells(start_row=n + 2, end_row=n + 11, start_column=1, end_column=1)
    book.save(tmp_path / "a.xlsx")
    made = from_path(tmp_path / "a.xlsx", "t")
    assert "a.xlsx: sheet 'Rows' is read; left: 'Sheet', 'Old'" in made.notes
    lines = [json.loads(line) for line in made.files["examples.jsonl"].splitlines()]
    assert [line["expected"] for line in lines] == [f"Rows {n // 10}" for n in range(N)]
    assert "meta" not in lines[0] and lines[1]["meta"] == {"Note": "x"}

    rows["A2"] = '=IF(1,"x","")'
    book.save(tmp_path / "a.xlsx")
    with pytest.raises(UserError, match="1 formulas were never computed; open the workbook"):
        from_path(tmp_path / "a.xlsx", "t")


@pytest.mark.parametrize(
    ("judged", "sentence"),
    [
        ("q1\td1\t1\nq2\td2\t1\n", "its first line is 'q1', 'd1', '1'"),
        ("q1 0 d1 1\nq2 0 d1 1\n", "with tabs between them"),
        ("query-id\tcorpus-id\tscore\nq1\td1\tgood\n", "the score is 'good'"),
    ],
)
def test_judgements_of_another_form(tmp_path: Path, judged: str, sentence: str) -> None:
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "test.tsv").write_text(judged)
    (tmp_path / "corpus.jsonl").write_text('{"_id": "d1", "text": "a"}\n')
    (tmp_path / "queries.jsonl").write_text('{"_id": "q1", "text": "a"}\n')
    with pytest.raises(UserError) as seen:
        from_path(tmp_path, "t")
    assert sentence in str(seen.value)


def test_names_and_roles_of_llama_factory(tmp_path: Path) -> None:
    about = {
        "columns": {"messages": "talk"},
        "tags": {"role_tag": "who", "content_tag": "said", "user_tag": "guest",
                 "assistant_tag": "host"},
    }  # fmt: skip
    rows = [
        {"talk": [{"who": "guest", "said": asked(n)}, {"who": "host", "said": label(n)}]}
        for n in range(N)
    ]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    (tmp_path / "dataset_info.json").write_text(
        json.dumps({"mine": {"file_name": "rows.json", **about}})
    )
    made = from_path(tmp_path, "t")
    lines = [json.loads(line) for line in made.files["examples.jsonl"].splitlines()]
    assert [(one["input"], one["expected"]) for one in lines] == [
        (asked(n), label(n)) for n in range(N)
    ]


def test_class_names_of_a_readme_beside_csv(tmp_path: Path) -> None:
    for part, first in (("train", 0), ("test", 100)):
        (tmp_path / f"{part}.csv").write_text(
            table("text,label", lambda n, first=first: (asked(n + first), n % 3))  # type: ignore[misc]
        )
    names = "".join(f"        '{n}': {one}\n" for n, one in enumerate(LABELS))
    (tmp_path / "README.md").write_text(
        "---\ndataset_info:\n  features:\n  - name: label\n    dtype:\n      class_label:\n"
        f"       names:\n{names}---\n"
    )
    made = from_path(tmp_path, "t")
    assert tomllib.loads(made.files["rung.toml"])["output"]["labels"] == sorted(LABELS)
