"""Every kind of context is fitted, asked, saved and opened alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from rung.candidate import CONTEXTS as TRAITS
from rung.candidate import Candidate, Context
from rung.errors import UserError
from rung.knowledge.contexts import Knowledge, Question, knowledge_of
from rung.knowledge.contexts.shelf import CONTEXTS
from rung.knowledge.retriever import Retriever
from rung.task.types import Document

DOCUMENTS = (
    Document(id="a.md", title="Trees", text="Birches are white. Oaks grow slowly."),
    Document(id="b.md", title="Bikes", text="A battery lasts for five hundred charges."),
)


def context(kind: str) -> Context:
    return Context(kind=kind, k=1, search="lexical", tool="stock" if kind == "tool" else "")


async def fitted(kind: str) -> Knowledge:
    wanted = context(kind)

    async def index(documents: object) -> Retriever:
        return await Retriever.build(DOCUMENTS, wanted, None)

    return await knowledge_of(wanted).fit(wanted, DOCUMENTS, index)


def test_the_shelf_and_the_traits_name_the_same_kinds() -> None:
    assert set(CONTEXTS) == set(TRAITS)


@pytest.mark.parametrize("kind", CONTEXTS)
async def test_it_holds_what_it_says_it_would_cut(kind: str) -> None:
    made = await fitted(kind)
    assert made.passages == knowledge_of(made.context).cut(made.context, DOCUMENTS)
    assert bool(made.passages) == TRAITS[kind].reads
    expected = knowledge_of(made.context).expected(made.context, DOCUMENTS, 1)
    assert set(expected) <= set(made.passages)
    found = TRAITS[kind].reads and TRAITS[kind].searches
    assert len(expected) == (1 if found else len(made.passages))


@pytest.mark.parametrize("kind", CONTEXTS)
async def test_saved_and_opened_it_hands_over_the_same(kind: str, tmp_path: Path) -> None:
    made = await fitted(kind)
    made.save(tmp_path)
    whole = made.passages if TRAITS[kind].leads else ()
    opened = knowledge_of(made.context).load(made.context, tmp_path, whole, None)
    assert opened.passages == made.passages
    if TRAITS[kind].probe:
        with pytest.raises(UserError, match="is a probe"):
            await opened.find(Question("How long does a battery last?"))
        return
    if kind == "tool":
        with pytest.raises(UserError, match="asks the tool 'stock', which is not there"):
            await opened.find(Question("How long does a battery last?"))
        return
    found = await opened.find(Question("How long does a battery last?"))
    again = await made.find(Question("How long does a battery last?"))
    assert found.passages == again.passages and found.seconds >= 0
    if TRAITS[kind].searches:
        assert [p.document_id for p in found.passages] == ["b.md"]
        shown = await made.beside_shot(Question("A battery?"))
        assert [p.document_id for p in shown] == ["b.md"]
    else:
        assert found.passages == made.passages and await made.beside_shot(Question("x")) == ()


@pytest.mark.parametrize("kind", CONTEXTS)
def test_a_candidate_says_what_it_knows(kind: str) -> None:
    candidate = Candidate(model="local/m", context=context(kind))
    assert candidate.technique == TRAITS[kind].technique
    assert candidate.is_probe == TRAITS[kind].probe
    words = {"retrieved": "1 retrieved passage", "gold": "1 gold passage"}
    words["tool"] = "what stock says"
    assert knowledge_of(candidate.context).words(candidate.context) == words.get(kind, "")
