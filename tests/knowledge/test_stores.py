"""What every store of the shelf promises."""

from __future__ import annotations

import numpy as np
import pytest

from rung.knowledge.lexical import searched_text
from rung.knowledge.stores import STORES, Store
from rung.models.base import Vectors
from rung.records import Passage
from scripted import ScriptedEmbedder

TEXTS = ("Birches are white.", "Oaks grow slowly.", "A battery lasts for five hundred charges.")
PASSAGES = tuple(
    Passage(document_id=f"d{n}", title="Trees" if n < 2 else "Bikes", text=text, start=n)
    for n, text in enumerate(TEXTS)
)


async def vectors() -> Vectors:
    return await ScriptedEmbedder().embed([searched_text(p) for p in PASSAGES])


@pytest.fixture(params=STORES)
def kind(request: pytest.FixtureRequest) -> type[Store]:
    return STORES[request.param]


async def test_it_finds_by_words_and_by_vector(kind: type[Store]) -> None:
    rows = await vectors()
    store = await kind.build(PASSAGES, rows, words=True)
    assert store.passages == PASSAGES
    assert [place for place, _ in await store.by_words("how slowly do oaks grow?", 3)] == [1]
    assert [place for place, _ in await store.by_words("trees", 3)] == [0, 1], "titles are read"
    for place in range(len(PASSAGES)):
        ranking = await store.by_vector(rows[place], 2)
        assert len(ranking) == 2 and ranking[0][0] == place
        assert ranking[0][1] == pytest.approx(1.0, abs=1e-3) and ranking[0][1] >= ranking[1][1]


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
    assert opened.passages == PASSAGES and opened.files() == store.files()
    for query in ("oaks", "white trees", "charges"):
        assert await opened.by_words(query, 3) == await store.by_words(query, 3)
    assert await opened.by_vector(rows[2], 3) == await store.by_vector(rows[2], 3)


async def test_what_is_no_saved_store_is_refused(kind: type[Store]) -> None:
    files = (await kind.build(PASSAGES, await vectors(), words=True)).files()
    for name in files:
        with pytest.raises((ValueError, KeyError)):
            kind.opened({**files, name: b"\x80 nothing"}, words=True)
    with pytest.raises((ValueError, KeyError)):
        kind.opened({}, words=True)
