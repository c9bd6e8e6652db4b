"""Writing the index of a run's examples: whole or not at all, from the files as they are."""

import json
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from rung.errors import StoreError, UserError
from rung.report.example_index import FORMAT, INDEX_FILE, SCHEMA, marks_of, storable
from rung.report.example_lines import Line, lines_of
from rung.report.reading import (
    SOURCES,
    FinishedRun,
    Key,
    Place,
    read_with_places,
    uncollected,
)
from rung.task.load import load_task
from rung.task.types import Task

LEFT_S = 3600.0
"""An index that is not whole after so long was left by a process that was killed."""


def keep_index(run: Path, task_folder: Path) -> None:
    """Index a run that was just written, so that its first page is quick.

    Nothing rests on it: where it cannot be written, the pages make one of their own.
    """
    with suppress(StoreError):
        write_index(run, task_folder, lambda: _task(task_folder))


def write_index(
    run: Path, task_folder: Path, load: Callable[[], Task | None], into: Path | None = None
) -> Path:
    """Index the run in folder `run` and return the index's path: `into`, or beside the run.

    `load` reads the task in `task_folder` as its files are now; None where they cannot be used.
    How the files are is noted before any is read: what is written meanwhile makes the index stale,
    never wrong. Raises `StoreError` where the run cannot be read or the index not be written.
    """
    path = into or run / INDEX_FILE
    marks = {known: marks_of(run, task_folder, known=known) for known in (True, False)}
    task = load()
    known = task is not None
    with uncollected():
        finished, places = read_with_places(run)
        about = {
            "format": str(FORMAT),
            "task_known": "yes" if known else "no",
            "marks": json.dumps(marks[known]),
        }
        try:
            return _write(path, run, finished, lines_of(finished, task), places, about)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"{path} could not be written ({error})") from error


def _task(folder: Path) -> Task | None:
    try:
        return load_task(folder)
    except UserError:
        return None


def _write(
    path: Path,
    run: Path,
    finished: FinishedRun,
    lines: Sequence[Line],
    places: Mapping[Key, Place],
    about: Mapping[str, str],
) -> Path:
    keys = [r.key for r in finished.result.candidates]
    about = {
        **about,
        "keys": json.dumps(keys),
        "causes": json.dumps(sorted({line.cause for line in lines if line.cause})),
        "total": str(len(lines)),
    }
    _sweep(path)
    handle, work = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    os.close(handle)
    try:
        database = sqlite3.connect(work)
        try:
            # Nobody reads it before it is whole: a journal would guard nothing.
            database.executescript(f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; {SCHEMA}")
            database.executemany("INSERT INTO about VALUES (?, ?)", about.items())
            database.executemany(
                "INSERT INTO examples VALUES (?, ?, ?, ?, ?, ?, ?, ?)", _example_rows(lines)
            )
            database.executemany(
                "INSERT INTO attempts VALUES (?, ?, ?, ?, ?, ?)", _attempt_rows(lines, keys, places)
            )
            database.commit()
        finally:
            database.close()
        # Readable by whoever may read the answers themselves, and by nobody else.
        answers = run / SOURCES[0]
        os.chmod(work, answers.stat().st_mode & 0o666 if answers.exists() else 0o600)
        with open(work, "rb") as file:
            os.fsync(file.fileno())
        os.replace(work, path)
    finally:
        Path(work).unlink(missing_ok=True)
    return path


def _sweep(path: Path) -> None:
    """Remove what killed writers left; what another process writes now is younger."""
    for left in path.parent.glob(f".{path.name}-*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > LEFT_S:
                left.unlink()


def _example_rows(lines: Sequence[Line]) -> Iterator[tuple[int | str | None, ...]]:
    for place, line in enumerate(lines):
        # Not pydantic's JSON, which refuses half characters; escaped, they come back as they were.
        whole = None if line.example is None else json.dumps(line.example.model_dump())
        yield (
            place, line.split, storable(line.id), line.outcomes, line.cause, line.mended_by,
            storable(line.asked), whole,
        )  # fmt: skip


def _attempt_rows(
    lines: Sequence[Line], keys: Sequence[str], places: Mapping[Key, Place]
) -> Iterator[tuple[int | str, ...]]:
    numbers = {key: number for number, key in enumerate(keys)}
    for place, line in enumerate(lines):
        for key, one in line.answers.items():
            if key in numbers:
                text = one.answer.text.lower() if one.answer else ""
                where = places[key, line.split, line.id]
                yield (place, numbers[key], *where, storable(text))
