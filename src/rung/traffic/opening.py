"""From a task's folder or a URL to an open log. Libraries of the extras are imported here only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rung.errors import MissingExtraError, UserError
from rung.privacy.redaction import Redactor
from rung.project import ProjectFolder

if TYPE_CHECKING:
    from rung.traffic.store import TrafficStore

SCHEMES = ("sqlite:///", "postgresql://")


def log_url(folder: str | Path) -> str:
    """Where the log of the task in `folder` lies by default: `.rung/traffic.sqlite`."""
    return f"sqlite:///{ProjectFolder(Path(folder).resolve()).traffic}"


def open_store(
    where: str | Path, redactor: Redactor | None = None, *, create: bool = True
) -> TrafficStore:
    """Open the log at a URL (`sqlite:///…`, `postgresql://…`), or that of a task's folder.

    `redactor` replaces personal data and secrets in whatever is added; None stores as given.
    Raises `StoreError` where the database cannot be opened, `UserError` for any other URL, and for
    a file that is not there with `create` false, `MissingExtraError` where a library is missing.
    """
    url = str(where)
    if "://" not in url:
        if not Path(where).is_dir():
            raise UserError(
                f"the log cannot be kept at {url!r}, which is neither a URL nor a task's folder: "
                f"for a file write sqlite:///{Path(where).resolve()}"
            )
        url = log_url(where)
    if not url.startswith(SCHEMES):
        scheme = url.split("://")[0]
        raise UserError(
            f"the log cannot be kept at {scheme}://…: use sqlite:///path or postgresql://host/name"
        )
    try:
        import sqlalchemy  # noqa: F401
    except ImportError:
        raise MissingExtraError("the traffic log", "serve") from None
    file = url.removeprefix("sqlite:///")
    if not create and file != url and not Path(file).is_file():
        raise UserError(
            f"there is no traffic log at {file}: serve the winner first (`rung serve`), or say "
            "where the log is with --log"
        )
    if url.startswith("postgresql://"):
        try:
            import psycopg  # noqa: F401
        except ImportError:
            raise MissingExtraError("a log in PostgreSQL", "postgres") from None
    from rung.traffic.store import TrafficStore

    return TrafficStore(url, redactor)
