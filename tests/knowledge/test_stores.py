"""What every store of the shelf promises."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, nullcontext
from pathlib import Path

import numpy as np
import pytest

import qdrants
from postgres import emptied, new_database
from rung.errors import SourceError, UserError
from rung.knowledge.lexical import searched_text
from rung.knowledge.stores import STORES, Store, postgres
from rung.models.base import Vectors
from rung.records import Passage
from rung.task.types import KnowledgeSettings
from scripted import ScriptedEmbedder

TEXTS = ("Birches are white.", "Oaks grow slowly.", "A battery lasts for five hundred charges.")
METAS = (
    {"tenant": "north", "language": "en", "date": "2026-01-05", "readers": ["staff", "guests"]},
    {"tenant": "south", "language": "en", "date": "2026-03-01", "readers": ["staff"]},
    {"tenant": "south", "language": "de", "floor": 2},
)
PASSAGES = tuple(
    Passage(document_id=f"d{n}", title="Trees" if n < 2 else "Bikes", text=text, start=n, meta=meta)
    for n, (text, meta) in enumerate(zip(TEXTS, METAS, strict=True))
)
SERVERS = {
    "pgvector": "postgresql://nobody:secret@127.0.0.1:1/nothing",
    "qdrant": "http://nobody:secret@127.0.0.1:1",
}
"""Those that are asked over a wire, each with an address where nobody answers."""
HERE = "qdrant, local mode"


async def vectors(passages: tuple[Passage, ...] = PASSAGES) -> Vectors:
    return await ScriptedEmbedder().embed([searched_text(p) for p in passages])


@pytest.fixture(scope="module")
def database(postgres: str) -> str:
    """One for all: a database takes seconds to make and to write to disk."""
    return new_database(postgres)


@pytest.fixture(
    params=[
        pytest.param(name, marks=[pytest.mark.slow] if name == "pgvector" else [])
        for name in (*STORES, HERE)
    ]
)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Store]]:
    """A store, on an empty server of its own where it needs one."""
    monkeypatch.delenv("RUNG_KNOWLEDGE_URL", raising=False)
    with ExitStack() as stack:
        if request.param == "pgvector":
            url = request.getfixturevalue("database")
            emptied(url)
            monkeypatch.setenv("RUNG_KNOWLEDGE_URL", url)
        elif request.param == "qdrant":
            monkeypatch.setenv("RUNG_KNOWLEDGE_URL", stack.enter_context(qdrants.started()))
        elif request.param == HERE:
            pytest.importorskip("qdrant_client", reason="qdrant-client is not installed")
        yield STORES[request.param.partition(",")[0]]
    for engine in postgres._engines.values():  # the server waits for its clients before it ends
        engine.dispose()


@pytest.fixture
def server(kind: type[Store]) -> type[Store]:
    if "RUNG_KNOWLEDGE_URL" not in os.environ:
        pytest.skip("nothing of it is shared or away")
    return kind


def test_a_task_may_name_every_store_of_the_shelf() -> None:
    schema = KnowledgeSettings.model_json_schema()
    assert set(schema["properties"]["store"]["enum"]) == set(STORES)


async def test_it_finds_by_words_and_by_vector(kind: type[Store]) -> None:
    rows = await vectors()
    store = await kind.build(PASSAGES, rows, words=True)
    assert store.passages == PASSAGES and len(store) == 3
    assert [place for place, _ in await store.by_words("how slowly do oaks grow?", 3)] == [1]
    assert [place for place, _ in await store.by_words("trees", 3)] == [0, 1], "titles are read"
    for place in range(len(PASSAGES)):
        ranking = await store.by_vector(rows[place], 2)
        assert len(ranking) == 2 and ranking[0][0] == place
        assert ranking[0][1] == pytest.approx(1.0, abs=1e-3) and ranking[0][1] >= ranking[1][1]
    assert await store.read([2, 0]) == (PASSAGES[2], PASSAGES[0])


async def test_it_ranks_as_the_embedded_one(kind: type[Store]) -> None:
    """Exactly by meaning; by words, the same passages, and the same one first."""
    draw = np.random.default_rng(0)
    lexicon = [f"word{n}" for n in range(60)]
    many = tuple(
        Passage(document_id=f"d{n}", text=" ".join(draw.choice(lexicon, 12)), start=n)
        for n in range(400)
    )
    rows = draw.normal(size=(400, 32)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    store = await kind.build(many, rows, words=True)
    plain = await STORES["embedded"].build(many, rows, words=True)
    for n in range(0, 400, 40):
        ranking, expected = await store.by_vector(rows[n], 10), await plain.by_vector(rows[n], 10)
        assert [p for p, _ in ranking] == [p for p, _ in expected]
        assert [s for _, s in ranking] == pytest.approx([s for _, s in expected], abs=1e-5)
        found, words = await store.by_words(many[n].text, 400), f"{lexicon[n % 60]}"
        assert found[0][0] == n == (await plain.by_words(many[n].text, 1))[0][0]
        assert {p for p, _ in await store.by_words(words, 400)} == {
            p for p, _ in await plain.by_words(words, 400)
        }


@pytest.mark.parametrize(
    ("where", "meant"),
    [
        ({"tenant": "south"}, {1, 2}),
        ({"tenant": "south", "language": "en"}, {1}),
        ({"language": ["de", "fr"]}, {2}),
        ({"readers": "guests"}, {0}),
        ({"readers": ["guests", "staff"]}, {0, 1}),
        ({"date": {"from": "2026-01-05", "to": "2026-02-01"}}, {0}),
        ({"date": {"from": "2026-02-01"}}, {1}),
        ({"floor": {"to": 2}}, {2}),
        ({"floor": 2}, {2}),
        ({"floor": "2"}, set()),
        ({"floor": {"from": "1"}}, set()),
        ({"unknown": "x"}, set()),
        ({"tenant": []}, set()),
        ({"tenant": "' OR true --", "x') OR (true": 1}, set()),
    ],
)
async def test_it_finds_only_what_is_meant(
    kind: type[Store], where: dict[str, object], meant: set[int]
) -> None:
    rows = await vectors()
    store = await kind.build(PASSAGES, rows, words=True)
    assert {p for p, _ in await store.by_vector(rows[0], 3, where)} == meant
    assert {p for p, _ in await store.by_words("birches oaks battery", 3, where)} == meant


async def test_nothing_is_found_where_nothing_is(kind: type[Store]) -> None:
    empty = await kind.build((), np.zeros((0, 0), dtype=np.float32), words=True)
    assert empty.passages == () and await empty.by_words("oaks", 3) == []
    whole = await kind.build(PASSAGES, await vectors(), words=True)
    assert await whole.by_words("zebra", 3) == [] and await whole.by_words("oaks", 0) == []
    assert await whole.by_vector((await vectors())[0], 0) == []


async def test_saved_and_opened_it_finds_the_same(kind: type[Store]) -> None:
    rows = await vectors()
    store = await kind.build(PASSAGES, rows, words=True)
    opened = kind.opened(store.files(), words=True)
    assert opened.files() == store.files() and len(opened) == 3
    for query in ("oaks", "white trees", "charges"):
        assert await opened.by_words(query, 3) == await store.by_words(query, 3)
    assert await opened.by_vector(rows[2], 3) == await store.by_vector(rows[2], 3)
    assert await opened.read([1]) == (PASSAGES[1],)
    assert opened.passages == PASSAGES


async def test_what_is_no_saved_store_is_refused(kind: type[Store]) -> None:
    files = (await kind.build(PASSAGES, await vectors(), words=True)).files()
    for name in files:
        with pytest.raises((ValueError, KeyError)):
            kind.opened({**files, name: b"\x80 nothing"}, words=True)
    with pytest.raises((ValueError, KeyError)):
        kind.opened({}, words=True)


@pytest.mark.parametrize("words_only", [False, True])
async def test_documents_change_and_the_old_store_answers_as_before(
    kind: type[Store], words_only: bool
) -> None:
    old_rows = None if words_only else await vectors()
    old = await kind.build(PASSAGES, old_rows, words=True)
    old = kind.opened(old.files(), words=True)
    oaks = PASSAGES[1].model_copy(update={"text": "Oaks grow fast."})
    moved = PASSAGES[2].model_copy(update={"meta": {"tenant": "north"}})
    added = Passage(document_id="d3", title="Boats", text="A canoe floats.")
    now = (oaks, moved, added)  # one deleted, one worded anew, one of another tenant, one new
    rows = None if words_only else await vectors(now)
    new = await kind.build(now, rows, words=True, after=old)
    assert sorted(p.text for p in new.passages) == sorted(p.text for p in now)

    async def texts(store: Store, query: str, **where: str) -> set[str]:
        return {
            p.text for p in await store.read([n for n, _ in await store.by_words(query, 9, where)])
        }

    for store in (new, kind.opened(new.files(), words=True)):
        assert await texts(store, "oaks canoe birches") == {oaks.text, added.text}
        assert await texts(store, "battery", tenant="south") == set()
        assert await texts(store, "battery", tenant="north") == {moved.text}
    assert await texts(old, "oaks canoe birches") == {PASSAGES[0].text, PASSAGES[1].text}
    assert await texts(old, "battery", tenant="south") == {PASSAGES[2].text}
    if rows is not None and old_rows is not None:
        for place, passage in enumerate(now):
            ((found, score),) = await new.by_vector(rows[place], 1)
            assert new.passages[found] == passage and score == pytest.approx(1.0, abs=1e-3)
        assert (await old.by_vector(old_rows[0], 1))[0][0] == 0
    again = await kind.build(PASSAGES, old_rows, words=True, after=new)  # and back
    assert sorted(p.text for p in again.passages) == sorted(TEXTS)


async def test_a_second_change_of_the_same_store_is_no_part_of_the_first(kind: type[Store]) -> None:
    old = await kind.build(PASSAGES, await vectors(), words=True)
    one, two = PASSAGES[:2], PASSAGES[1:]
    first = await kind.build(one, await vectors(one), words=True, after=old)
    second = await kind.build(two, await vectors(two), words=True, after=old)
    assert set(first.passages) == set(one) and set(second.passages) == set(two)
    assert len(await first.by_words("birches battery", 3)) == 1
    assert len(await second.by_words("birches battery", 3)) == 1


async def test_several_writers_at_once_write_one_collection(server: type[Store]) -> None:
    rows = await vectors()
    made: list[Store] = []

    def build() -> None:
        made.append(asyncio.run(server.build(PASSAGES, rows, words=True)))

    threads = [threading.Thread(target=build) for _ in range(4)]
    for thread in threads:
        thread.start()
    await asyncio.to_thread(lambda: [thread.join() for thread in threads])
    assert len(made) == 4 and len({str(store.files()) for store in made}) == 1
    for store in made:
        assert len(await store.by_vector(rows[0], 9)) == 3
        assert len(await store.by_words("oaks", 9)) == 1


KILLED = """
import asyncio, sys, time
sys.path[:0] = {path!r}
from rung.knowledge.stores import STORES
from knowledge.test_stores import PASSAGES, vectors
import {module} as module

