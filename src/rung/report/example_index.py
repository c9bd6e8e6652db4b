"""The index of a run's examples: a page of the table without reading the run.

`examples.sqlite` lies beside `attempts.jsonl`. It holds each example with the outcome of every
candidate, what a search looks through, and where in its file each attempt stands; the attempts
themselves are read from there, only those that are shown. It is written whole (`index_writing`)
and never changed, and it says of every file it was made from how that file was. An index that is
missing, cut short, of another format or older than its files is not used: whoever opens it makes
it anew. An attempt that does not say what the index says of it is noticed too (`StaleIndex`).
"""

import hashlib
import json
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from pydantic import ValidationError

from rung.climbing.explaining import DIAGNOSIS_FILE
from rung.climbing.ledger import shown_names
from rung.errors import UserError
from rung.project import RUN_FILE
from rung.records import Attempt
from rung.report.example_lines import Filter, Line, fits, letters
from rung.report.reading import SOURCES
from rung.task.config import read_config
from rung.task.files import data_files, stamp
from rung.task.load import CONFIG_NAME
from rung.task.types import Example

INDEX_FILE = "examples.sqlite"
FORMAT = 1
READ_FROM = (RUN_FILE, DIAGNOSIS_FILE, *SOURCES)
SCHEMA = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE examples (
  place INTEGER PRIMARY KEY, split TEXT NOT NULL, id TEXT NOT NULL, outcomes TEXT NOT NULL,
  cause TEXT NOT NULL, mended_by TEXT NOT NULL, asked TEXT NOT NULL, example TEXT,
  UNIQUE (split, id));
CREATE TABLE attempts (
  place INTEGER NOT NULL, candidate INTEGER NOT NULL, source INTEGER NOT NULL,
  start INTEGER NOT NULL, size INTEGER NOT NULL, said TEXT NOT NULL,
  PRIMARY KEY (place, candidate)) WITHOUT ROWID;
