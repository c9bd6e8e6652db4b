"""The projects a page can show: their tasks and runs, read again only when their files change."""

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from rung.climbing.explaining import DIAGNOSIS_FILE
from rung.climbing.journal import Live, is_running, read_live
from rung.errors import StoreError, UserError
from rung.project import ATTEMPTS_FILE, KEPT, RUN_FILE, ProjectFolder
from rung.records.results import RunResult
from rung.report.reading import FinishedRun, read_result, read_run, uncollected
from rung.task.files import Stamp, stamp, task_files
from rung.task.load import CONFIG_NAME, load_task
from rung.task.types import Task

DEPTH = 3
"""Folders below a named one in which projects are looked for."""
MOST_RUNS_KEPT, MOST_RESULTS_KEPT, MOST_TASKS_KEPT = 4, 200, 8
T = TypeVar("T")


class NotFound(UserError):
    """No such project, run or example."""


@dataclass(frozen=True)
class Project:
    """A folder with `rung.toml`, or with runs only."""

    slug: str
    """Its name in addresses: letters, digits and hyphens."""
    folder: Path

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name or str(self.folder)

    @property
    def config(self) -> Path:
        """Its `rung.toml`, which may be missing."""
        return self.folder / CONFIG_NAME

    @property
    def places(self) -> ProjectFolder:
        """Where Rung keeps what of it."""
        return ProjectFolder(self.folder)

    @property
    def kept(self) -> Path:
        """What Rung keeps of it."""
        return self.places.folder

    def runs(self) -> list[Path]:
        """Folders of its runs, the newest first."""
        return [path.parent for path in reversed(self.places.run_files())]

    def run(self, name: str) -> Path:
        """The folder of the run with that name. Raises `NotFound`."""
        known = {folder.name: folder for folder in self.runs()}
        if name not in known:
            raise NotFound(f"{self.name} has no run {name!r}: open the project to see its runs")
        return known[name]

    def live(self) -> tuple[Live | None, bool]:
        """The last climb as it told of itself, and whether it still runs."""
        return read_live(self.kept), is_running(self.kept)


class Kept(Generic[T]):
    """Things read from files, as long as the files stay the same; the least used go first."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._things: OrderedDict[str, tuple[Stamp, T]] = OrderedDict()
        self._lock = threading.Lock()
        self._busy: dict[str, threading.Lock] = {}

    def get(self, key: str, stamp: Stamp, make: Callable[[], T]) -> T:
        """The thing of that key, made anew where its files have changed."""
        with self._lock:
            busy = self._busy.setdefault(key, threading.Lock())
        with busy:  # two readers of one run: the second waits instead of reading it too
            with self._lock:
                known = self._things.get(key)
                if known is not None and known[0] == stamp:
                    self._things.move_to_end(key)
                    return known[1]
            made = make()
            with self._lock:
                self._things[key] = (stamp, made)
                while len(self._things) > self.most:
                    self._things.popitem(last=False)
            return made

    def forget(self, key: str) -> None:
        """Have the thing of that key made anew."""
        with self._lock:
            self._things.pop(key, None)


class Shelf:
    """All projects, by slug."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.projects: dict[str, Project] = {}
        first = folders[0].resolve()
        self.place = first.parent if _is_project(first) else first
        """Where a new project goes."""
        for folder in find(folders):
            self.add(folder)
        self._runs: Kept[FinishedRun] = Kept(MOST_RUNS_KEPT)
        self._results: Kept[RunResult] = Kept(MOST_RESULTS_KEPT)
        self._tasks: Kept[tuple[Task | None, str]] = Kept(MOST_TASKS_KEPT)

    def add(self, folder: Path) -> str:
        """Show one more; its slug."""
        slug = _slug(folder.name, self.projects)
        self.projects[slug] = Project(slug, folder)
        return slug

    def project(self, slug: str) -> Project:
        """Raises `NotFound`."""
        if slug not in self.projects:
            raise NotFound(f"no project {slug!r} here: the first page lists those there are")
        return self.projects[slug]

    def result(self, folder: Path) -> RunResult:
        """What a run says, without its attempts. Raises `StoreError`."""
        return self._results.get(
            str(folder), stamp([folder / RUN_FILE]), lambda: read_result(folder)[0]
        )

    def results(self, project: Project) -> list[tuple[Path, RunResult | None]]:
        """Every run of a project, the newest first; None for one that cannot be read."""
        results: list[tuple[Path, RunResult | None]] = []
        for folder in project.runs():
            try:
                results.append((folder, self.result(folder)))
            except StoreError:
                results.append((folder, None))
        return results

    def run(self, folder: Path) -> FinishedRun:
        """A run with its attempts. Raises `StoreError`."""
        files = [folder / name for name in (RUN_FILE, ATTEMPTS_FILE, DIAGNOSIS_FILE)]

        def read() -> FinishedRun:
            with uncollected():
                return read_run(folder)

        return self._runs.get(str(folder), stamp(files), read)

    def task(self, project: Project) -> tuple[Task | None, str]:
        """The task as its files say now; None and the reason where they cannot be used."""
        try:
            files = task_files(project.folder)
        except UserError as error:
            return None, str(error)
        return self._tasks.get(str(project.folder), stamp(files), lambda: _load(project))


def _load(project: Project) -> tuple[Task | None, str]:
    try:
        return load_task(project.folder), ""
    except UserError as error:
        return None, str(error)


def find(folders: Sequence[Path]) -> list[Path]:
    """Projects among the folders and below those that are none. Raises `UserError`."""
    places: list[Path] = []
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"{folder} is no folder: name one that holds rung.toml")
        below = [folder] if _is_project(folder) else _below(folder.resolve())
        if not below:
            raise UserError(
                f"{folder} holds no rung.toml, nor do its folders: `rung init {folder}` writes one"
            )
        places += [p.resolve() for p in below]
    return list(dict.fromkeys(places))


def _below(folder: Path) -> list[Path]:
    folders = set()
    for depth in range(1, DEPTH + 1):
        above = "/".join("*" * depth)
        folders |= {path.parent for path in folder.glob(f"{above}/{CONFIG_NAME}")}
        folders |= {path.parent.parent for path in folder.glob(f"{above}/{KEPT}/runs")}
    inside = {path: path.relative_to(folder).parts for path in folders}
    return sorted(p for p, parts in inside.items() if not any(n.startswith(".") for n in parts))


def _is_project(folder: Path) -> bool:
    return (folder / CONFIG_NAME).is_file() or ProjectFolder(folder).runs.is_dir()


def _slug(name: str, taken: Iterable[str]) -> str:
    base = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "project"
    slug, number = base, 2
    while slug in taken:
        slug, number = f"{base}-{number}", number + 1
    return slug
