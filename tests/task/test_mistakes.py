"""Every mistake a newcomer makes gets one sentence with file, place, value and what to do."""

from __future__ import annotations

import gzip
import json
import sys

import pytest

from rung.errors import MissingExtraError, UserError
from rung.task.load import load_task

from .files import LABELS, Folder, jsonl, rows, toml

TWO_FILES = 'instruction = "x"\ntrain = "train.jsonl"\ntest = "test.jsonl"'
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


def with_docs(documents: str = "docs") -> str:
    return toml(f'instruction = "x"\nexamples = "examples.jsonl"\ndocuments = "{documents}"')


def one(**changes: object) -> str:
    """30 good rows, then one that is changed (None takes a key out)."""
    row = {**rows(1, start=30)[0], **changes}
    return jsonl([*rows(30), {k: v for k, v in row.items() if v is not None}])


CONFIG = {
    "typo in a key": (
        toml('instruction = "x"\nexmaples = "examples.jsonl"'),
        "rung.toml: unknown key 'exmaples' in [task]; did you mean 'examples'?",
    ),
    "typo in a table": (
        toml(rest="[worklaod]\nmonths = 3"),
        "rung.toml: unknown key 'worklaod' at the top; did you mean 'workload'?",
    ),
    "typo in an inner table": (
        toml(output="text = { max_word = 3 }"),
        "rung.toml: unknown key 'max_word' in [output.text]; did you mean 'max_words'?",
    ),
    "a key like no other": (
        toml(target="score = 0.8\nzzz = 1"),
        "rung.toml: unknown key 'zzz' in [target]; known: 'metric', 'score', 'confidence', "
        "'max_cost_per_request', 'max_latency_p95_s'",
    ),
    "alias is what is known": (
        toml(rest='[models]\ntyr = ["a"]'),
        "rung.toml: unknown key 'tyr' in [models]; did you mean 'try'?",
    ),
    "no target": (
        '[task]\ninstruction = "x"\nexamples = "e.jsonl"\n[output]\nlabels = ["a", "b"]\n',
        "rung.toml: table [target] is missing; add it",
    ),
    "no score": (toml(target="confidence = 0.9"), "'score' is missing in [target]; add it"),
    "a score in percent": (
        toml(target="score = 85"),
        "rung.toml: 'score' in [target] is 85: it must be less than or equal to 1",
    ),
    "a score in words": (
        toml(target='score = "high"'),
        "rung.toml: 'score' in [target] is 'high': it must be a valid number",
    ),
    "an unknown fact": (
        toml(rest='[facts]\nknowledge_changes = "often"'),
        "rung.toml: 'knowledge_changes' in [facts] is 'often': it must be 'never', 'yearly'",
    ),
    "broken TOML": (
        '[task]\nname = "x\n',
        "rung.toml line 2: not valid TOML: Illegal character '\\n'; correct that line",
    ),
    "TOML that ends too early": ("[task", "rung.toml last line: not valid TOML"),
    "two outputs": (
        toml(output='labels = ["a", "b"]\nschema = "s.json"'),
        "rung.toml: [output]: both 'labels' and 'schema' are given; give exactly one of 'labels'",
    ),
    "no output": (
        '[task]\ninstruction = "x"\nexamples = "e.jsonl"\n[output]\n[target]\nscore = 0.5\n',
        "rung.toml: [output]: it is empty; give exactly one of",
    ),
    "no examples": (
        toml('instruction = "x"'),
        "rung.toml: [task]: give 'examples', or 'train' and 'test'",
    ),
    "train without test": (
        toml('instruction = "x"\ntrain = "t.jsonl"'),
        "rung.toml: [task]: give 'examples', or 'train' and 'test'",
    ),
    "examples and test": (
        toml('instruction = "x"\nexamples = "e.jsonl"\ntest = "t.jsonl"'),
        "rung.toml: [task]: give either 'examples' or 'test', not both",
    ),
    "a rule that is no pattern": (
        toml(output='text = { rules = { colon = "(:$" } }'),
        "[output.text]: rule 'colon' is '(:$', no regular expression (missing ) at position 3)",
    ),
    "SQL without a database": (
        toml(output="sql = {}"),
        "[output.sql]: give either 'database' or 'script_field' in sql = { … }",
    ),
    "a database that is not there": (
        toml(output='sql = { database = "shop.sqlite" }'),
        "rung.toml: [output] sql database is 'shop.sqlite': no such file",
    ),
    "one label": (toml(output='labels = ["a"]'), "['a'] has fewer than 2 labels; list every"),
    "a label twice": (
        toml(output='labels = ["a", "b", "a"]'),
        "rung.toml: [output] labels: 'a' stands there twice; take one out",
    ),
    "a label file that is not there": (
        toml(output='labels = "labels.txt"'),
        "labels.txt: no such file; check the path, which is relative to the folder of rung.toml",
    ),
    "a schema file that is not there": (toml(output='schema = "s.json"'), "s.json: no such file"),
    "an inline schema that is none": (
        toml(output='schema = { type = "objekt" }'),
        "rung.toml: [output] schema: not a JSON schema at $.type: 'objekt' is not valid under",
    ),
    "a schema from the network": (
        toml(output='schema = { "$ref" = "https://example.com/s.json" }'),
        "$ref 'https://example.com/s.json' leads out of the schema, and Rung fetches nothing",
    ),
    "an examples file that is not there": (
        toml('instruction = "x"\nexamples = "exampels.jsonl"'),
        "exampels.jsonl: no such file; check the path",
    ),
    "an unknown ending": (
        toml('instruction = "x"\nexamples = "examples.xls"'),
        "examples.xls: files ending in '.xls' are not read; save it as .xlsx or .csv; use one of "
        "'.jsonl', '.ndjson', '.json', '.csv', '.tsv', ",
    ),
}


