"""A store is one file and one line: passages lie there, and the winner is saved with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import pytest

from climbing.tasks import MODEL, reading
from rung.knowledge.stores import EVERYTHING, STORES, Store, Where
from rung.models.base import Vectors
from rung.records import Passage
from rung.solver import load
from scripted import ScriptedModel

from .rungs import climbed, searching


class Shelves(Store):
    """Passages by the words that they share with a question, counted."""

    def __init__(self, passages: tuple[Passage, ...]) -> None:
        self.passages = passages

    @classmethod
    async def build(
        cls,
        passages: tuple[Passage, ...],
        vectors: Vectors | None,
        *,
        words: bool,
        after: Self | None = None,
    ) -> Self:
        return cls(passages)

    async def by_words(
        self, query: str, k: int, where: Where = EVERYTHING
    ) -> list[tuple[int, float]]:
        def shared(passage: Passage) -> int:
            return len(
                set(query.strip("?").split()) & set(passage.title.split() + passage.text.split())
            )

        scored = [(place, float(shared(p))) for place, p in enumerate(self.passages)]
        return sorted(scored, key=lambda found: (-found[1], found[0]))[:k]

    async def by_vector(
        self, vector: Vectors, k: int, where: Where = EVERYTHING
    ) -> list[tuple[int, float]]:
        return []

    def files(self) -> dict[str, bytes]:
        return {"shelves.json": json.dumps([p.model_dump() for p in self.passages]).encode()}

    @classmethod
    def opened(cls, files: Mapping[str, bytes], *, words: bool) -> Self:
        return cls(tuple(map(Passage.model_validate, json.loads(files["shelves.json"]))))


def test_a_climb_reads_from_it_and_its_winner_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(STORES, "shelves", Shelves)
    candidate = searching(store="shelves")
    (row,) = climbed(tmp_path, candidate, everything=False).values()
    assert row.state == "pass"
    assert (tmp_path / "winner" / "retriever" / "shelves.json").exists()
    chat = ScriptedModel(reading, MODEL)
    opened = load(tmp_path / "winner", lambda _: chat, lambda _: None)  # type: ignore[arg-type, return-value]
    answer = opened.ask("What is the code of part 42?")
    assert answer.value == "code-1554" and answer.passages[0].document_id == "part-42.md"


def test_a_name_that_is_not_on_the_shelf_is_said(tmp_path: Path) -> None:
    (row,) = climbed(tmp_path, searching(store="nowhere")).values()
    assert row.state == "skipped" and "store 'nowhere' is unknown; known are embedded" in row.reason
