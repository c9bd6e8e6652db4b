"""A scorer is one file and one line: `[target] metric` names it, and a climb is judged by it."""

from __future__ import annotations

from pathlib import Path

import pytest

from climbing.tasks import fact_task
from rung.errors import UserError
from rung.scorers import scorer_for, shelf
from rung.scorers.base import Score, TextScorer, marks
from rung.task.types import Target

from .rungs import climbed, searching


class SameEnd(TextScorer):
    """The last character is right."""

    name = "same_end"
    version = "1"

    def texts(self, gold: str, said: str) -> Score:
        return marks(float(gold[-1] == said[-1]))


def test_a_climb_is_judged_by_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shelf, "SHELF", (*shelf.SHELF, SameEnd))
    task = fact_task(target=Target(metric="same_end", score=0.8))
    (row,) = climbed(tmp_path, searching(), task=task).values()
    assert row.state == "pass"


def test_without_its_line_it_is_unknown() -> None:
    with pytest.raises(UserError, match="unknown metric 'same_end'"):
        scorer_for(fact_task(target=Target(metric="same_end", score=0.8)))
