"""`TrafficStore`: the log in SQLite or PostgreSQL, through one path of SQLAlchemy Core.

What is committed survives the death of the process; SQLite writes ahead (WAL) and lets several
processes write. Its file is readable by its owner only, and what is deleted is overwritten.
"""

import os
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, create_engine, delete, event, func, insert, select
from sqlalchemy import text as sql
from sqlalchemy.engine import Engine, RowMapping, make_url
from sqlalchemy.exc import IntegrityError, OperationalError, SQLAlchemyError

from rung.errors import StoreError, UserError
from rung.privacy.redaction import Redactor, storable
from rung.traffic.records import Feedback, Judged, Query, TrafficRecord
from rung.traffic.tables import (
    CURE,
    FORMAT,
    about,
    feedback,
    feedback_of,
    feedback_row,
    metadata,
    micros,
    rates,
    request_of,
    request_row,
    requests,
)

PAGE = 500
"""Rows read or deleted at a time: nobody who writes is kept waiting for long."""
WAIT_S = 5.0
"""How long SQLite waits for another writer before it gives up."""
LOCK = 0x52756E67
"""Number of the advisory lock under which PostgreSQL makes the tables."""


_TAKE = """
INSERT INTO rung_rates AS r VALUES (:key, extract(epoch FROM clock_timestamp()) + :gap, 0)
ON CONFLICT (key) DO UPDATE SET
    early = greatest(0, r.due + :gap - excluded.due - :slack),
    due = CASE WHEN r.due + :gap - excluded.due > :slack THEN r.due
        ELSE greatest(r.due + :gap, excluded.due) END
RETURNING early
"""
"""One clock for both columns: that of the row which could not be inserted."""
_REST = """
INSERT INTO rung_rates AS r VALUES (:key, extract(epoch FROM clock_timestamp()) + :mine, :mine)
ON CONFLICT (key) DO UPDATE SET
    early = CASE WHEN :over THEN :mine ELSE greatest(:mine, r.due + :mine - excluded.due) END,
    due = CASE WHEN :over THEN excluded.due ELSE greatest(r.due, excluded.due) END
RETURNING early
"""


class LockedError(StoreError):
    """Another process holds the log: it may be written later."""


