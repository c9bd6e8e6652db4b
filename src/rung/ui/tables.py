"""The indexes of examples that the pages read: those beside the runs, made where one is missing."""

import hashlib
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from rung.errors import RungError, StoreError
from rung.report.example_index import INDEX_FILE, ExampleIndex, StaleIndex, open_index
from rung.report.index_writing import write_index
from rung.task.types import Task
from rung.ui.projects import Project, Shelf

T = TypeVar("T")
TRIES = 3
"""A run that is being climbed changes while it is read."""


class Tables:
    """Indexes by run. Safe to use from several threads."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._lock = threading.Lock()
        self._busy: dict[Path, threading.Lock] = {}
        self._aside: tempfile.TemporaryDirectory[str] | None = None

    def read(self, project: Project, run: Path, look: Callable[[ExampleIndex], T]) -> T:
        """What `look` finds in the index of a run, which is made or made anew where it has to be.

        Raises `StoreError` where the run cannot be read, or changes faster than it is read.
        """
        for _ in range(TRIES):
            try:
                with self._opened(project, run) as index:
                    return look(index)
            except StaleIndex:
                self._make(project, run, beyond=True)
        raise _changing(project, run)

    def prepare(self) -> None:
        """Index the newest run of each project, where it is not indexed."""
        for project in self._shelf.projects.values():
            for run in project.runs()[:1]:
                with suppress(RungError):  # whoever opens the run is told
                    self._opened(project, run).close()

    def close(self) -> None:
        """Remove what had to be kept elsewhere."""
        if self._aside is not None:
            self._aside.cleanup()

    def _opened(self, project: Project, run: Path) -> ExampleIndex:
        """The index as the files are now, or were when it was made for this very call."""
        opened = self._find(project, run)
        if opened is None:
            made = self._make(project, run)
            opened = open_index(made, run, project.folder, now=False)
        if opened is None:
            raise _changing(project, run)
        return opened

    def _find(self, project: Project, run: Path) -> ExampleIndex | None:
        """The index that says what the files say now."""
        places = [run / INDEX_FILE, *([] if self._aside is None else [self._elsewhere(run)])]
        opened = (open_index(path, run, project.folder) for path in places if path.exists())
        return next((index for index in opened if index is not None), None)

    def _make(self, project: Project, run: Path, *, beyond: bool = False) -> Path:
        """Make the index and return its path; `beyond` one that opens well, but is wrong."""
        with self._lock:
            busy = self._busy.setdefault(run, threading.Lock())
        with busy:  # two readers of one run: the second waits instead of indexing it too
            finished = None if beyond else self._find(project, run)
            if finished is not None:
                finished.close()
                return finished.path

            def load() -> Task | None:
                return self._shelf.task(project)[0]

            try:
                return write_index(run, project.folder, load)
            except StoreError:  # the folder must not be written; a run that is broken says so again
                return write_index(run, project.folder, load, self._elsewhere(run))

    def _elsewhere(self, run: Path) -> Path:
        """Where the index of a run lies whose folder must not be written."""
        with self._lock:
            if self._aside is None:
                self._aside = tempfile.TemporaryDirectory(prefix="rung-ui-")
        return Path(self._aside.name) / f"{hashlib.sha256(bytes(run)).hexdigest()}.sqlite"


def _changing(project: Project, run: Path) -> StoreError:
    return StoreError(
        f"the run {run.name} of {project.name} is being written: load the page again in a moment"
    )
