"""What a prompt says beyond the bare form: meanings of labels and fields, tables of a database."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from rung.errors import UserError
from rung.task.contract import describe
from rung.task.load import load_task
from rung.task.tables import MOST_CHARS, tables_to_tell
from rung.task.types import MultiLabelOutput, SchemaOutput, SqlOutput

from .files import Folder, jsonl, toml

MEANINGS = 'billing = "money, and\\n  what is owed"\nshipping = ""\nreturns = "sent back"'
TOLD = "- billing: money, and what is owed\n- shipping\n- returns: sent back"


@pytest.mark.parametrize("multiple", [False, True])
def test_labels_may_be_a_table_of_what_they_mean(folder: Folder, multiple: bool) -> None:
    more = "multiple = true\n" if multiple else ""
    at = folder({"rung.toml": toml(output=f"{more}[output.labels]\n{MEANINGS}")})
    output = load_task(at).output
    assert output.labels == ("billing", "shipping", "returns")  # type: ignore[union-attr]
    assert isinstance(output, MultiLabelOutput) == multiple
    assert describe(output).endswith(f":\n{TOLD}")


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        ("a = 1\nb = 'x'", "'a' in [output.labels] is 1: it must be a valid string"),
        ("a = 'only one'", "has fewer than 2 labels"),
        ("' ' = 'x'\nb = 'y'", "label 1 is empty"),
        ("a = 'x'\n' a' = 'y'", "'a' stands there twice"),
    ],
)
def test_a_table_of_labels_has_its_mistakes_named(
    folder: Folder, labels: str, sentence: str
) -> None:
    with pytest.raises(UserError, match=re.escape(sentence)):
        load_task(folder({"rung.toml": toml(output=f"[output.labels]\n{labels}")}))


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "string", "description": "as\n printed"}, "text (as printed)"),
        ({"type": "string", "format": "date"}, "text (a date, YYYY-MM-DD)"),
        ({"type": "string", "format": "of our own"}, "text"),
        ({"type": "integer", "format": "date"}, "whole number"),
        ({"enum": [1, 2], "description": "1 low, 2 high"}, "1 | 2 (1 low, 2 high)"),
        (
            {"oneOf": [{"const": "a", "description": "new"}, {"const": "b"}]},
            '"a" (new) | "b"',
        ),
        ({"description": "whatever fits"}, "any (whatever fits)"),
        (
            {"properties": {"on": {"type": ["string", "null"], "format": "date"}}},
            '{"on"?: text (a date, YYYY-MM-DD) | null}',
        ),
        ({"type": "string", "description": 7}, "text"),
    ],
)
def test_fields_say_what_they_mean(schema: dict[str, Any], said: str) -> None:
    assert describe(SchemaOutput(json_schema=schema)).endswith(f"nothing else: {said}")


SCRIPT = """-- the shop; of today
CREATE TABLE bikes (id INTEGER, name TEXT DEFAULT 'a;b');
INSERT INTO bikes VALUES (1, 'CREATE TABLE no (x);');
/* seen */ CREATE VIEW cheap AS SELECT * FROM bikes;
"""
TABLES = [
    "CREATE TABLE bikes (id INTEGER, name TEXT DEFAULT 'a;b');",
    "CREATE VIEW cheap AS SELECT * FROM bikes;",
]


@pytest.mark.parametrize("name", ["shop.sql", "shop.sqlite"])
def test_a_shared_database_tells_its_tables(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.endswith(".sql"):
        path.write_text(SCRIPT)
    else:
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(SCRIPT)
    assert tables_to_tell(path, "Query it.").splitlines() == TABLES
    assert tables_to_tell(path, "Query bikes, or the view cheap.") == ""
    assert tables_to_tell(path, "Query bikes.") != ""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rung.task.tables.MOST_CHARS", 10)
        assert MOST_CHARS > 10 and tables_to_tell(path, "Query it.") == ""


def test_a_task_on_a_database_tells_them_in_its_prompt(folder: Folder) -> None:
    at = folder(
        {
            "rung.toml": toml(output='sql = { database = "shop.sql" }'),
            "shop.sql": SCRIPT,
            "examples.jsonl": jsonl(
                {"id": str(i), "input": f"how many bikes but {i}?", "expected": "SELECT 1"}
                for i in range(30)
            ),
        }
    )
    output = load_task(at).output
    assert isinstance(output, SqlOutput)
    assert describe(output).endswith("nothing else. The tables:\n" + "\n".join(TABLES))


def test_what_is_no_database_is_the_scorers_to_name(folder: Folder, tmp_path: Path) -> None:
    toml_text = toml(output='sql = { database = "shop.sqlite" }')
    rows = jsonl({"id": str(i), "input": f"bikes {i}", "expected": "SELECT 1"} for i in range(30))
    at = folder({"rung.toml": toml_text, "shop.sqlite": "no database", "examples.jsonl": rows})
    assert load_task(at).output.tables == ""  # type: ignore[union-attr]
