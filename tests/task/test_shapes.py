"""Rows as other tools write them: each loads with the right values, or is refused in a sentence."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from rung.errors import UserError
from rung.task.columns import Columns
from rung.task.examples import read_examples
from rung.task.rows import read_rows, read_table
from rung.task.types import Example, SchemaOutput, TextOutput

QUESTION, ANSWER = "Where is my parcel?", "shipping"
USER = {"role": "user", "content": QUESTION}
SAID = {"role": "assistant", "content": ANSWER}
SYSTEM = {"role": "system", "content": "Route it."}


def read(tmp_path: Path, content: Any, name: str = "e.jsonl", columns: Any = None) -> list[Example]:
    path = tmp_path / name
    if isinstance(content, bytes | str):
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    elif name.endswith(".json"):
        path.write_text(json.dumps(content))
    else:
        rows = content if isinstance(content, list) else [content]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = Columns.model_validate(columns) if columns else None
    return read_examples(path, name, TextOutput(), found).examples


SHAPES: dict[str, Any] = {
    "chat": {"messages": [SYSTEM, USER, SAID]},
    "chat with parts": {
        "messages": [{"role": "user", "content": [{"type": "text", "text": QUESTION}]}, SAID]
    },
    "OpenAI evals": {"input": [SYSTEM, USER], "ideal": [ANSWER]},
    "OpenAI evals item": {"item": {"question": QUESTION, "correct_label": ANSWER}},
    "OpenAI evals result": {
        "id": "r1",
        "object": "eval.run.output_item",
        "datasource_item": {"input": QUESTION, "ground_truth": ANSWER},
        "results": [{"name": "grader", "passed": False, "score": 0.0}],
        "sample": {"output": [{"role": "assistant", "content": "billing"}]},
    },
    "Inspect": {"input": QUESTION, "target": ANSWER, "id": 1, "metadata": {"day": 1}},
    "Inspect with messages": {"input": [SYSTEM, USER], "target": [ANSWER]},
    "Alpaca": {"instruction": "Route it.", "input": QUESTION, "output": ANSWER},
    "Alpaca without input": {"instruction": QUESTION, "input": "", "output": ANSWER},
    "LLaMA-Factory": {
        "instruction": QUESTION, "input": "", "output": ANSWER, "system": "Route it.", "history": []
    },
    "Dolly": {"instruction": QUESTION, "context": "", "response": ANSWER, "category": "x"},
    "ShareGPT": {
        "conversations": [{"from": "human", "value": QUESTION}, {"from": "gpt", "value": ANSWER}],
        "system": "Route it.",
    },
    "TRL prompt/completion": {"prompt": QUESTION, "completion": ANSWER},
    "TRL with messages": {"prompt": [USER], "completion": [SAID]},
    "TRL preference": {"prompt": QUESTION, "chosen": ANSWER, "rejected": "billing"},
    "TRL preference with messages": {"chosen": [USER, SAID], "prompt": [USER], "rejected": [USER]},
    "LangSmith": {"inputs": {"question": QUESTION}, "outputs": {"answer": ANSWER}, "metadata": {}},
    "LangSmith CSV": {"inputs": json.dumps({"q": QUESTION}), "outputs": json.dumps({"a": ANSWER})},
    "LangSmith messages": {"inputs": {"messages": [USER]}, "outputs": {"output": SAID}},
    "Langfuse": {"id": "i", "input": {"q": QUESTION}, "expectedOutput": ANSWER, "metadata": None},
    "Phoenix": {"input": {"question": QUESTION}, "output": {"answer": ANSWER}, "metadata": {}},
    "promptfoo": {"message": QUESTION, "__expected": f"equals: {ANSWER}", "__description": "d"},
    "promptfoo without a kind": {"message": QUESTION, "__expected": ANSWER},
    "Ragas": {"user_input": QUESTION, "reference": ANSWER, "retrieved_contexts": ["x"]},
    "DeepEval": {"input": QUESTION, "expected_output": ANSWER, "actual_output": "x"},
    "MLflow": {"inputs": {"q": QUESTION}, "expectations": {"expected_response": ANSWER}},
    "text and label": {"Text": QUESTION, " Label ": ANSWER},
    "own names in capitals": {"Input": QUESTION, "EXPECTED": ANSWER},
    "question and answer": {"question": QUESTION, "answer": ANSWER},
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_one_question_and_its_answer(tmp_path: Path, name: str) -> None:
    (example,) = read(tmp_path, SHAPES[name])
    assert (example.input, example.expected) == (QUESTION, ANSWER)


def test_what_stands_beside_is_kept(tmp_path: Path) -> None:
    (example,) = read(tmp_path, SHAPES["OpenAI evals result"])
    assert example.meta["grades"] == {"grader": {"passed": False, "score": 0.0}}
    assert example.meta["said"] == [{"role": "assistant", "content": "billing"}]
    (example,) = read(tmp_path, SHAPES["Inspect"])
    assert example.id == "1" and example.meta == {"day": 1}
    (example,) = read(tmp_path, SHAPES["chat"])
    assert example.meta == {"system": "Route it."}


def test_system_texts_that_differ_are_part_of_the_question(tmp_path: Path) -> None:
    other = {"role": "system", "content": "Translate."}
    two = read(tmp_path, [{"messages": [SYSTEM, USER, SAID]}, {"messages": [other, USER, SAID]}])
    assert [one.input for one in two] == [f"Route it.\n\n{QUESTION}", f"Translate.\n\n{QUESTION}"]
    assert not any(one.meta for one in two)


def test_questions_with_choices(tmp_path: Path) -> None:
    asked = "Which?\n\nA) one\nB) two"
    rows = [
        {"question": "Which?", "choices": ["one", "two"], "answer": 1},
        {
            "question": "Which?",
            "choices": {"text": ["one", "two"], "label": ["A", "B"]},
            "answer": "B",
        },
        {"question": "Which?", "choices": ["one", "two"], "answer": "two"},
    ]
    assert {(e.input, e.expected) for e in read(tmp_path, rows)} == {(asked, "B")}
    (sample,) = read(tmp_path, {"input": "Which?", "choices": ["one", "two"], "target": "B"})
    assert (sample.input, sample.expected) == (asked, "B")


def test_squad_as_file_and_as_rows(tmp_path: Path) -> None:
    context = "It takes 3 days."
    own = {
        "version": "v2.0",
        "data": [
            {
                "title": "Delivery",
                "paragraphs": [
                    {
                        "context": context,
                        "qas": [
                            {
                                "id": "q1",
                                "question": "How long?",
                                "answers": [{"text": "3 days", "answer_start": 9}] * 2,
                                "is_impossible": False,
                            }
                        ],
                    }
                ],
            }
        ],
    }
    (one,) = read(tmp_path, own, "squad.json")
    assert one.id == "q1" and one.expected == "3 days"
    assert one.input == {"context": context, "question": "How long?"}
    row = {
        "id": "q1",
        "title": "Delivery",
        "context": context,
        "question": "How long?",
        "answers": {"text": ["3 days", "3 days"], "answer_start": [9, 9]},
    }
    assert read(tmp_path, row)[0] == one


def test_autorag_names_documents(tmp_path: Path) -> None:
    row = {"qid": "a", "query": QUESTION, "retrieval_gt": [["d1", "d2"]], "generation_gt": [ANSWER]}
    (example,) = read(tmp_path, row)
    assert (example.id, example.context_ids, example.expected) == ("a", ("d1", "d2"), ANSWER)


def spans() -> dict[str, Any]:
    def said(role: str, text: str) -> str:
        return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])

    attributes = {
        "gen_ai.input.messages": said("user", QUESTION),
        "gen_ai.output.messages": said("assistant", ANSWER),
        "gen_ai.request.model": "m",
    }
    listed = [{"key": k, "value": {"stringValue": v}} for k, v in attributes.items()]
    inner = [{"spanId": "s1", "name": "chat m", "attributes": listed}, {"name": "tool"}]
    return {"resourceSpans": [{"resource": {}, "scopeSpans": [{"spans": inner}]}]}


@pytest.mark.parametrize(
    "content",
    [
        spans(),
        {
            "attributes": {
                "gen_ai.prompt.0.role": "user",
                "gen_ai.prompt.0.content": QUESTION,
                "gen_ai.completion.0.content": ANSWER,
                "gen_ai.completion.0.role": "assistant",
            }
        },
        {
            "attributes": {},
            "events": [
                {"name": "gen_ai.user.message", "attributes": {"content": QUESTION}},
                {"name": "gen_ai.choice", "attributes": {"message": json.dumps(SAID)}},
            ],
        },
        {
            "attributes.llm.input_messages": [
                {"message.role": "user", "message.content": QUESTION}
            ],
            "attributes.llm.output_messages": [
                {"message.role": "assistant", "message.content": ANSWER}
            ],
        },
    ],
)
def test_spans(tmp_path: Path, content: dict[str, Any]) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps(content) + "\n")
    found = read_examples(path, "t.jsonl", TextOutput())
    assert [(e.input, e.expected) for e in found.examples] == [(QUESTION, ANSWER)]
    assert any("judged by nobody" in note for note in found.notes)


REFUSED: dict[str, tuple[Any, str]] = {
    "an image": (
        {
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "what is it?"},
                 {"type": "image_url", "image_url": {"url": "x"}}]}, SAID,
            ]
        },
        "line 1: a message holds an image ('image_url'), and Rung reads text only",
    ),
    "sound": (
        {"messages": [{"role": "user", "content": [{"type": "input_audio"}]}, SAID]},
        "a message holds sound ('input_audio')",
    ),
    "images beside the turns": (
        {"conversations": [{"from": "human", "value": "<image>"}, {"from": "gpt", "value": "a"}],
         "images": ["a.png"]},
        "'images' holds what is no text",
    ),
    "a tool's answer": (
        {"messages": [USER, {"role": "tool", "content": "x"}, SAID]},
        "calls or answers a tool",
    ),
    "a tool call": (
        {"messages": [USER, {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}]},
        "calls or answers a tool",
    ),
    "tools on offer": (
        {"messages": [USER, SAID], "tools": [{"type": "function"}]},
        "'tools' offers the model tools",
    ),
    "several turns": (
        {"messages": [USER, SAID, USER, SAID]},
        "a conversation of several turns (3 messages before the answer), and Rung asks once",
    ),
    "earlier turns": (
        {"instruction": "a", "input": "", "output": "b", "history": [["x", "y"]]},
        "'history' holds earlier turns",
    ),
    "an item without a right answer": (
        {"item": {"question": "a"}, "sample": {"output_text": "b"}},
        "none is a right answer",
    ),
    "a judged row of promptfoo": (
        {"message": "a", "__expected": "llm-rubric: is kind"},
        "'__expected' names no answer: 'llm-rubric'",
    ),
    "a sample that needs files": (
        {"input": "a", "target": "b", "files": {"a.txt": "x"}},
        "the sample has 'files'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_asked_is_refused(tmp_path: Path, name: str) -> None:
    row, sentence = REFUSED[name]
    with pytest.raises(UserError) as seen:
        read(tmp_path, row)
    assert sentence in str(seen.value) and "\n" not in str(seen.value)


def test_all_mistakes_of_a_file_at_once(tmp_path: Path) -> None:
    rows = [{"input": f"q{n}", "expected": "a"} for n in range(9)]
    rows[2]["input"] = rows[5]["input"] = rows[7]["input"] = " "
    rows[4]["context_ids"] = 3  # type: ignore[assignment]
    with pytest.raises(UserError) as seen:
        read(tmp_path, rows)
    said = str(seen.value)
    assert said.startswith(
        "e.jsonl: 4 of 9 rows cannot be used: 3 such as line 3: 'input' is empty"
    )
    assert "(lines 3, 6, 8)" in said and "line 5: 'context_ids' is 3" in said


PLAIN = {"input": QUESTION, "expected": ANSWER}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", json.dumps([PLAIN])),
        ("b.json", json.dumps({"version": 1, "examples": [PLAIN]})),
        ("c.json", json.dumps({"data": {"rows": [PLAIN]}})),
        ("d.json", json.dumps(PLAIN, indent=1)),
        ("e.json", json.dumps({k: {"0": v} for k, v in PLAIN.items()})),
        ("f.json", json.dumps({"columns": list(PLAIN), "data": [list(PLAIN.values())]})),
        ("g.jsonl", json.dumps([PLAIN], indent=1)),
        ("h.ndjson", "\ufeff" + json.dumps(PLAIN) + "\r\n\r\n"),
        ("i.csv", f"input,expected\n{QUESTION},{ANSWER}\n"),
        ("j.csv", f"sep=;\r\nExpected ;INPUT;\r\n{ANSWER};{QUESTION};\r\n;;\r\n"),
        ("k.tsv", f"input\texpected\n{QUESTION}\t{ANSWER}\n"),
        ("l.csv", f"input|expected\n{QUESTION}|{ANSWER}\n\n"),
        ("m.csv", f"input,expected\n{QUESTION},{ANSWER}\n".encode("utf-16")),
        ("n.csv", b"\xfe\xff" + f"input,expected\n{QUESTION},{ANSWER}\n".encode("utf-16-be")),
        ("o.csv", f"input,expected\n{QUESTION},{ANSWER}\n".encode("utf-16-le")),
        ("p.csv", f"input,expected\n{QUESTION},{ANSWER}\n\ufeffinput,expected\n"),
    ],
)
def test_files(tmp_path: Path, name: str, content: str | bytes) -> None:
    (example,) = read(tmp_path, content, name)
    assert (example.input, example.expected) == (QUESTION, ANSWER)


def test_half_a_character_is_read_as_none(tmp_path: Path) -> None:
    row = json.dumps(PLAIN | {"input": "cut \ud83d"}) + "\n"
    whole = json.dumps(PLAIN | {"input": "whole \U0001f600 and \\ud83d"}) + "\n"
    (tmp_path / "e.jsonl").write_text(row + whole, encoding="utf-8")
    rows, notes = read_table(tmp_path / "e.jsonl", "e.jsonl")
    assert [r.data["input"] for r in rows] == ["cut \ufffd", "whole \U0001f600 and \\ud83d"]
    assert notes == ("e.jsonl: half a character, as of an emoji that was cut, is read as \ufffd",)


def test_joined_files_keep_all_rows(tmp_path: Path) -> None:
    part = b"\xef\xbb\xbf" + json.dumps(PLAIN).encode() + b"\n"
    assert len(read(tmp_path, part * 2)) == 2


def test_long_cells_and_line_breaks_in_them(tmp_path: Path) -> None:
    text = 'He said: "no",\r\nthen left; ' + "x" * 200_000
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows([["input", "expected"], [text, ANSWER], ["b", "c"]])
    first, second = read(tmp_path, buffer.getvalue(), "e.csv")
    assert first.input == text and second.input == "b"
    assert [row.line for row in read_rows(tmp_path / "e.csv", "e.csv")] == [2, 4]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        (
            "e.csv",
            "un café naïf – déjà vu,b\n".encode("cp1252"),
            "looks like WINDOWS-1252 (it then reads 'un café naïf – déjà vu,b'): save the",
        ),
        (
            "e.csv",
            "input,expected\ndziękuję za szybką odpowiedź,źle\nproszę,b\n".encode("cp1250"),
            "line 2: byte 0xea is not UTF-8; it looks like WINDOWS-1250 (it then reads 'dzi",
        ),
        (
            "e.csv",
            "input,expected\nГде моя посылка,b\nВерните деньги за заказ,a\n".encode("koi8-r"),
            "it looks like KOI8-R (it then reads 'Где моя посылка,b'): save the file as UTF-8, or",
        ),
        (
            "e.csv",
            "input,expected\n返金してください,b\n".encode("iso2022_jp"),
            "e.csv: holds the signs by which ISO-2022-JP changes letters; save the file as",
        ),
        ("e.csv", "a,a\n1,2\n", "two columns are called 'a'"),
        ("e.csv", "input,expected\na,b\nc\nd,e,f\n", "2 of 3 rows cannot be used: 2 such as line"),
        ("e.jsonl", '[\n{"input": "a"},\n]\n', "e.jsonl line 3: not JSON ("),
        ("e.json", '{"a": [{"b": 1}], "c": [{"d": 1}]}', "2 lists of rows ('a', 'c'); put each"),
        ("e.json", "[1, 2]", "2 of 2 rows cannot be used: 2 such as row 1: 1 is not a JSON object"),
        ("e.jsonl", '{"input": "a", "expected": NaN}', "line 1: 'expected' holds NaN, which a"),
        ("e.xlsx", b"no", "e.xlsx: not a readable workbook ("),
    ],
)
def test_files_that_cannot_be_read(
    tmp_path: Path, name: str, content: str | bytes, sentence: str
) -> None:
    with pytest.raises(UserError) as seen:
        read(tmp_path, content, name)
    assert sentence in str(seen.value)


def test_nan_in_a_field_that_nobody_asks_for(tmp_path: Path) -> None:
    (example,) = read(tmp_path, '{"input": "a", "expected": "b", "customer": NaN}\n')
    assert example.meta == {"customer": None}


def test_xlsx(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl", reason="the extra xlsx is not installed")
    book = openpyxl.Workbook()
    for row in ([], ["Input", "Expected", "n", None], [QUESTION, ANSWER, 3.0, None], [None] * 4):
        book.active.append(row)
    book.create_sheet("other").append(["x"])
    book.save(tmp_path / "e.xlsx")
    found = read_examples(tmp_path / "e.xlsx", "e.xlsx", TextOutput())
    assert [(e.input, e.expected, e.meta) for e in found.examples] == [(QUESTION, ANSWER, {"n": 3})]
    assert any("left: 'other'" in note for note in found.notes)


def test_class_names_of_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
    from pyarrow import parquet

    features = {"label": {"names": ["billing", ANSWER], "_type": "ClassLabel"}}
    table = pyarrow.Table.from_pylist([{"text": QUESTION, "label": 1}]).replace_schema_metadata(
        {"huggingface": json.dumps({"info": {"features": features}})}
    )
    parquet.write_table(table, tmp_path / "e.parquet")
    (example,) = read_examples(tmp_path / "e.parquet", "e.parquet", TextOutput()).examples
    assert (example.input, example.expected) == (QUESTION, ANSWER)


def test_a_column_map(tmp_path: Path) -> None:
    row = {"Ticket Subject": "a", "body": {"text": "b"}, "queue": "c", "nr": 7, "on": "2026-01-02",
           "docs": "d1;d2", "input": "other"}  # fmt: skip
    columns = {
        "input": ["ticket subject", "body.text"], "expected": "Queue", "id": "nr", "date": "on",
        "context_ids": "docs",
    }  # fmt: skip
    (example,) = read(tmp_path, row, columns=columns)
    assert example.input == {"ticket subject": "a", "text": "b"}
    assert (example.expected, example.id, example.context_ids) == ("c", "7", ("d1", "d2"))
    assert example.meta["date"] == "2026-01-02" and example.meta["input"] == "other"
    with pytest.raises(UserError, match="columns names 'qeue', which no row has; did you mean"):
        read(tmp_path, row, columns={"input": "body", "expected": "qeue"})


def test_several_fields_as_one_answer(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text("text,person,place\nAnna is in Oslo,Anna,Oslo\n")
    columns = Columns(input="text", expected=("person", "place"))
    output = SchemaOutput(json_schema={"type": "object"})
    (example,) = read_examples(path, "e.csv", output, columns).examples
    assert example.expected == {"person": "Anna", "place": "Oslo"}
