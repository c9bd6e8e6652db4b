"""Winners that an earlier Rung saved (commit 300c3fc, 21 November 2026) are opened, or refused in
one sentence."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from climbing.tasks import EMBEDDER, MODEL, reading
from rung.errors import StoreError, UserError
from rung.models.metered import Metered
from rung.project import EVIDENCE_FILE
from rung.solver import Solver, load
from scripted import ScriptedEmbedder, ScriptedModel

FORMER = Path(__file__).with_name("former_winners")
KINDS = sorted(path.stem for path in FORMER.glob("*.json"))
OTHERWISE = {"rag": "of format 1, and word search of its documents finds other passages since"}
"""Those that would answer otherwise now, and what is said of them."""


def opened(folder: Path, chat: ScriptedModel) -> Solver:
    return load(folder, lambda _: chat, lambda _: Metered(ScriptedEmbedder(EMBEDDER)))


@pytest.mark.parametrize(("name", "why"), OTHERWISE.items())
def test_one_that_would_answer_otherwise_is_refused(name: str, why: str) -> None:
    with pytest.raises(UserError, match=why) as refused:
        opened(FORMER / name, ScriptedModel(reading, MODEL))
    assert str(refused.value).count("\n") == 0 and "climb again" in str(refused.value)


@pytest.mark.parametrize("name", sorted(set(KINDS) - set(OTHERWISE)))
def test_a_former_winner_answers_as_it_did(name: str) -> None:
    chat, known = ScriptedModel(reading, MODEL), json.loads((FORMER / f"{name}.json").read_text())
    solver = opened(FORMER / name, chat)
    answer = solver.ask(known["question"])
    assert (answer.value, answer.valid) == (known["answer"], True)
    asked = [[m.role, m.content] for request in chat.requests for m in request.messages]
    assert asked == known["messages"], "the object measured is the object shipped"
    assert json.loads((FORMER / name / EVIDENCE_FILE).read_text()) == {"kept": name}


@pytest.mark.parametrize("name", KINDS)
def test_one_of_a_form_that_is_not_known_is_refused_in_one_sentence(
    name: str, tmp_path: Path
) -> None:
    shutil.copytree(FORMER / name, tmp_path / "winner")
    manifest = tmp_path / "winner" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"format": 1', '"format": 99'))
    with pytest.raises(StoreError) as refused:
        opened(tmp_path / "winner", ScriptedModel(reading, MODEL))
    sentence = str(refused.value)
    assert "written by a newer Rung" in sentence and "format 99" in sentence
    assert sentence.count("\n") == 0 and ". " not in sentence.removesuffix(".")
