"""Gold passages for probes, and citations of answers."""

import pytest

from rung.knowledge.chunking import chunk
from rung.knowledge.citations import cite
from rung.knowledge.gold import gold_passages
from rung.records import Passage
from rung.task.types import Document, Example

DOCUMENTS = [
    Document(id="a", text="The tower is tall. It opened in 1889. Gustave Eiffel built it there."),
    Document(id="b", text="Nothing to see in 1889 either."),
]


def example(*context_ids: str) -> Example:
    return Example(id="x", input="q", expected="e", context_ids=context_ids)


def test_gold_documents_with_the_answer_first() -> None:
    passages = chunk(DOCUMENTS, 20)
    found = gold_passages(example("a"), DOCUMENTS, passages, ["Gustave Eiffel"])
    assert found[0].text.startswith("Gustave Eiffel")
    assert {p.document_id for p in found} == {"a"}
    assert set(found) == {p for p in passages if p.document_id == "a"}


def test_an_answer_cut_by_a_border_finds_both_halves() -> None:
    passages = chunk(DOCUMENTS[:1], 10)
    found = gold_passages(example(), DOCUMENTS, passages, ["gustave EIFFEL!"])
    assert [p.text for p in found] == ["Gustave", "Eiffel"]


def test_without_gold_every_passage_that_contains_the_answer() -> None:
    passages = chunk(DOCUMENTS, 80)
    assert [p.document_id for p in gold_passages(example(), DOCUMENTS, passages, ["1889"])] == [
        "a",
        "b",
    ]
    assert gold_passages(example(), DOCUMENTS, passages, ["188"]) == ()
    assert gold_passages(example(), DOCUMENTS, passages, [""]) == ()
    assert gold_passages(example("gone"), DOCUMENTS, passages, ["1889"]) == ()


PASSAGES = tuple(
    Passage(document_id=str(i), text=text)
    for i, text in enumerate(
        [
            "Refunds are paid within 14 days of the parcel's return.",
            "The Denver Broncos won the game. No one else did.",
            "Shoes that were worn outside are not taken back by the store.",
        ]
    )
)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Within 14 days [1].", (0,)),
        ("See [3] and [1, 2] and [3].", (2, 0, 1)),
        ("See [1-3].", (0, 1, 2)),
        ("See 【2】, [^1], [Passage 3] and [Sources].", (1, 0, 2)),
        ("Denver Broncos [9]", (1,)),
        ("the DENVER broncos.", (1,)),
        ("Denver Bronco", ()),
        ("4", ()),
        ("14", (0,)),
        ("no", ()),
        ("", ()),
        ("Worn shoes are not taken back after they were outside.", (2,)),
        ("The store sells umbrellas, rain coats, boots and other wet weather gear.", ()),
    ],
)
def test_citations(answer: str, expected: tuple[int, ...]) -> None:
    assert cite(answer, PASSAGES) == expected


def test_nothing_given_nothing_cited() -> None:
    assert cite("Denver Broncos [1]", ()) == ()


def test_a_marker_on_a_passage_that_says_nothing_of_it_does_not_count() -> None:
    passages = [
        Passage(document_id="a", text="Parcels leave at noon."),
        Passage(document_id="b", text="Refunds take 14 days."),
    ]
    assert cite("Within 14 days [1].", passages) == ()
    assert cite("14 days [1].", passages) == (1,)
    assert cite("Within 14 days [1, 2].", passages) == (1,)
    assert cite("Binnen zweier Wochen [1].", passages) == (0,)
    assert cite("Yes [1].", passages) == (0,)
