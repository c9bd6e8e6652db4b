"""The two tables, the same in SQLite and PostgreSQL, and rows to records and back.

Scalars that people filter by are columns, the rest is JSON. Times are microseconds since 1970
(UTC), because SQLite keeps no zones.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ValidationError
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.engine import RowMapping

from rung.errors import StoreError
from rung.records import Answer
from rung.state import refused
from rung.traffic.records import Feedback, TrafficRecord

rates = Table(
    "rung_rates",
    MetaData(),
    Column("key", Text, primary_key=True),
    Column("due", Float, nullable=False),
    Column("early", Float, nullable=False),
    prefixes=["UNLOGGED"],
)
"""In PostgreSQL alone: when a key's next request is on schedule, how early its last one came (s).
Not written ahead: where the database crashes, everybody has a burst once more."""
FORMAT = 1
"""Raised whenever a table changes; a log of another format is refused, never guessed at."""
CURE = "delete that row, which is lost, or name another log with --log"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

metadata = MetaData()
_json = JSON(none_as_null=True)
_number = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts INTEGER keys only

about = Table("rung_log", metadata, Column("format", Integer, primary_key=True))

requests = Table(
    "rung_requests",
    metadata,
    Column("seq", _number, primary_key=True, autoincrement=True),
    Column("id", String(80), nullable=False, unique=True),
    Column("at", BigInteger, nullable=False, index=True),
    Column("candidate", Text, nullable=False),
    Column("solver", String(64), nullable=False),
    Column("status", Integer, nullable=False),
    Column("valid", Boolean),
    Column("confidence", Float),
    Column("cost_usd", Float),
    Column("latency_s", Float, nullable=False),
    Column("key_name", Text),
    Column("share", Float, nullable=False),
    Column("error", Text),
    Column("input", _json, nullable=False),
    Column("answer", _json),
    Column("messages", _json),
    Column("redacted", _json),
)

feedback = Table(
    "rung_feedback",
    metadata,
    Column("seq", _number, primary_key=True, autoincrement=True),
    Column("id", String(80), nullable=False, unique=True),
    Column("request_id", String(80), ForeignKey(requests.c.id, ondelete="CASCADE"), nullable=False),
    Column("verdict", String(16), nullable=False),
    Column("corrected", _json),
    Column("note", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("source", String(16), nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("rung_feedback_of", "request_id", "seq"),
)


def micros(at: datetime) -> int:
    """Microseconds since 1970, exact."""
    return (at - EPOCH) // timedelta(microseconds=1)


def moment(stamp: int) -> datetime:
    """The inverse of `micros`."""
    return EPOCH + timedelta(microseconds=stamp)


def request_row(record: TrafficRecord) -> dict[str, Any]:
    """A record as a row."""
    plain = record.model_dump(mode="json")
    answer = record.answer
    return {
        **plain,
        "at": micros(record.at),
        "valid": answer.valid if answer else None,
        "confidence": answer.confidence if answer else None,
        "messages": plain["messages"] or None,
        "redacted": plain["redacted"] or None,
    }


def request_of(row: RowMapping) -> TrafficRecord:
    """A row as a record."""
    plain = {name: row[name] for name in TrafficRecord.model_fields}
    with _readable("request", row):
        plain["at"] = moment(row["at"])
        plain["messages"] = tuple(row["messages"] or ())
        plain["redacted"] = row["redacted"] or {}
        plain["answer"] = Answer.model_validate(row["answer"]) if row["answer"] else None
        return TrafficRecord.model_validate(plain)


def feedback_row(given: Feedback) -> dict[str, Any]:
    """Feedback as a row."""
    return {**given.model_dump(mode="json"), "at": micros(given.at)}


def feedback_of(row: RowMapping) -> Feedback:
    """A row as feedback."""
    plain = {name: row[name] for name in Feedback.model_fields}
    with _readable("feedback", row):
        return Feedback.model_validate({**plain, "at": moment(row["at"])})


@contextmanager
def _readable(kind: str, row: RowMapping) -> Iterator[None]:
    """`StoreError` for a row of another form, without what it holds."""
    what = f"the {kind} {str(row['id'])[:80]!r} in the log"
    try:
        yield
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False, include_context=False)
        raise refused(faults, what, CURE) from None
    except (TypeError, ValueError, OverflowError) as error:
        raise StoreError(f"{what} cannot be read ({type(error).__name__}): {CURE}") from None
