"""The project folder: what is kept beside a task's `rung.toml`, and how a file there is written."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from rung.errors import StoreError, UserError

KEPT = ".rung"
RUN_FILE, ATTEMPTS_FILE = "run.json", "attempts.jsonl"
EVIDENCE_FILE, MANIFEST_FILE = "evidence.json", "manifest.json"


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
        """The saved solver that is served."""
        return self.folder / "winner"

    @property
    def challenger(self) -> Path:
        """What a climb chose since, where the winner has answered requests."""
        return self.folder / "challenger"

    @property
    def winners(self) -> Path:
        """Every solver that was ever served, by its hash."""
        return self.folder / "winners"

    @property
    def promotions(self) -> Path:
        """Every swap of the served winner, a line each."""
        return self.folder / "promotions.jsonl"

    @property
    def traffic(self) -> Path:
        """What the served winner was asked and answered, where no database is named."""
        return self.folder / "traffic.sqlite"

    @property
    def cache(self) -> Path:
        """Every answered call."""
        return self.folder / "cache.sqlite"

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


def lock(path: Path, wait_s: float = 0.0) -> FileLock | None:
    """The lock on `path`, held until it is released or the process ends; None where another has it.

    Raises `StoreError` where the file cannot be made.
    """
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
