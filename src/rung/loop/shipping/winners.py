"""Winners on disk: every one that was ever served, by its hash, and which followed which.

    .rung/winner             the one that is served: a link to one of those kept
    .rung/challenger/        what a climb chose since, where the winner has answered requests
    .rung/winners/HASH/      all that were served
    .rung/promotions.jsonl   every swap, with the test that allowed it
    .rung/swap.json          the swap that is under way

A swap is written down, then the link is renamed, then the log is written: whoever opens the winner
finds the old one or the new one, whole, and what a killed swap left open the next start finishes.
A winner that is a folder of its own (saved by a climb, or by an earlier version) is taken over.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from rung.climbing.winner import measured_in, unproven
from rung.errors import StoreError, UserError
from rung.project import ProjectFolder, lock, put_link, sweep, workspace, write_whole
from rung.solver.store import digest_of, read_spec
from rung.state import read_lines, read_model
from rung.task.types import Frozen, JsonValue

NAME_CHARS = 16
WAIT_S = 30.0
"""For another swap to end."""
Kind = Literal["first", "promoted", "anyway", "rolled back"]
"""anyway: a person served it though it is unproven, or though the paired test did not allow it."""


class Swap(Frozen):
    """One line of the log."""

    at: str
    """UTC."""
    kind: Kind
    was: str | None
    """Hash of the winner before; None where there was none."""
    now: str
    why: JsonValue = None
    """The paired test, or what was asked for."""


class Winners:
    """The winners of the task in `root`."""

    def __init__(self, root: Path) -> None:
        self.project = ProjectFolder(root)

    @property
    def winner(self) -> Path:
        """The served one."""
        return self.project.winner

    @property
    def challenger(self) -> Path:
        """The one that waits."""
        return self.project.challenger

    def present(self) -> str | None:
        """Hash of the served winner, its files checked; None where there is none.

        A swap that was killed is finished, or undone, first.
        """
        held = lock(self._lock)
        if held is not None:  # else: that swap is not killed
            try:
                self._recover()
            finally:
                held.release()
        return self._hash(self.winner) if self.winner.exists() else None

    def keep(self, folder: Path) -> str:
        """Put a copy of a saved solver among those kept; returns its hash. Never overwrites."""
        digest = self._hash(folder)
        place = self.place(digest)
        if not place.exists():
            try:
                with workspace(place) as work:
                    shutil.copytree(folder, work / "kept")
                    os.replace(work / "kept", place)
            except OSError as error:
                raise StoreError(
                    f"{place} could not be written ({error.strerror or error}): free space, run "
                    "again"
                ) from error
        return digest

    def place(self, digest: str) -> Path:
        """Where the winner of that hash is kept."""
        return self.project.winners / digest[:NAME_CHARS]

    def named(self, beginning: str) -> Path:
        """The kept winner whose hash begins so. `UserError` where there is none, or several."""
        kept = sorted(p.name for p in (self.project.winners).glob("*") if p.is_dir())
        fitting = [name for name in kept if name.startswith(beginning[:NAME_CHARS])]
        if len(fitting) == 1 and beginning:
            return self.project.winners / fitting[0]
        what = "several winners are" if fitting else "no winner is"
        raise UserError(f"{what} kept under {beginning!r}; there are: {', '.join(kept) or 'none'}")

    def serve(self, place: Path, kind: Kind, why: JsonValue) -> Swap:
        """Make a kept winner the served one, and say so in the log."""
        with self._alone():
            self._recover()
            return self._serve(place, kind, why)

    def rollback(self, to: str | None = None) -> Swap:
        """Serve the winner before the present one again, or the one named by `to`."""
        if to is not None:
            return self.serve(self.named(to), "rolled back", {"asked for": to})
        try:
            present = self.present()
        except StoreError:  # damaged: the log says which it was
            present = self._logged()
        for swap in reversed(self.log()):
            if swap.now == present and swap.was is not None:
                return self.serve(self.named(swap.was), "rolled back", {"undoes": swap.at})
        raise UserError(
            "there is no winner before the present one: nothing was promoted yet (`rung promote`)"
        )

    def log(self) -> list[Swap]:
        """Every swap, oldest first."""
        cure = "restore it from a copy, or delete it: which winner followed which is lost then, "
        return read_lines(self.project.promotions, Swap, f"{cure}the winners are kept beside it")

    def doubt(self, run: str | None = None) -> str | None:
        """Why the served winner is unproven; None where it is not, or where there is none.

        `run` asks for a winner of that run only.
        """
        if not self.winner.exists() or run not in (None, measured_in(self.winner)):
            return None
        lacking = unproven(self.winner)
        if lacking is not None:
            return lacking
        served = digest_of(self.winner)
        swaps = [s for s in self.log() if s.now == served and s.kind != "rolled back"]
        if not swaps or swaps[-1].kind != "anyway":
            return None
        outcome = swaps[-1].why.get("outcome") if isinstance(swaps[-1].why, dict) else None
        return f"unproven: swapped on {swaps[-1].at[:10]} though the paired test said {outcome}"

    @property
    def _lock(self) -> Path:
        return self.project.folder / "swap.lock"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        held = lock(self._lock, WAIT_S)
        if held is None:
            raise UserError("another process swaps the winner: run again when it is done")
        try:
            yield
        finally:
            held.release()

    def _serve(self, place: Path, kind: Kind, why: JsonValue) -> Swap:
        now = self._hash(place)
        was = self._leaving(kind)
        at = datetime.now(UTC).isoformat(timespec="seconds")
        swap = Swap(at=at, kind=kind, was=was, now=now, why=why)
        write_whole(self.project.swap, swap.model_dump_json() + "\n", durable=True)
        self._point(place)
        self._say(swap)
        return swap

    def _leaving(self, kind: Kind) -> str | None:
        """Hash of the winner that goes, kept; a damaged one may be rolled back from."""
        try:
            return self.keep(self.winner) if self.winner.exists() else None
        except StoreError:
            if kind != "rolled back":
                raise
            return self._logged()

    def _logged(self) -> str | None:
        return next((swap.now for swap in reversed(self.log())), None)

    def _recover(self) -> None:
        """Finish what a killed swap left: its line where the winner was swapped, else nothing."""
        for folder in (self.project.folder, self.project.winners):
            sweep(folder)
        path = self.project.swap
        if path.exists():
            swap = read_model(path, Swap, f"delete it, and look whether {self.winner} is right")
            if not (self.project.folder / "winner").exists() and swap.was is not None:
                self._point(self.place(swap.was))
            if self.winner.exists() and digest_of(self.winner) == swap.now:
                self._say(swap)
            path.unlink(missing_ok=True)
        elif not self.winner.exists():
            for last in self.log()[-1:]:  # removed by hand, or killed in an earlier version
                if self.place(last.now).exists():
                    self._point(self.place(last.now))

    def _point(self, place: Path) -> None:
        """The one step in which another winner is served."""
        target = self.project.folder / "winner"
        try:
            put_link(place, target)
        except OSError as error:
            raise StoreError(
                f"{target} could not be written ({error.strerror or error}): free space, run again"
            ) from error

    def _say(self, swap: Swap) -> None:
        """The line of the log, once; with it the swap is over."""
        log = self.log()
        if swap not in log[-1:]:
            lines = (json.dumps(each.model_dump(mode="json")) + "\n" for each in [*log, swap])
            write_whole(self.project.promotions, "".join(lines), durable=True)
        self.project.swap.unlink(missing_ok=True)

    def _hash(self, folder: Path) -> str:
        """The hash of a saved solver whose files are all as they were saved."""
        read_spec(folder)
        return digest_of(folder)
