"""The project folder: what is kept beside a task's `rung.toml`, and how it is written.

Everything is made beside its place and renamed into it: whoever looks finds the old or the new,
whole, also after the writer was killed between any two steps. What a killed writer left is swept
by the next one.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rung.errors import StoreError, UserError

if TYPE_CHECKING:
    from filelock import FileLock

KEPT = ".rung"
RUN_FILE, ATTEMPTS_FILE = "run.json", "attempts.jsonl"
EVIDENCE_FILE, MANIFEST_FILE = "evidence.json", "manifest.json"
BEFORE = ".{}-before"
"""Where a folder stands while another takes its place."""
ALIVE = ".alive"
"""Locked in a work folder for as long as its writer lives."""
LEFT_S = 3600.0
"""Age from which work without a living writer was left behind."""


@dataclass(frozen=True)
class ProjectFolder:
    """Every place of one project. Nothing is made by naming it."""

    root: Path
    """The folder of `rung.toml`."""
    elsewhere: Path | None = None
    """Instead of `.rung` in it."""

    @property
    def folder(self) -> Path:
        """What Rung keeps: deleting it loses nothing but money and time."""
        return self.elsewhere or self.root / KEPT

    @property
    def runs(self) -> Path:
        """A folder a run, by the run's name."""
        return self.folder / "runs"

    @property
    def winner(self) -> Path:
        """The saved solver that is served: a link to one of the kept, or a folder of its own."""
        return standing(self.folder / "winner")

    @property
    def challenger(self) -> Path:
        """What a climb chose since, where the winner has answered requests."""
        return standing(self.folder / "challenger")

    @property
    def best(self) -> Path:
        """What came nearest where the last climb certified nothing: served with `--anyway` only."""
        return standing(self.folder / "best")

    @property
    def winners(self) -> Path:
        """Every solver that was ever served, by its hash."""
        return self.folder / "winners"

    @property
    def promotions(self) -> Path:
        """Every swap of the served winner, a line each."""
        return self.folder / "promotions.jsonl"

    @property
    def swap(self) -> Path:
        """The swap that is under way, until it stands among the promotions."""
        return self.folder / "swap.json"

    @property
    def traffic(self) -> Path:
        """What the served winner was asked and answered, where no database is named."""
        return self.folder / "traffic.sqlite"

    @property
    def cache(self) -> Path:
        """Every answered call."""
        return self.folder / "cache.sqlite"

    @property
    def documents(self) -> Path:
        """What was read from documents that are no plain text, by the hash of their bytes."""
        return self.folder / "documents"

    @property
    def adapters(self) -> Path:
        """Trained adapters, by the hash of what they were trained on."""
        return self.folder / "adapters"

    @property
    def is_served(self) -> bool:
        """The winner has answered requests: from then on `rung promote` swaps it."""
        return self.winner.exists() and (self.traffic.exists() or self.promotions.exists())

    def run_files(self) -> list[Path]:
        """The `run.json` of every run, the one written last at the end."""
        written = []
        for path in self.runs.glob(f"*/{RUN_FILE}"):
            with suppress(FileNotFoundError):  # removed meanwhile
                written.append((path.stat().st_mtime, path))
        return [path for _, path in sorted(written)]

    def newest_run(self) -> Path:
        """The folder of the run that was written last; `UserError` where there is none."""
        files = self.run_files()
        if not files:
            raise UserError(f"no run below {self.root}: run `rung climb {self.root}` first")
        return files[-1].parent


def write_whole(
    path: Path, content: str | bytes, *, mode: int = 0o644, durable: bool = False
) -> Path:
    """Write a file by renaming a finished one over it: readers find the old one or the new one.

    `mode` is the file's permissions; `durable` has it on the disk before the rename. Makes the
    folder where it is missing. Raises `StoreError`.
    """
    import tempfile

    data = content.encode() if isinstance(content, str) else content
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, work = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            os.chmod(work, mode)
            os.replace(work, path)
        finally:
            Path(work).unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(
            f"{path} could not be written ({error.strerror or error}): free disk space or mend the "
            "folder's permissions, and run again"
        ) from error
    return path


