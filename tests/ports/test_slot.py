"""A slot of behaviour is one file and one line: fitted, asked with, saved and opened."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from climbing.tasks import MODEL, fact_task, reading
from rung.behaviour.base import Ask, Fitted, Fitting, Slot
from rung.behaviour.shelf import SLOTS
from rung.candidate import Candidate
from rung.solver import load
from scripted import ScriptedModel

from .rungs import climbed, searching


class Vocabulary(Slot):
    """Names the longest answer of train in every contract."""

    part = "vocabulary"

    @staticmethod
    def filled(candidate: Candidate) -> bool:
        return candidate.uses_llm

    @classmethod
    async def fit(cls, candidate: Candidate, fitting: Fitting) -> Fitted:
        return Fitted(held=max((str(e.expected) for e in fitting.task.train), key=len))

    async def apply(self, ask: Ask) -> Ask:
        return replace(ask, contract=f"{ask.contract} Such as {self.held}.")

    def save(self, folder: Path) -> None:
        (folder / "vocabulary.json").write_text(json.dumps(self.held))

    @classmethod
    def load(cls, folder: Path) -> Any:
        return json.loads((folder / "vocabulary.json").read_text())


def test_a_climb_asks_with_it_and_its_winner_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(SLOTS, "vocabulary", Vocabulary)
    chat = ScriptedModel(reading, MODEL)
    (row,) = climbed(tmp_path, searching(), model=chat, everything=False).values()
    assert row.state == "pass"
    longest = max((str(e.expected) for e in fact_task().train), key=len)
    said = f"Such as {longest}."
    assert all(said in r.messages[0].content for r in chat.requests)
    served = ScriptedModel(reading, MODEL)
    opened = load(tmp_path / "winner", lambda _: served, lambda _: None)  # type: ignore[arg-type, return-value]
    assert opened.ask("What is the code of part 42?").value == "code-1554"
    assert said in served.requests[0].messages[0].content
