"""Connections to the PostgreSQL of `RUNG_KNOWLEDGE_URL`, and what its errors mean."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rung.errors import MissingExtraError, SourceError, UserError
from rung.knowledge.stores.addresses import URL, store_url
from rung.knowledge.stores.base import Where

if TYPE_CHECKING:
    from psycopg import Connection
    from sqlalchemy.engine import Engine

CONNECT_S = 10
_TABLES = """
SELECT pg_advisory_xact_lock(hashtextextended('rung_collections', 0));
CREATE EXTENSION IF NOT EXISTS vector;
CREATE TABLE IF NOT EXISTS rung_collections (
    name text PRIMARY KEY, shelf text NOT NULL, version int NOT NULL, about jsonb NOT NULL,
    made timestamptz NOT NULL DEFAULT now(), UNIQUE (shelf, version)
);
"""


@contextmanager
def connected(first: str = "") -> Iterator[Connection[Any]]:
    """A connection of the pool in one transaction, `first` executed in it.

    Raises `SourceError` where the database is away, or lacks what a saved solver names;
    `UserError` where the address or the database is not fit for it.
    """
    try:
        import pgvector  # noqa: F401
        import psycopg
        from sqlalchemy.exc import SQLAlchemyError
    except ImportError:
        raise MissingExtraError("the store 'pgvector'", "pgvector") from None
    url = store_url("pgvector", "postgresql://host/database")
    place = _place(url)
    try:
        pooled = _engine(url).raw_connection()
        try:
            connection: Any = pooled.driver_connection
            with connection.transaction():
                if first:
                    connection.execute(first)
                yield connection
        finally:
            pooled.close()
    except psycopg.errors.QueryCanceled:
        raise SourceError(f"the store at {place} did not answer a search in time") from None
    except psycopg.errors.UndefinedTable:
        raise SourceError(
            f"the store at {place} no longer holds this collection: climb again, which writes it "
            "and asks nothing twice",
            outage=True,
        ) from None
    except (psycopg.OperationalError, SQLAlchemyError) as error:
        raise SourceError(
            f"the store at {place} cannot be reached ({_first_line(error)}): start it, or correct "
            f"{URL}; nothing was scored",
            outage=True,
        ) from None
    except psycopg.Error as error:
        raise UserError(
            f"the store at {place} cannot be used ({_first_line(error)}): it needs PostgreSQL with "
            "pgvector 0.8 and a user who may create tables"
        ) from None


_engines: dict[str, Engine] = {}
"""By address."""
_opening = threading.Lock()


def _engine(url: str) -> Engine:
    with _opening:
        return _engines.setdefault(url, _engines.get(url) or _opened(url))


def _opened(url: str) -> Engine:
    """A broken connection is noticed before it is used, and replaced."""
    from pgvector.psycopg import register_vector
    from sqlalchemy import create_engine, event
    from sqlalchemy.engine import make_url

    engine = create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        pool_pre_ping=True,
        connect_args={"connect_timeout": CONNECT_S, "application_name": "rung"},
    )

    @event.listens_for(engine, "connect")
    def ready(connection: Connection[Any], _: object) -> None:
        with connection.transaction():
            connection.execute(_TABLES)
        register_vector(connection)
        connection.commit()

    return engine


def _place(url: str) -> str:
    """Host and database: never the user or the password."""
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    try:
        parts = conninfo_to_dict(url)
    except psycopg.Error:
        raise UserError(
            f"{URL} is no address of PostgreSQL: set it, such as postgresql://host/database"
        ) from None
    port = f":{parts['port']}" if parts.get("port") else ""
    return f"{parts.get('host', 'localhost')}{port}/{parts.get('dbname', '')}"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def condition(where: Where) -> tuple[str, dict[str, Any]]:
    """`where` as SQL, and its values. As `rung.knowledge.stores.base.matches`."""
    from psycopg.types.json import Jsonb

    text = ""
    values: dict[str, Any] = {}
    for n, (name, wanted) in enumerate(where.items()):
        values[f"f{n}"] = name
        field = f"(meta -> %(f{n})s)"
        if not isinstance(wanted, dict):
            each = wanted if isinstance(wanted, list) else [wanted]
            values |= {f"v{n}_{m}": Jsonb(one) for m, one in enumerate(each)}
            fits = [f"{field} @> %(v{n}_{m})s" for m in range(len(each))]
            text += f" AND ({' OR '.join(fits) or 'false'})"
            continue
        ends = {end: wanted[end] for end in ("from", "to") if wanted.get(end) is not None}
        values |= {f"{end}{n}": Jsonb(value) for end, value in ends.items()}
        signs = {"from": ">=", "to": "<="}
        tests = [
            f"jsonb_typeof(one) = jsonb_typeof(%({end}{n})s) AND one {signs[end]} %({end}{n})s"
            for end in ends
        ]
        each_of = (
            f"CASE jsonb_typeof({field}) WHEN 'array' THEN {field} "
            f"ELSE jsonb_build_array({field}) END"
        )
        text += (
            f" AND EXISTS (SELECT 1 FROM jsonb_array_elements({each_of}) AS one "
            f"WHERE {' AND '.join(tests) or 'true'})"
        )
    return text, values