@contextmanager
def workspace(target: Path) -> Iterator[Path]:
    """A new folder beside `target` to build it in; gone afterwards, also what killed ones left.

    Whatever is built goes to a path below it and from there to `put_folder` or `os.replace`.
    """
    import tempfile

    target.parent.mkdir(parents=True, exist_ok=True)
    sweep(target.parent)
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    alive = lock(work / ALIVE)
    try:
        yield work
    finally:
        if alive is not None:
            alive.release()
        shutil.rmtree(work, ignore_errors=True)


def put_folder(built: Path, target: Path) -> None:
    """Let the folder `built` take the place of `target`, which may be a folder, a link or nothing.

    No system renames one folder over another, so the old one steps aside first; `standing` finds
    it there. Raises `OSError`.
    """
    before = target.with_name(BEFORE.format(target.name))
    if os.path.lexists(target):
        _remove(before)
        os.replace(target, before)
    os.replace(built, target)
    _remove(before)


def put_link(place: Path, target: Path) -> None:
    """Make `target` a link to the folder `place`, in one step where it is a link already.

    A copy of the folder where the file system has no links. Raises `OSError`.
    """
    with workspace(target) as work:
        link = work / "link"
        try:
            link.symlink_to(os.path.relpath(place, target.parent), target_is_directory=True)
        except (OSError, NotImplementedError):
            shutil.copytree(place, work / "copy")
            put_folder(work / "copy", target)
            return
        if target.is_symlink() or not target.exists():
            os.replace(link, target)
            _remove(target.with_name(BEFORE.format(target.name)))
        else:
            put_folder(link, target)


def standing(target: Path) -> Path:
    """`target`, or what it replaces where a writer was killed before the new one stood."""
    before = target.with_name(BEFORE.format(target.name))
    return before if before.exists() and not target.exists() else target


def place_of(path: Path) -> Path:
    """The place that `standing` found something for: where what replaces it is to be written."""
    name, tail = path.name, BEFORE.format("")[1:]
    return path.with_name(name[1 : -len(tail)]) if name.endswith(tail) else path


def sweep(folder: Path) -> None:
    """Remove what killed writers left in a folder: work without a living writer."""
    for left in (*folder.glob(".*-*"), *folder.glob(f".*-*/{ALIVE}")):
        work = left.parent if left.name == ALIVE else left
        place = place_of(work)
        if place.exists() if place != work else _left_behind(work):
            _remove(work)


def _left_behind(path: Path) -> bool:
    """Whether the writer of a work file or folder has died."""
    alive = path / ALIVE
    try:
        age = time.time() - path.lstat().st_mtime
        return age > 1.0 and not is_locked(alive) if alive.exists() else age > LEFT_S
    except OSError:
        return False


def _remove(path: Path) -> None:
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def lock(path: Path, wait_s: float = 0.0) -> FileLock | None:
    """The lock on `path`, held until it is released or the process ends; None where another has it.

    Raises `StoreError` where the file cannot be made.
    """
    from filelock import FileLock, Timeout

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        held = FileLock(path, timeout=wait_s, thread_local=False)
        held.acquire()
    except Timeout:
        return None
    except OSError as error:
        raise StoreError(f"{path} could not be locked ({error.strerror or error})") from error
    return held


def is_locked(path: Path) -> bool:
    """Whether another process, or another part of this one, holds the lock on `path`."""
    from filelock import FileLock, Timeout

    if not path.exists():
        return False
    try:
        with FileLock(path, timeout=0.0, thread_local=False):
            return False
    except Timeout:
        return True
    except OSError:
        return False


@contextmanager
def alone(path: Path, busy: str) -> Iterator[None]:
    """One process at a time; `UserError` with the words of `busy` for the second."""
    held = lock(path)
    if held is None:
        raise UserError(busy)
    try:
        yield
    finally:
        held.release()