class TrafficStore:
    """Requests and feedback. Safe to use from several threads; several processes may open it."""

    def __init__(self, url: str, redactor: Redactor | None = None) -> None:
        self.redactor = redactor
        self._has_rates = False
        parsed = make_url(url)
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        self.place = parsed.render_as_string(hide_password=True)
        """The URL without its password."""
        with self._translated("opened"):
            self._engine = _engine(parsed)
            self._prepare()

    def add(self, records: Sequence[TrafficRecord]) -> None:
        """Keep requests, redacted, all or none. Raises `StoreError`, also for a known id."""
        rows = [self._row(record) for record in records]
        if rows:
            with self._writing() as connection:
                connection.execute(insert(requests), rows)

    def add_feedback(self, given: Feedback) -> None:
        """Keep one judgement, redacted. `UserError` where its request is not in the log."""
        if self.redactor is not None:
            corrected, note = self.redactor.redact((given.corrected, given.note))[0]
            given = given.model_copy(update={"corrected": corrected, "note": note})
        try:
            with self._writing() as connection:
                connection.execute(insert(feedback), [storable(feedback_row(given))])
        except _Unknown:
            raise UserError(
                f"request {given.request_id!r} is not in the log: it was never answered here, not "
                "kept, or has been deleted"
            ) from None

    @property
    def is_shared(self) -> bool:
        """Whether servers on several machines can keep it together."""
        return self._engine.dialect.name == "postgresql"

    def take(self, key: str, gap_s: float, slack_s: float) -> float:
        """0 where one more request of `key` is within its rate over all servers, else the seconds
        to wait: `serve.limits.Rate`, by the database's clock, in one statement."""
        return self._shared(_TAKE, {"key": key, "gap": gap_s, "slack": slack_s})

    def rest(self, key: str, mine_s: float, over: bool) -> float:
        """Seconds that something is left alone yet, by the longest that any server says.

        `mine_s` is what this one says, 0 where nothing; `over` ends what the others said.
        """
        return self._shared(_REST, {"key": key, "mine": mine_s, "over": over})

    def _shared(self, statement: str, values: dict[str, object]) -> float:
        with self._translated("asked"):
            if not self._has_rates:  # made here: who shares nothing needs no right to make a table
                with self._engine.begin() as connection:
                    connection.execute(sql("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
                    rates.create(connection, checkfirst=True)
                self._has_rates = True
            with self._engine.connect() as connection:
                once = connection.execution_options(isolation_level="AUTOCOMMIT")
                return float(once.execute(sql(statement), values).scalar_one())

    def get(self, request_id: str) -> TrafficRecord | None:
        """The request of that id."""
        with self._reading() as connection:
            row = connection.execute(
                select(requests).where(requests.c.id == storable(request_id))
            ).mappings()
            record = row.first()
        return request_of(record) if record else None

    def records(
        self, query: Query | None = None, *, newest_first: bool = False
    ) -> Iterator[TrafficRecord]:
        """Matching requests in the order they were kept, read in pages."""
        for page in self._pages(query or Query(), newest_first):
            yield from map(request_of, page)

    def judged(
        self, query: Query | None = None, *, newest_first: bool = False, before: int | None = None
    ) -> Iterator[Judged]:
        """Matching requests, each with its newest feedback; only those kept before that place."""
        for page in self._pages(query or Query(), newest_first, before):
            newest = self.newest_feedback([row["id"] for row in page])
            for row in page:
                yield Judged(request_of(row), newest.get(row["id"]))

    def place_of(self, request_id: str) -> int | None:
        """Where a request stands in the order they were kept."""
        with self._reading() as connection:
            wanted = select(requests.c.seq).where(requests.c.id == storable(request_id))
            return connection.scalar(wanted)

    def neighbour(self, query: Query, place: int | None, *, older: bool) -> str | None:
        """Id of the matching request next to a place; from no place, the newest (or oldest)."""
        seq = requests.c.seq
        wanted = select(requests.c.id).where(*_conditions(query)).limit(1)
        if place is not None:
            wanted = wanted.where(seq < place if older else seq > place)
        with self._reading() as connection:
            return connection.scalar(wanted.order_by(seq.desc() if older else seq))

    def held(self, request_ids: Sequence[str]) -> set[str]:
        """Those of the ids that are in the log."""
        held: set[str] = set()
        with self._reading() as connection:
            for at in range(0, len(request_ids), PAGE):
                some = requests.c.id.in_(storable(list(request_ids[at : at + PAGE])))
                held.update(connection.scalars(select(requests.c.id).where(some)))
        return held

    def sample(self, size: int, seed: int, query: Query | None = None) -> list[TrafficRecord]:
        """`size` matching requests drawn at random (all, where there are fewer), oldest first."""
        with self._reading() as connection:
            records = connection.scalars(
                select(requests.c.seq)
                .where(*_conditions(query or Query()))
                .order_by(requests.c.seq)
            ).all()
            drawn = sorted(random.Random(seed).sample(list(records), min(size, len(records))))
            rows: list[RowMapping] = []
            for at in range(0, len(drawn), PAGE):
                chosen = requests.c.seq.in_(drawn[at : at + PAGE])
                rows += connection.execute(
                    select(requests).where(chosen).order_by(requests.c.seq)
                ).mappings()
        return [request_of(row) for row in rows]

    def count(self, query: Query | None = None) -> int:
        """How many requests match."""
        with self._reading() as connection:
            wanted = select(func.count()).select_from(requests)
            return connection.scalar(wanted.where(*_conditions(query or Query()))) or 0

    def feedback(self, request_id: str | None = None) -> list[Feedback]:
        """Every judgement of one request, or of all, oldest first."""
        wanted = select(feedback).order_by(feedback.c.seq)
        if request_id is not None:
            wanted = wanted.where(feedback.c.request_id == request_id)
        with self._reading() as connection:
            return [feedback_of(row) for row in connection.execute(wanted).mappings()]

    def newest_feedback(self, request_ids: Sequence[str]) -> dict[str, Feedback]:
        """The newest judgement of each of these requests that has one."""
        corrections: list[Feedback] = []
        with self._reading() as connection:
            for at in range(0, len(request_ids), PAGE):
                own = feedback.c.request_id.in_(request_ids[at : at + PAGE])
                wanted = select(feedback).where(own, _is_newest())
                corrections += map(feedback_of, connection.execute(wanted).mappings())
        return {each.request_id: each for each in corrections}

    def forget(self, before: datetime) -> int:
        """Delete requests older than that, with their feedback; returns how many."""
        old = select(requests.c.seq).where(requests.c.at < micros(before)).limit(PAGE)
        gone = 0
        while True:
            with self._writing() as connection:
                seqs = connection.scalars(old).all()
                connection.execute(delete(requests).where(requests.c.seq.in_(seqs)))
            gone += len(seqs)
            if len(seqs) < PAGE:
                return gone

    def erase(self, request_id: str) -> bool:
        """Delete one request with its feedback; False where it is not there."""
        with self._writing() as connection:
            return (
                connection.execute(delete(requests).where(requests.c.id == request_id)).rowcount > 0
            )

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def _row(self, record: TrafficRecord) -> dict[str, Any]:
        """A record as it is stored: redacted, and without what databases refuse."""
        row = request_row(record)
        contents = {name: row[name] for name in _CONTENTS}
        answer = contents["answer"] or {}
        # A model's name may hold an address, which is nobody's secret and no content.
        names = {name: answer.pop(name) for name in _MODELS if name in answer}
        if self.redactor is not None:
            contents, kinds = self.redactor.redact(contents)
            row["redacted"] = kinds or None
        if contents["answer"]:
            contents["answer"] = {**contents["answer"], **names}
        contents["candidate"], contents["key_name"] = row["candidate"], row["key_name"]
        return {**row, **storable(contents)}

    def _pages(
        self, query: Query, newest_first: bool, before: int | None = None
    ) -> Iterator[list[RowMapping]]:
        seq = requests.c.seq
        wanted = select(requests).where(*_conditions(query)).limit(PAGE)
        if before is not None:
            wanted = wanted.where(seq < before)
        wanted = wanted.order_by(seq.desc() if newest_first else seq)
        last: int | None = None
        while True:
            beyond = wanted
            if last is not None:
                beyond = wanted.where(seq < last if newest_first else seq > last)
            with self._reading() as connection:
                page = list(connection.execute(beyond).mappings())
            if page:
                yield page
                last = page[-1]["seq"]
            if len(page) < PAGE:
                return

    def _prepare(self) -> None:
        with self._engine.begin() as connection:
            # Several workers open a new log at once: one of them makes the tables.
            if self._engine.dialect.name == "postgresql":
                connection.execute(sql("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
            else:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            metadata.create_all(connection)
            version = connection.scalar(select(about.c.format))
            if version is None:
                connection.execute(insert(about), [{"format": FORMAT}])
            elif version != FORMAT:
                raise StoreError(
                    f"the log at {self.place} has format {version}, this Rung writes {FORMAT}: "
                    "serve with --log and another place, or use the Rung that made it"
                )

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._translated("read"), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._translated("written"), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        """Database errors as one sentence; what was to be stored is never part of it."""
        try:
            yield
        except IntegrityError as error:
            if "foreign" in str(error.orig).lower():
                raise _Unknown from None
            raise StoreError(f"the log at {self.place} holds that id already") from None
        except (TypeError, ValueError) as error:  # of a column: JSON, a number, a time
            said_of = type(error).__name__
            raise StoreError(
                f"the log at {self.place} holds a row that cannot be read ({said_of}): {CURE}"
            ) from None
        except OperationalError as error:
            held = "locked" in str(error.orig) or "busy" in str(error.orig)
            kind = LockedError if held else StoreError
            raise kind(
                f"the log at {self.place} could not be {what} ({error.orig}): "
                "check the place, its permissions and free space"
            ) from None
        except (SQLAlchemyError, OSError) as error:
            lines = str(getattr(error, "orig", None) or error).strip().splitlines()
            raise StoreError(
                f"the log at {self.place} could not be {what} ({lines[0] if lines else error}): "
                "check the place, its permissions and free space"
            ) from None


class _Unknown(StoreError):
    """Feedback on a request that is not there."""


_CONTENTS = ("input", "messages", "answer", "error")
_MODELS = ("model", "by_call")


def _conditions(query: Query) -> list[ColumnElement[bool]]:
    columns = requests.c
    conditions: list[ColumnElement[bool]] = []
    if query.since is not None:
        conditions.append(columns.at >= micros(query.since))
    if query.until is not None:
        conditions.append(columns.at < micros(query.until))
    if query.candidate is not None:
        conditions.append(columns.candidate == query.candidate)
    if query.solver is not None:
        conditions.append(columns.solver == query.solver)
    if query.answered is not None:
        conditions.append(columns.error.is_(None) if query.answered else columns.error.is_not(None))
    if query.valid is not None:
        conditions.append(columns.valid.is_(query.valid))
    own = select(feedback.c.seq).where(feedback.c.request_id == columns.id)
    if query.reviewed is not None:
        conditions.append(own.exists() if query.reviewed else ~own.exists())
    if query.verdicts:
        conditions.append(own.where(feedback.c.verdict.in_(query.verdicts), _is_newest()).exists())
    return conditions


def _is_newest() -> ColumnElement[bool]:
    later = feedback.alias("later")
    newest = select(func.max(later.c.seq)).where(later.c.request_id == feedback.c.request_id)
    return feedback.c.seq == newest.scalar_subquery()


def _engine(url: Any) -> Engine:
    # Errors must not show what was to be stored.
    if url.get_backend_name() != "sqlite":
        return create_engine(
            url, hide_parameters=True, pool_pre_ping=True, connect_args={"connect_timeout": 10}
        )
    path = Path(url.database or "")
    path.parent.mkdir(parents=True, exist_ok=True)
    # Made here, so that nobody else can read it from its first byte on.
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": WAIT_S})

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _: Any) -> None:
        for setting in (
            "journal_mode=WAL",
            "synchronous=NORMAL",
            "foreign_keys=ON",
            "secure_delete=ON",
        ):
            connection.execute(f"PRAGMA {setting}").close()

    return engine