"""
"""`place` is an example's place in the table, `candidate` one's on the ladder, `start` and `size`
are bytes, `asked` and `said` are what a search looks through, in lower case."""

Marks = dict[str, str]


class StaleIndex(Exception):
    """The index and the files beside it say different things; made anew, it is right again."""


def marks_of(run: Path, task: Path, *, known: bool) -> Marks:
    """How the files are now that an index is made from: those of the run, those of the task.

    No example depends on `[target]` or on the documents, so that changing those costs nothing;
    where the task could not be loaded (not `known`), any change may mend it.
    """
    marks = {}
    for name in READ_FROM:
        try:
            now = (run / name).stat()
        except OSError:
            marks[name] = "missing"
        else:  # the time of the last change of anything cannot be set back, unlike that of writing
            marks[name] = f"{now.st_size} {now.st_mtime_ns} {now.st_ctime_ns}"
    return {**marks, "task": _task_mark(task, known=known)}


def _task_mark(folder: Path, *, known: bool) -> str:
    config_file = folder / CONFIG_NAME
    try:
        config = read_config(config_file)
    except UserError:
        return repr(stamp([config_file]))
    shown = sorted(shown_names(folder))  # only these test examples are in the table
    settings = config.model_dump_json(exclude={"target"} if known else None)
    # Without the folder: a project that was moved keeps its index.
    files = [
        (Path(p).name, t, n) for p, t, n in stamp(data_files(folder, config, documents=not known))
    ]
    return hashlib.sha256(f"{known} {settings} {files} {shown}".encode()).hexdigest()


class ExampleIndex:
    """An open index of one run. Not for several threads at once; close it after use."""

    def __init__(
        self, path: Path, run: Path, database: sqlite3.Connection, about: Mapping[str, str]
    ) -> None:
        self.path = path
        self._run, self._database = run, database
        self.keys: list[str] = json.loads(about["keys"])
        """The candidates, in the order of the ladder."""
        self.causes: list[str] = json.loads(about["causes"])
        """The causes that a diagnosis found, in words."""
        self.total = int(about["total"])
        """How many examples there are."""
        database.create_function("fits", 3, _fits, deterministic=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.close()
        if isinstance(error, sqlite3.Error):
            raise StaleIndex(f"the index cannot be read: {error}") from error

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def matching(self, wanted: Filter) -> list[int]:
        """Places of the examples that fit, in order. Raises `UserError` for no such candidate."""
        if wanted.candidate and wanted.candidate not in self.keys:
            raise UserError(
                f"no candidate {wanted.candidate!r} in this run: choose one of the list"
            )
        at = self.keys.index(wanted.candidate) if wanted.candidate else None
        conditions, values = _conditions(wanted, at)
        places = self._database.execute(
            f"SELECT place FROM examples WHERE {' AND '.join(conditions)} ORDER BY place", values
        )
        return [place for (place,) in places]

    def place(self, split: str, example_id: str) -> int | None:
        """Where an example stands; None where no candidate was asked it."""
        row = self._database.execute(
            "SELECT place FROM examples WHERE split = ? AND id = ?", (split, storable(example_id))
        ).fetchone()
        return None if row is None else int(row[0])

    def lines(self, places: Sequence[int]) -> list[Line]:
        """The examples at these places with every answer, read from where it stands.

        Raises `StaleIndex` where that is not what the index says.
        """
        return [self._line(place) for place in places]

    def _line(self, place: int) -> Line:
        split, name, outcomes, cause, mended, example = self._database.execute(
            "SELECT split, id, outcomes, cause, mended_by, example FROM examples WHERE place = ?",
            (place,),
        ).fetchone()
        answers = self._answers(place)
        if letters(answers, self.keys) != outcomes or any(
            (a.split, a.example_id, a.candidate) != (split, name, key) for key, a in answers.items()
        ):
            raise StaleIndex(f"the answers to {name!r} are not those of the index")
        known = None if example is None else Example.model_validate(json.loads(example))
        return Line(split, name, known, answers, outcomes, cause, mended)

    def _answers(self, place: int) -> dict[str, Attempt]:
        rows = self._database.execute(
            "SELECT candidate, source, start, size FROM attempts WHERE place = ?", (place,)
        ).fetchall()
        answers = {}
        try:
            for number in sorted({source for _, source, _, _ in rows}):
                with (self._run / SOURCES[number]).open("rb") as file:
                    for candidate, source, start, size in rows:
                        if source == number:
                            file.seek(start)
                            one = Attempt.model_validate_json(file.read(size))
                            answers[self.keys[candidate]] = one
        except (OSError, ValidationError) as error:
            raise StaleIndex(f"an attempt does not stand where it stood: {error}") from error
        return answers


def open_index(path: Path, run: Path, task: Path, *, now: bool = True) -> ExampleIndex | None:
    """The index at `path` of the run in `run`, whose task lies in `task`.

    None where there is none that says what the files say `now`; else any that can be read will do.
    """
    try:
        database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
    except sqlite3.Error:
        return None
    try:
        about = dict(database.execute("SELECT name, value FROM about"))
        if about.get("format") == str(FORMAT):
            marks, known = json.loads(about["marks"]), about["task_known"] == "yes"
            if not now or marks == marks_of(run, task, known=known):
                return ExampleIndex(path, run, database, about)
    except (sqlite3.Error, ValueError, KeyError):
        pass  # another file of that name, or one that was cut short
    database.close()
    return None


def _conditions(wanted: Filter, at: int | None) -> tuple[list[str], list[str | int | None]]:
    conditions: list[str] = ["TRUE"]
    values: list[str | int | None] = []
    for column in ("split", "cause"):
        if getattr(wanted, column):
            conditions.append(f"{column} = ?")
            values.append(storable(getattr(wanted, column)))
    if wanted.outcome:
        conditions.append("fits(outcomes, ?, ?)")
        values += [storable(wanted.outcome), at]
    needle = storable(wanted.text.strip().lower())
    if needle:
        own = "" if at is None else " AND candidate = ?"
        conditions.append(
            "(instr(asked, ?) OR EXISTS (SELECT 1 FROM attempts WHERE "
            f"attempts.place = examples.place{own} AND instr(said, ?)))"
        )
        values += [needle, *([] if at is None else [at]), needle]
    return conditions, values


def _fits(outcomes: str, wanted: str, at: int | None) -> bool:
    return fits(outcomes, wanted, at)


def storable(text: str) -> str:
    """Without lone halves of surrogate pairs, which SQLite does not take."""
    return text.encode("utf-8", "replace").decode()
