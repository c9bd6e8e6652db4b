"""How well a search finds gold passages, and which weight of words that speaks for."""

from __future__ import annotations

from pathlib import Path

from rung.candidate import Context
from rung.knowledge.finding import EVEN, Looked, best_weight, look
from rung.knowledge.retriever import Retriever
from rung.task.types import Document, Example, Models, Target, Task, TextOutput
from scripted import ScriptedEmbedder

PARTS = [f"part-{i}" for i in range(9)]


def task(root: Path, expected: str = "code {}") -> Task:
    rows = tuple(
        Example(id=str(i), input=f"Which code has {part}?", expected=expected.format(100 + i))
        for i, part in enumerate(PARTS)
    )
    return Task(
        name="codes",
        instruction="Answer.",
        output=TextOutput(),
        target=Target(metric="exact_match", score=0.8),
        models=Models(to_try=("x/y",)),
        train=rows,
        documents=tuple(
            Document(id=p, text=f"{p} has code {100 + i}.") for i, p in enumerate(PARTS)
        ),
        root=root,
    )


async def test_only_those_with_a_known_place_are_looked_at(tmp_path: Path) -> None:
    for search in ("lexical", "hybrid"):
        context = Context(kind="retrieved", search=search)  # type: ignore[arg-type]
        retriever = await Retriever.build(task(tmp_path).documents, context, ScriptedEmbedder())
        looked = await look(retriever, task(tmp_path), task(tmp_path).train)
        assert [one.rank(1.0) for one in looked] == [0] * 9
        assert [one.gold for one in looked] == [{i} for i in range(9)]
        assert all(bool(one.vectors) == (search == "hybrid") for one in looked)
        assert not await look(retriever, task(tmp_path), task(tmp_path, "nowhere {}").train)


def looked(words: list[int], vectors: list[int]) -> list[Looked]:
    """The answer at these places of each search, which agree on everything else."""

    def ranking(place: int) -> list[tuple[int, float]]:
        return [(0 if i == place else 10 + i, 1 - i / 10) for i in range(9)]

    pairs = zip(words, vectors, strict=True)
    return [Looked(frozenset({0}), ranking(w), ranking(v)) for w, v in pairs]


def test_words_lead_where_vectors_only_disturb_and_the_other_way_about() -> None:
    assert best_weight(looked([0] * 20, [8] * 20)) > EVEN
    assert best_weight(looked([8] * 20, [0] * 20)) < EVEN


def test_without_a_clear_gain_both_weigh_the_same() -> None:
    assert best_weight([]) == EVEN and best_weight(looked([0], [8])) == EVEN
    assert best_weight(looked([0] * 20, [0] * 20)) == EVEN


def test_what_is_not_found_has_no_rank() -> None:
    assert Looked(frozenset({7}), [(1, 1.0)], [(2, 1.0)]).rank(0.5) == float("inf")
