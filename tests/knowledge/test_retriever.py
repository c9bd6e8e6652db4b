"""The retriever: three searches, and a saved one that answers like the one that was measured."""

from pathlib import Path

import numpy as np
import pytest

from rung.candidate import Candidate, Context
from rung.errors import StoreError, UserError
from rung.knowledge.retriever import Retriever
from rung.models.metered import Metered
from rung.task.types import Document
from scripted import ScriptedEmbedder

DOCUMENTS = [
    Document(id="refunds", title="Refunds", text="Money comes back within 14 days.\n\n" * 3),
    Document(id="shipping", title="Shipping", text="Parcels leave at noon. Customs may wait."),
    Document(id="jobs", title="Jobs", text="We hire in spring."),
]
THINGS = ("лампа", "куртка", "часы")
SEARCHES = ("lexical", "dense", "hybrid")


def context(search: str, chunk_chars: int = 60) -> Context:
    return Context(kind="retrieved", search=search, chunk_chars=chunk_chars)


@pytest.mark.parametrize("search", SEARCHES)
async def test_finds_the_passage_and_fills_scores(search: str) -> None:
    retriever = await Retriever.build(DOCUMENTS, context(search), ScriptedEmbedder())
    found = await retriever.search("When do parcels leave?", 2)
    assert found[0].document_id == "shipping" and found[0].title == "Shipping"
    assert found[0].score > 0
    assert [p.score for p in found] == sorted((p.score for p in found), reverse=True)
    assert found == await retriever.search("When do parcels leave?", 2)
    assert await retriever.search("parcels", 0) == ()


async def test_the_title_is_searched_too() -> None:
    retriever = await Retriever.build(DOCUMENTS, context("lexical"), None)
    assert (await retriever.search("refund", 1))[0].document_id == "refunds"


@pytest.mark.parametrize("search", SEARCHES)
async def test_equal_passages_come_in_document_order(search: str) -> None:
    twins = [Document(id=name, text="the same words") for name in "abc"]
    retriever = await Retriever.build(twins, context(search), ScriptedEmbedder())
    assert [p.document_id for p in await retriever.search("same words", 3)] == ["a", "b", "c"]


@pytest.mark.parametrize("search", SEARCHES)
async def test_no_documents_no_passages(search: str) -> None:
    retriever = await Retriever.build([], context(search), ScriptedEmbedder())
    assert await retriever.search("anything", 3) == ()


@pytest.mark.parametrize("search", SEARCHES)
async def test_a_loaded_retriever_answers_the_same(search: str, tmp_path: Path) -> None:
    embedder = ScriptedEmbedder()
    built = await Retriever.build(DOCUMENTS, context(search), embedder)
    built.save(tmp_path / "index")
    asked = len(embedder.texts)
    loaded = Retriever.load(tmp_path / "index", embedder)
    assert len(embedder.texts) == asked, "loading embeds nothing"
    assert loaded.passages == built.passages and loaded.context == built.context
    for query in ("money back", "customs", "spring", "?"):
        assert await loaded.search(query, 3) == await built.search(query, 3)


async def test_lexical_never_asks_the_embedder() -> None:
    embedder = ScriptedEmbedder()
    await (await Retriever.build(DOCUMENTS, context("lexical"), embedder)).search("noon", 1)
    assert embedder.texts == []


async def test_dense_without_an_embedder_says_so(tmp_path: Path) -> None:
    for search in ("dense", "hybrid"):
        with pytest.raises(UserError, match=f"{search} search needs an embedder"):
            await Retriever.build(DOCUMENTS, context(search), None)
    (await Retriever.build(DOCUMENTS, context("dense"), ScriptedEmbedder())).save(tmp_path)
    with pytest.raises(UserError, match="needs an embedder"):
        Retriever.load(tmp_path, None)
    with pytest.raises(UserError, match="'scripted/embedder:256', not with 'other:256'"):
        Retriever.load(tmp_path, ScriptedEmbedder("other"))


@pytest.mark.parametrize("name", ["passages.jsonl", "vectors.npy", "retriever.json"])
async def test_a_changed_or_missing_file_is_noticed(name: str, tmp_path: Path) -> None:
    embedder = ScriptedEmbedder()
    (await Retriever.build(DOCUMENTS, context("hybrid"), embedder)).save(tmp_path)
    file = tmp_path / name
    file.write_bytes(file.read_bytes()[:-20] + b"x" * 20)
    with pytest.raises(StoreError, match=r"changed after it was saved|cannot be read"):
        Retriever.load(tmp_path, embedder)
    file.unlink()
    with pytest.raises(StoreError, match="cannot be read"):
        Retriever.load(tmp_path, embedder)


async def test_pickled_vectors_are_refused(tmp_path: Path) -> None:
    import hashlib
    import json

    embedder = ScriptedEmbedder()
    (await Retriever.build(DOCUMENTS, context("dense"), embedder)).save(tmp_path)
    np.save(tmp_path / "vectors.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    manifest = json.loads((tmp_path / "retriever.json").read_text())
    manifest["sha256"]["vectors.npy"] = hashlib.sha256(
        (tmp_path / "vectors.npy").read_bytes()
    ).hexdigest()
    (tmp_path / "retriever.json").write_text(json.dumps(manifest))
    with pytest.raises(StoreError, match="cannot be read"):
        Retriever.load(tmp_path, embedder)


class Reads(ScriptedEmbedder):
    """Knows how much of a query it cannot read."""

    def unread(self, texts: list[str]) -> float:
        return float("лампа" in texts[0])


async def test_words_alone_lead_where_the_embedder_cannot_read_the_query() -> None:
    documents = [Document(id=name, text=f"{name} гарантия {n}") for n, name in enumerate(THINGS)]
    retrievers = {
        search: await Retriever.build(documents, context(search), Metered(Reads()))
        for search in ("lexical", "hybrid")
    }
    ids = {
        search: [p.document_id for p in await retriever.search("какая гарантия: лампа", 3)]
        for search, retriever in retrievers.items()
    }
    assert ids["hybrid"][0] == ids["lexical"][0] == "лампа"
    found = await retrievers["hybrid"].search("какая гарантия: лампа", 9)
    words = await retrievers["lexical"].search("какая гарантия: лампа", 9)
    assert [p.score for p in found[: len(words)]] == [p.score / words[0].score for p in words]


@pytest.mark.parametrize("weight", [0.0, 1.0])
async def test_a_weight_at_either_end_is_one_search_alone(weight: float) -> None:
    hybrid = context("hybrid").model_copy(update={"word_weight": weight})
    both = await Retriever.build(DOCUMENTS, hybrid, ScriptedEmbedder())
    alone = context("lexical" if weight else "dense")
    one = await Retriever.build(DOCUMENTS, alone, ScriptedEmbedder())
    query = "When do parcels leave?"
    first = (await one.search(query, 1))[0]
    assert (await both.search(query, 1))[0].document_id == first.document_id
    assert Candidate(model="m", context=context("hybrid")).digest != (
        Candidate(model="m", context=hybrid).digest
    )
