"""A climb as other programs see it while it runs: `.rung/live.json`, and a lock that says it lives.

The file is written whole a few times a second. Nothing of the climb rests on it: where it cannot
be written, the climb goes on. Whether a climb runs is told by the lock, which the system drops
however the process ends; a file alone would claim that a killed climb is still running.
"""

import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from filelock import FileLock
from pydantic import Field

from rung.climbing.observer import Observer
from rung.climbing.rows import unmeasured
from rung.decide.ladder import Planned
from rung.errors import RungError, StoreError
from rung.evidence import interval
from rung.project import is_locked, lock, write_whole
from rung.records import Attempt
from rung.records.results import CandidateResult, RunResult
from rung.state import read_kept
from rung.task.types import Frozen, SplitName, Task

LIVE_FILE, LOCK_FILE = "live.json", "live.lock"
EVERY_S = 0.3
"""Answers come fast: the file is written at most this often for them."""
MOST_NOTES = 50
LOCK_WAIT_S = 0.2
"""A reader holds the lock for an instant; a climb waits that long for it."""


class Doing(Frozen):
    """What a climb is busy with."""

    key: str
    phase: str
    """fit, dev, test, latency, or a stage of training."""
    since: str = ""
    """When that began."""
    done: int = 0
    total: int = 0
    """Answers; 0 where they are not counted."""
    share: float | None = None
    """Of training, in [0, 1]."""
    score: float | None = None
    low: float | None = None
    high: float | None = None
    """Mean score so far with its 95 % interval; None before the first score."""


class Live(Frozen):
    """A climb as it stands."""

    task: str
    metric: str
    target: float
    confidence: float
    workload: dict[str, int]
    sizes: dict[SplitName, int]
    pid: int
    started: str
    updated: str = ""
    rows: tuple[CandidateResult, ...] = ()
    doing: Doing | None = None
    spent_usd: float = 0.0
    """Cost of all answers used, cached ones included at what they cost when they were made."""
    answers: int = 0
    notes: tuple[str, ...] = Field(default=(), max_length=MOST_NOTES)
    ended: str | None = None
    """sufficient, insufficient, undecided, interrupted, failed; None while it runs."""
    problem: str = ""
    run: str | None = None
    """The finished run's folder below `.rung/runs`."""


class Journal(Observer):
    """Keeps `live.json` while a climb runs. A second climb of the same folder keeps silent."""

    def __init__(self, task: Task, folder: Path) -> None:
        self.folder = folder
        self.live = Live(
            task=task.name,
            metric=task.target.metric,
            target=task.target.score,
            confidence=task.target.confidence,
            workload=task.workload.model_dump(),
            sizes={s: len(task.split(s)) for s in ("train", "dev", "test")},
            pid=os.getpid(),
            started=_now(),
        )
        self._lock: FileLock | None = None
        self._scores: list[float] = []
        self._written = 0.0

    def __enter__(self) -> Self:
        try:
            self._lock = lock(self.folder / LOCK_FILE, LOCK_WAIT_S)
        except StoreError:
            self._lock = None
        self._write()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, RungError):
            self._change(ended="failed", problem=str(error))
        elif isinstance(error, Exception):
            self._change(ended="failed", problem=type(error).__name__)
        elif error is not None:
            self._change(ended="interrupted")
        if self._lock is not None:
            self._lock.release()

    def finished(self, result: RunResult) -> None:
        """The verdict is in."""
        rows = result.candidates
        self._change(ended=result.verdict.status, run=result.run, rows=rows, doing=None)

    def planned(self, rungs: Sequence[Planned]) -> None:
        """The whole ladder, nothing tried yet."""
        self._change(rows=tuple(unmeasured(r) for r in rungs))

    def refined(self, key: str, row: CandidateResult) -> None:
        """Its row, where the start's was."""
        self._change(rows=tuple(row if r.key == key else r for r in self.live.rows))

    def phase(self, key: str, name: str, total: int) -> None:
        """A new phase; counts start again."""
        self._scores = []
        self._change(doing=Doing(key=key, phase=name, since=_now(), total=total))

    def attempt(self, attempt: Attempt) -> None:
        """One more answer."""
        if attempt.score is not None:
            self._scores.append(attempt.score)
        doing = self.live.doing
        if doing is not None:
            doing = doing.model_copy(update={"done": doing.done + 1})
        changes = {
            "doing": doing,
            "answers": self.live.answers + 1,
            "spent_usd": self.live.spent_usd + attempt.cost_usd,
        }
        self.live = self.live.model_copy(update=changes)
        if time.monotonic() - self._written >= EVERY_S:
            self._change(doing=self._scored(doing))

    def _scored(self, doing: Doing | None) -> Doing | None:
        if doing is None or not self._scores:
            return doing
        spread = interval(self._scores, 0.95)
        ends = {"score": spread.estimate, "low": spread.low, "high": spread.high}
        return doing.model_copy(update=ends)

    def tuning(self, key: str, stage: str, share: float) -> None:
        """Training goes on."""
        was = self.live.doing
        same = was is not None and (was.key, was.phase) == (key, stage)
        since = was.since if was is not None and same else _now()
        now = Doing(key=key, phase=stage, since=since, share=share)
        self.live = self.live.model_copy(update={"doing": now})
        if time.monotonic() - self._written >= EVERY_S:
            self._write()

    def result(self, row: CandidateResult) -> None:
        """Put what is known into the ladder."""
        rows = tuple(row if r.key == row.key else r for r in self.live.rows)
        self._change(rows=rows)

    def note(self, text: str) -> None:
        """Keep the newest notes."""
        self._change(notes=(*self.live.notes, text)[-MOST_NOTES:])

    def _change(self, **changes: object) -> None:
        self.live = self.live.model_copy(update=changes)
        self._write()

    def _write(self) -> None:
        if self._lock is None:
            return
        self._written = time.monotonic()
        text = self.live.model_copy(update={"updated": _now()}).model_dump_json()
        try:
            write_whole(self.folder / LIVE_FILE, text)
        except StoreError:
            return  # a picture of the climb is missing, the climb is not


def read_live(folder: Path) -> Live | None:
    """The climb whose `.rung` is `folder`, as last written; None where there is none."""
    return read_kept(folder / LIVE_FILE, Live)


def is_running(folder: Path) -> bool:
    """Whether a climb holds the lock in `folder`, a task's `.rung`."""
    return is_locked(folder / LOCK_FILE)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
