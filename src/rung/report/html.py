"""A run as one self-contained HTML file: no network, opens from disk, prints, phone and desktop."""

from __future__ import annotations

import os
import tempfile
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from rung.errors import StoreError
from rung.report import words
from rung.report.reading import FinishedRun, read_run
from rung.report.texts import finalize
from rung.task.types import Task

REPORT_FILE = "report.html"


def write_report(run_folder: Path, task: Task | None) -> Path:
    """Write `report.html` into a run's folder, whole or not at all, and return its path.

    Without the task the examples table shows answers, but neither inputs nor expected answers.
    """
    return write_whole(run_folder / REPORT_FILE, render(read_run(run_folder), task))


def render(run: FinishedRun, task: Task | None) -> str:
    """The page."""
    return environment().get_template("report.html").render(run=run.result, words=words)


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Templates: escape everything, show hidden characters, know every name they use."""
    return Environment(
        loader=PackageLoader("rung.report"),
        autoescape=True,
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def write_whole(path: Path, text: str) -> Path:
    """Write a file by renaming a finished one over it."""
    try:
        handle, work = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
            os.chmod(work, 0o644)
            os.replace(work, path)
        finally:
            Path(work).unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(
            f"{path} could not be written ({error.strerror or error}): free disk space or mend "
            "the folder's permissions and run `rung report` again"
        ) from error
    return path
