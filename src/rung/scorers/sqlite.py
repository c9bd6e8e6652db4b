"""Running a query that nobody has checked on SQLite: read-only and bounded. Not a scorer.

Bounds are counted (steps, rows, bytes), not timed: the same query always ends the same way.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

MAX_STEPS = 50_000_000
"""Instructions of SQLite's virtual machine; seconds of work at most."""
MAX_ROWS = 10_000
_STEP = 10_000
_MAX_BYTES = 1_000_000
"""Of one value."""
_READS = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
}
_REFUSED_FUNCTIONS = {"load_extension", "random", "randomblob", "fts3_tokenizer"}
_LEAVES_THE_FILE = {sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH}

Rows = list[tuple[Any, ...]]
Connect = Callable[[], sqlite3.Connection]


class QueryError(Exception):
    """A query that cannot be run, or not within the bounds; the message is SQLite's or ours."""


def from_script(script: str, rows: list[Any] | None = None) -> sqlite3.Connection:
    """A fresh database in memory; `rows` go into the one table that the script makes."""
    connection = sqlite3.connect(":memory:")
    connection.set_authorizer(_only_inside)
    try:
        connection.executescript(script)
        if rows:
            names = [
                name
                for (name,) in connection.execute(
                    "SELECT name FROM sqlite_master WHERE type = 'table'"
                )
            ]
            if len(names) != 1:
                raise QueryError(f"the script makes {len(names)} tables, rows need exactly one")
            table = names[0].replace('"', '""')
            marks = ", ".join("?" * len(rows[0]))
            connection.executemany(f'INSERT INTO "{table}" VALUES ({marks})', rows)
            connection.commit()
    except (sqlite3.Error, sqlite3.Warning, TypeError, ValueError) as problem:
        connection.close()
        raise QueryError(f"the script cannot be run: {problem}") from None
    except QueryError:
        connection.close()
        raise
    return connection


def from_file(path: Path) -> sqlite3.Connection:
    """A SQLite file, opened so that it cannot be written."""
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)


def run(connect: Connect, query: str) -> Rows:
    """The rows of one query on a connection that is closed afterwards; raises `QueryError`."""
    with closing(connect()) as connection:
        _bound(connection)
        try:
            rows = connection.execute(query).fetchmany(MAX_ROWS + 1)
        except sqlite3.OperationalError as problem:
            if str(problem) == "interrupted":
                raise QueryError(f"stopped after {MAX_STEPS:,} steps") from None
            raise QueryError(str(problem)) from None
        except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError) as problem:
            raise QueryError(str(problem)) from None
    if len(rows) > MAX_ROWS:
        raise QueryError(f"more than {MAX_ROWS:,} rows")
    return rows


def _bound(connection: sqlite3.Connection) -> None:
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += _STEP
        return int(steps > MAX_STEPS)

    connection.execute("PRAGMA query_only = ON")
    connection.text_factory = lambda data: data.decode("utf-8", "replace")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_BYTES)
    connection.set_progress_handler(count, _STEP)
    connection.set_authorizer(_only_reads)


def _only_reads(action: int, _: str | None, name: str | None, *__: str | None) -> int:
    refused = action == sqlite3.SQLITE_FUNCTION and (name or "").lower() in _REFUSED_FUNCTIONS
    return sqlite3.SQLITE_OK if action in _READS and not refused else sqlite3.SQLITE_DENY


def _only_inside(action: int, _: str | None, name: str | None, *__: str | None) -> int:
    loads = action == sqlite3.SQLITE_FUNCTION and (name or "").lower() == "load_extension"
    return sqlite3.SQLITE_DENY if loads or action in _LEAVES_THE_FILE else sqlite3.SQLITE_OK