write = module._row

def slowly(passage):
    print("writing", flush=True)
    time.sleep(0.5 if passage is PASSAGES[0] else 60)
    return write(passage)

module._row = slowly
module.PART = 1
asyncio.run(STORES[{name!r}].build(PASSAGES, asyncio.run(vectors()), words=True))
"""


@pytest.mark.lengthy
async def test_a_killed_build_leaves_nothing_that_is_found(server: type[Store]) -> None:
    name = next(name for name, one in STORES.items() if one is server)
    tests = str(Path(__file__).parent.parent)
    code = KILLED.format(path=[tests], name=name, module=server.__module__)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        for _ in range(2):
            assert child.stdout.readline() == b"writing\n"
        child.kill()
    rows = await vectors()
    store = await server.build(PASSAGES, rows, words=True)
    assert await store.read([0, 1, 2]) == PASSAGES
    assert (
        len(await store.by_vector(rows[0], 9)) == 3 and len(await store.by_words("trees", 9)) == 2
    )


async def test_a_server_that_is_away_is_no_answer_and_tells_no_secret(
    server: type[Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = await vectors()
    files = (await server.build(PASSAGES, rows, words=True)).files()
    name = next(name for name, one in STORES.items() if one is server)
    monkeypatch.setenv("RUNG_KNOWLEDGE_URL", SERVERS[name])
    opened = server.opened(files, words=True)
    for asked in (opened.by_words("oaks", 1), opened.by_vector(rows[0], 1), opened.read([0])):
        with pytest.raises(SourceError, match=r"cannot be reached .* nothing was scored") as raised:
            await asked
        assert raised.value.outage and not raised.value.final and "secret" not in str(raised.value)
    with pytest.raises(SourceError):
        await server.build(PASSAGES, rows, words=True)
    for url in ("", "nonsense", "mysql://user:secret@host/x"):
        monkeypatch.setenv("RUNG_KNOWLEDGE_URL", url)
        with pytest.raises(UserError, match="RUNG_KNOWLEDGE_URL") as refused:
            await server.opened(files, words=True).by_words("oaks", 1)
        assert "secret" not in str(refused.value)


async def test_another_server_that_never_held_it_is_no_answer(
    server: type[Store], monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    rows = await vectors()
    files = (await server.build(PASSAGES, rows, words=True)).files()
    if server is STORES["pgvector"]:
        empty = nullcontext(new_database(request.getfixturevalue("postgres")))
    else:
        empty = qdrants.started()
    with empty as url:
        monkeypatch.setenv("RUNG_KNOWLEDGE_URL", url)
        with pytest.raises(SourceError, match="no longer holds this collection"):
            await server.opened(files, words=True).by_vector(rows[0], 1)


async def test_it_gives_documents_whole(kind: type[Store]) -> None:
    """Also after a version that put its passages in another order, read from the store alone."""
    parts = tuple(
        Passage(document_id=name, title="T", text=f"{name} part {n}", start=100 - n)
        for n in range(3)
        for name in ("a", "b")
    )
    first = await kind.build(parts[:4], await vectors(parts[:4]), words=True)
    later = await kind.build(parts, await vectors(parts), words=True, after=first)
    opened = kind.opened(later.files(), words=True)
    for store in (later, opened):
        found = await store.of_documents(["b", "nobody"])
        assert [p.text for p in found["b"]] == ["b part 2", "b part 1", "b part 0"]
        assert found["nobody"] == [] and "a" not in found
    assert len((await first.of_documents(["b"]))["b"]) == 2