@pytest.mark.parametrize("case", CONFIG)
def test_rung_toml(folder: Folder, case: str) -> None:
    config, sentence = CONFIG[case]
    with pytest.raises(UserError) as seen:
        load_task(folder({"rung.toml": config}))
    assert sentence in str(seen.value)
    assert "\n" not in str(seen.value)


ROWS = {
    "a broken line": (
        jsonl(rows(2)) + '{"id": "m3", "input": \n',
        "examples.jsonl line 3: not one JSON object (Expecting value: line 1 column 23 (char 22))",
    ),
    "a line that is no object": ("[1, 2]\n", "line 1: [1, 2] is not a JSON object; JSONL has one"),
    "NaN": ('{"input": "a", "expected": NaN}\n', "line 1: 'expected' holds NaN, which a table"),
    "no rows": ("\n\n", "examples.jsonl: the file has no rows; add at least one"),
    "not UTF-8": (
        b'{"input": "caf\xe9"}\n',
        "line 1: byte 0xe9 is not UTF-8; it looks like WINDOWS-1252 (it then reads '",
    ),
    "two rows": (
        jsonl(rows(2)),
        "2 examples (2 different ones) cannot be split into train, dev and test: at least 3",
    ),
    "a duplicate id": (
        one(id="m4"),
        "examples.jsonl line 31: id 'm4' stands on line 5 already; give every example its own id",
    ),
    "a label outside the list": (
        one(expected="biling"),
        "examples.jsonl line 31: 'expected' is 'biling', which is not one of the 3 labels of "
        "[output]; did you mean 'billing'?",
    ),
    "a label in part": (one(expected="Billings"), "did you mean 'billing'?"),
    "two labels for one": (
        one(expected=["billing", "shipping"]),
        "set multiple = true in [output] where an answer must give all of them, or any_of = true",
    ),
    "an object for a label": (
        one(expected={"queue": "billing"}),
        "line 31: 'expected' is {'queue': 'billing'}, but [output] is 'labels'; write one label",
    ),
    "no input": (
        one(input=None, text="Hello"),
        "line 31: 'input' is missing; the row has 'id', 'expected', 'text': rename the one that",
    ),
    "an empty input": (one(input="  "), "line 31: 'input' is empty; fill it in or take the row"),
    "no expected": (one(expected=None), "line 31: 'expected' is missing"),
    "a list as input": (one(input=["a"]), "'input' is ['a']; it must be text or an object"),
    "context_ids of a wrong kind": (
        one(context_ids={"a": 1}),
        "'context_ids' is {'a': 1}; it must be a list of document ids",
    ),
    "a key twice": (
        one(meta={"day": 1}, day=2),
        "line 31: 'day' stands in the row and in its 'meta'; keep one of the two",
    ),
    "chat that ends with the user": (
        jsonl([{"messages": [{"role": "user", "content": "a"}]}]),
        "line 1: the last of 1 messages is by 'user'; it must be the 'assistant' answer",
    ),
    "chat without a question": (
        jsonl([{"messages": [{"role": "assistant", "content": "billing"}]}]),
        "line 1: no 'user' message before the answer",
    ),
    "a chat turn of a wrong shape": (
        jsonl([{"messages": [{"role": "robot", "content": "a"}]}]),
        "message {'role': 'robot', 'content': 'a'} is not read; a message has a 'role' of",
    ),
    "a plain row among chat rows": (
        jsonl(
            [
                {
                    "messages": [
                        {"role": "user", "content": "a"},
                        {"role": "assistant", "content": "billing"},
                    ]
                },
                *rows(1),
            ]
        ),
        "line 2: 'messages' is None; it must be a list of",
    ),
}


