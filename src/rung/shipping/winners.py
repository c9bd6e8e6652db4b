"""Winners on disk: every one that was ever served, by its hash, and which followed which.

    .rung/winner/            the one that is served
    .rung/challenger/        what a climb chose since, where the winner has answered requests
    .rung/winners/HASH/      all that were served
    .rung/promotions.jsonl   every swap, with the test that allowed it

A swap is a rename: whoever opens the winner finds the old one or the new one, whole.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from rung.errors import StoreError, UserError
from rung.project import ProjectFolder
from rung.solver.store import digest_of, read_spec
from rung.task.types import Frozen, JsonValue

NAME_CHARS = 16
Kind = Literal["first", "promoted", "rolled back"]


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

        A swap that was killed between its two renames is undone: the winner before is kept.
        """
        if not self.winner.exists():
            kept = [self.place(swap.now) for swap in self.log()[-1:]]
            if not kept or not kept[0].exists():
                return None
            self._copy(kept[0], self.winner)
        return self._hash(self.winner)

    def keep(self, folder: Path) -> str:
        """Put a copy of a saved solver among those kept; returns its hash. Never overwrites."""
        found = self._hash(folder)
        place = self.place(found)
        if not place.exists():
            self._copy(folder, place)
        return found

    def place(self, found: str) -> Path:
        """Where the winner of that hash is kept."""
        return self.project.winners / found[:NAME_CHARS]

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
        now = self._hash(place)
        was = self.keep(self.winner) if self.present() is not None else None
        swap = Swap(
            at=datetime.now(UTC).isoformat(timespec="seconds"), kind=kind, was=was, now=now, why=why
        )
        if was != now:
            self._copy(place, self.winner)
        self._say(swap)
        return swap

    def rollback(self, to: str | None = None) -> Swap:
        """Serve the winner before the present one again, or the one named by `to`."""
        if to is not None:
            return self.serve(self.named(to), "rolled back", {"asked for": to})
        present = self.present()
        for swap in reversed(self.log()):
            if swap.now == present and swap.was is not None:
                return self.serve(self.named(swap.was), "rolled back", {"undoes": swap.at})
        raise UserError(
            "there is no winner before the present one: nothing was promoted yet (`rung promote`)"
        )

    def log(self) -> list[Swap]:
        """Every swap, oldest first."""
        path = self.project.promotions
        if not path.exists():
            return []
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
            return [Swap.model_validate_json(line) for line in lines if line.strip()]
        except (OSError, ValidationError) as error:
            raise StoreError(
                f"{path} cannot be read ({str(error).splitlines()[0]}): restore it from a copy, or "
                "delete it; winners are kept beside it"
            ) from error

    def _say(self, swap: Swap) -> None:
        try:
            with (self.project.promotions).open("a", encoding="utf-8") as file:
                file.write(json.dumps(swap.model_dump(mode="json")) + "\n")
        except OSError as error:
            raise StoreError(f"{self.project.promotions} could not be written: {error}") from error

    def _hash(self, folder: Path) -> str:
        """The hash of a saved solver whose files are all as they were saved."""
        read_spec(folder)
        return digest_of(folder)

    def _copy(self, source: Path, target: Path) -> None:
        """Beside the target first, then renamed into its place."""
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
            try:
                shutil.copytree(source, work / "new")
                if target.exists():
                    os.replace(target, work / "old")
                os.replace(work / "new", target)
            finally:
                shutil.rmtree(work, ignore_errors=True)
        except OSError as error:
            raise StoreError(
                f"{target} could not be written ({error.strerror or error}): free space, run again"
            ) from error
