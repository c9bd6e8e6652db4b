"""A reranker is one file and one line: the climb retrieves through it, and the winner keeps it."""

from __future__ import annotations

from pathlib import Path

import pytest

from climbing.tasks import MODEL, reading
from rung.candidate import Context
from rung.errors import UserError
from rung.knowledge.stages import STAGES, Hunt
from rung.knowledge.stores import Store
from rung.models.base import Embedder
from rung.solver import Solver, load
from scripted import ScriptedModel

from .rungs import climbed, searching


class Backwards:
    """Puts the worst first."""

    def __init__(self, context: Context, embedder: Embedder | None) -> None:
        pass

    async def run(self, hunt: Hunt, store: Store) -> Hunt:
        (ranking,) = hunt.rankings
        return hunt._replace(rankings=(ranking[::-1],))


def test_a_climb_retrieves_through_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(STAGES, "backwards", Backwards)
    plain, backwards = searching(), searching(rerank="backwards")
    rows = climbed(tmp_path, plain, backwards)
    right, wrong = rows[plain.key].test, rows[backwards.key].test
    assert right is not None and right.value == 1.0
    assert wrong is None or wrong.value == 0.0
    assert rows[backwards.key].state in ("hopeless", "drop")


def test_a_name_that_is_not_on_the_shelf_is_said(tmp_path: Path) -> None:
    (row,) = climbed(tmp_path, searching(rerank="nobody")).values()
    assert row.state == "skipped" and "'nobody' is unknown; known are words" in row.reason


def test_a_winner_keeps_it_and_is_not_opened_without(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class AsItIs(Backwards):
        async def run(self, hunt: Hunt, store: Store) -> Hunt:
            return hunt

    def opened() -> Solver:
        chat = ScriptedModel(reading, MODEL)
        return load(tmp_path / "winner", lambda _: chat, lambda _: None)  # type: ignore[arg-type, return-value]

    monkeypatch.setitem(STAGES, "as-it-is", AsItIs)
    climbed(tmp_path, searching(rerank="as-it-is"), everything=False)
    assert opened().ask("What is the code of part 42?").value == "code-1554"
    monkeypatch.delitem(STAGES, "as-it-is")
    with pytest.raises(UserError, match="'as-it-is' is unknown"):
        opened()
