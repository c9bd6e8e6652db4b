"""What earlier looks saw: hashes of the task and of its documents, and when. `.rung/watch.json`"""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from pydantic import AwareDatetime

from rung.project import ProjectFolder, write_whole
from rung.state import read_model
from rung.task.types import Document, Frozen, digest

STATE = "watch.json"
KEPT = 400
"""Looks that are remembered."""
HASH_CHARS = 16
RHYTHMS = ((1.5, "daily"), (14.0, "weekly"), (60.0, "monthly"), (730.0, "yearly"))
"""Days between changes up to which [facts] knowledge_changes says so; beyond: never."""


class Snapshot(Frozen):
    """One look."""

    at: AwareDatetime
    winner: str
    """Hash of the served solver."""
    requests: int
    """To this winner in the log, by then."""
    task: str
    """Fingerprint of the task without its documents, which change at a pace of their own."""
    documents: dict[str, str]
    """Content hash by id."""


class History(Frozen):
    """All looks, oldest first."""

    format: int = 1
    looks: tuple[Snapshot, ...] = ()


class Change(Frozen):
    """How often something changed between looks."""

    days: float
    changes: int
    """Looks that saw another state than the one before."""
    documents: int = 0
    """Documents that were changed, added or removed, summed over the looks."""

    @property
    def rhythm(self) -> str | None:
        """As `[facts] knowledge_changes` would say it; None before two weeks were watched."""
        if self.days < RHYTHMS[1][0]:
            return None
        if not self.changes:
            return "never"
        every = self.days / self.changes
        return next((word for days, word in RHYTHMS if every <= days), "never")


def hashes(documents: Sequence[Document]) -> dict[str, str]:
    """Content hash of each document."""
    return {d.id: digest([d.title, d.text])[:HASH_CHARS] for d in documents}


def rates(history: History) -> tuple[Change, Change]:
    """How often the task changed, and how often the documents did."""
    looks = history.looks
    if len(looks) < 2:
        return Change(days=0.0, changes=0), Change(days=0.0, changes=0)
    days = (looks[-1].at - looks[0].at).total_seconds() / 86_400
    pairs = list(pairwise(looks))
    moved = [
        sum(a.get(i) != b.get(i) for i in a.keys() | b.keys())
        for a, b in ((before.documents, after.documents) for before, after in pairs)
    ]
    return (
        Change(days=days, changes=sum(a.task != b.task for a, b in pairs)),
        Change(days=days, changes=sum(n > 0 for n in moved), documents=sum(moved)),
    )


def read_history(root: Path) -> History:
    """Earlier looks; none where there is no file."""
    path = ProjectFolder(root).folder / STATE
    if not path.exists():
        return History()
    return read_model(path, History, "delete it, and rates of change are counted anew")


def remember(root: Path, history: History, look: Snapshot) -> History:
    """Add a look and write the file."""
    longer = History(looks=(*history.looks, look)[-KEPT:])
    write_whole(ProjectFolder(root).folder / STATE, longer.model_dump_json(indent=1) + "\n")
    return longer


def moment(text: str | None) -> datetime | None:
    """A date or time with zone as the command line gives it; a date is midnight UTC."""
    if text is None:
        return None
    from datetime import UTC

    from rung.errors import UserError

    try:
        since = datetime.fromisoformat(text)
    except ValueError:
        raise UserError(f"--since {text!r} is no date: write it as 2026-11-21") from None
    return since if since.tzinfo else since.replace(tzinfo=UTC)
