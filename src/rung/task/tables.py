"""The tables of a SQLite database as a model is told them: their CREATE statements."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

MOST_CHARS = 8_000
"""Of statements that stand in every prompt; more of them are for a search to choose from."""
_CREATE = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*(CREATE\s+(?:TABLE|VIEW)\b.*)", re.I | re.DOTALL)
_NAME = re.compile(
    r"CREATE\s+(?:TABLE|VIEW)\s+(?:IF\s+NOT\s+EXISTS\s+)?[\"`\[]?(\w+)", re.IGNORECASE
)


def tables_to_tell(database: Path, instruction: str) -> str:
    """The CREATE statements of a `.sql` script or a SQLite file, each once.

    Empty where they are too long, or the instruction names every table already. Runs nothing of a
    script. Raises `OSError`, `sqlite3.Error`, `UnicodeDecodeError`.
    """
    made = list(dict.fromkeys(_of_script(database) if database.suffix == ".sql" else _of(database)))
    names = [m.group(1) for statement in made if (m := _NAME.match(statement))]
    named = all(re.search(rf"\b{re.escape(name)}\b", instruction, re.I) for name in names)
    text = "\n".join(made)
    return "" if named or len(text) > MOST_CHARS else text


def _of(database: Path) -> list[str]:
    uri = f"{database.resolve().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        rows = connection.execute(
            "SELECT sql FROM sqlite_master WHERE type IN ('table', 'view') AND sql IS NOT NULL "
            "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY rowid"
        )
        return [f"{sql.strip()};" for (sql,) in rows]


def _of_script(script: Path) -> Iterator[str]:
    statement = ""
    for part in re.split(r"(?<=;)", script.read_text(encoding="utf-8")):
        statement += part
        if sqlite3.complete_statement(statement):
            match = _CREATE.match(statement)
            if match:
                yield match.group(1).strip()
            statement = ""