@pytest.mark.parametrize("case", ROWS)
def test_examples(folder: Folder, case: str) -> None:
    content, sentence = ROWS[case]
    with pytest.raises(UserError) as seen:
        load_task(folder({"examples.jsonl": content}))
    assert sentence in str(seen.value)
    assert "\n" not in str(seen.value)


SCHEMA_ROWS = {
    "not JSON": ("n: 1", "line 1: 'expected' is 'n: 1', which is not JSON (Expecting value"),
    "refused by the schema": (
        '{"n": "1"}',
        "line 1: 'expected' is {'n': '1'}, which [output] schema refuses: n: '1' is not of type "
        "'integer'; correct the row or the schema",
    ),
    "an object that lacks a field": ({}, "refuses: 'n' is a required property"),
}


@pytest.mark.parametrize("case", SCHEMA_ROWS)
def test_expected_json(folder: Folder, case: str) -> None:
    expected, sentence = SCHEMA_ROWS[case]
    files = {
        "rung.toml": toml(output='schema = "s.json"'),
        "s.json": json.dumps(SCHEMA),
        "examples.jsonl": jsonl([{"input": "a", "expected": expected}]),
    }
    with pytest.raises(UserError) as seen:
        load_task(folder(files))
    assert sentence in str(seen.value)


FILES = {
    "a broken schema file": (
        {"rung.toml": toml(output='schema = "s.json"'), "s.json": '{\n"type": }'},
        "s.json line 2: not JSON (Expecting value); correct that line",
    ),
    "an empty test split": (
        {"rung.toml": toml(TWO_FILES), "train.jsonl": jsonl(rows(9)), "test.jsonl": ""},
        "test.jsonl: the file has no rows; add at least one",
    ),
    "train is test": (
        {
            "rung.toml": toml(TWO_FILES),
            "train.jsonl": jsonl(rows(9)),
            "test.jsonl": jsonl(rows(9)),
        },
        "train has 9 examples, of which 9 stand in test too: no dev can be taken from the rest, at "
        "least 2 different ones are needed",
    ),
    "row numbers as ids in two files": (
        {
            "rung.toml": toml(TWO_FILES),
            "train.jsonl": jsonl(rows(9)),
            "test.jsonl": jsonl([{**row, "id": f"m{i}"} for i, row in enumerate(rows(9, 50))]),
        },
        "test.jsonl: id 'm0' names another example in train.jsonl; make ids unique across files",
    ),
    "no documents folder": ({"rung.toml": with_docs()}, "docs: no such folder or file; check"),
    "a documents folder with nothing to read": (
        {"rung.toml": with_docs(), "docs/logo.png": b"\x89"},
        "docs: no document found (only 'logo.png'); put files in it that end in .md, ",
    ),
    "a documents folder with rows in a file": (
        {"rung.toml": with_docs(), "docs/d.jsonl": jsonl([{"id": "a", "text": "b"}])},
        "docs: no document found (only 'd.jsonl'); put files in it that end in .md, "
        ".markdown, .mdx, .rst, .txt, .html, .htm, .xhtml, .pdf, .docx, .pptx, .xlsx, .epub, .eml, "
        '.csv, .tsv or hold code, or name the file itself: "docs/d.jsonl"',
    ),
    "documents that are all empty": (
        {"rung.toml": with_docs(), "docs/a.md": "\n", "docs/b.txt": ""},
        "docs: all 2 documents are empty, such as 'a.md'",
    ),
    "documents with the same id": (
        {"rung.toml": with_docs("d.jsonl"), "d.jsonl": jsonl([{"id": "a", "text": "b"}] * 2)},
        "d.jsonl: two documents have the id 'a'; make ids unique",
    ),
    "a document row without text": (
        {"rung.toml": with_docs("d.jsonl"), "d.jsonl": jsonl([{"id": "a", "words": "b"}])},
        "d.jsonl line 1: 'text' is None; a document is {id, title, text}",
    ),
    "context that names no document": (
        {
            "rung.toml": with_docs(),
            "docs/refund.md": "# Refunds",
            "examples.jsonl": one(context_ids=["refunds.md"]),
        },
        "example 'm30': context_ids names 'refunds.md', but no document has this id; did you mean "
        "'refund.md'?",
    ),
    "a CSV without the columns": (
        {
            "rung.toml": toml('instruction = "x"\nexamples = "e.csv"'),
            "e.csv": "ticket,queue\nhello,billing\n",
        },
        "e.csv line 2: 'input' is missing; the row has 'ticket', 'queue': rename the one that "
        "holds it to 'input', or name it in [task] columns = { input = \"…\" }",
    ),
    "a CSV row that is too long": (
        {
            "rung.toml": toml('instruction = "x"\nexamples = "e.csv"'),
            "e.csv": "input,expected\nhello, you,billing\n",
        },
        "e.csv line 2: the row has not the 2 cells of the header; put text that holds ',' in "
        "double quotes",
    ),
    "a CSV with an open quote": (
        {
            "rung.toml": toml('instruction = "x"\nexamples = "e.csv"'),
            "e.csv": 'input,expected\n"hello,billing\n',
        },
        "e.csv line 2: broken CSV (unexpected end of data); check its quotes",
    ),
    "input and input.x": (
        {
            "rung.toml": toml('instruction = "x"\nexamples = "e.csv"'),
            "e.csv": "input,input.subject,expected\na,b,billing\n",
        },
        "e.csv line 2: the row has 'input' and 'input.…' columns; keep one of the two",
    ),
    "Parquet that is none": (
        {"rung.toml": toml('instruction = "x"\nexamples = "e.parquet"'), "e.parquet": "hello"},
        "e.parquet: not a readable Parquet file",
    ),
    "gzip that is cut off": (
        {
            "rung.toml": toml('instruction = "x"\nexamples = "e.jsonl.gz"'),
            "e.jsonl.gz": gzip.compress(jsonl(rows(9)).encode())[:-20],
        },
        "e.jsonl.gz: cannot be read (",
    ),
}


@pytest.mark.parametrize("case", FILES)
def test_files(folder: Folder, case: str) -> None:
    files, sentence = FILES[case]
    with pytest.raises(UserError) as seen:
        load_task(folder(files))
    assert sentence in str(seen.value)


def test_no_rung_toml(tmp_path) -> None:
    with pytest.raises(UserError, match=r"rung\.toml: no such file; `rung init` writes a starter"):
        load_task(tmp_path)


@pytest.mark.parametrize(
    ("module", "files", "line"),
    [
        (
            "pyarrow",
            {"rung.toml": toml('instruction = "x"\nexamples = "e.parquet"'), "e.parquet": "x"},
            "reading e.parquet needs the extra 'parquet': pip install 'rung[parquet]'",
        ),
        (
            "markitdown",
            {"rung.toml": with_docs(), "docs/a.html": "<h1>A</h1>"},
            "reading a.html needs the extra 'docs': pip install 'rung[docs]'",
        ),
    ],
)
def test_missing_extra(folder: Folder, monkeypatch, module: str, files, line: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError) as seen:
        load_task(folder(files))
    assert str(seen.value) == line


def test_labels_are_those_of_the_fixture() -> None:
    assert {row["expected"] for row in rows(3)} == set(LABELS)
