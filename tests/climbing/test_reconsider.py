"""A certified candidate's error goes to cheaper ones that stayed open, before one is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rung.candidate import Candidate, Prompt
from rung.climbing.ledger import LEDGER_FILE
from rung.climbing.rows import RunRecord
from rung.evidence.ledger import DEV
from rung.models.base import ChatRequest
from rung.records.results import RunResult
from rung.task.types import Models
from scripted import ScriptedModel

from .tasks import EMBEDDER, MODEL, climb, knowing, label_task

DEAR = "scripted/z-dear"  # after the other one in the order of the ladder
PILOT, ROWS = 40, 200
BOTH = tuple(Candidate(model=m, prompt=Prompt(max_output_tokens=8)) for m in (MODEL, DEAR))


@pytest.fixture(autouse=True)
def priced(monkeypatch: pytest.MonkeyPatch) -> None:
    def price(self: RunRecord, key: str) -> Any:
        usd = 10.0 if self.rows[key].model == MODEL else 100.0
        return self.update(key, monthly_usd=usd, cost_per_request_usd=usd / 10_000)

    monkeypatch.setattr(RunRecord, "price", price)


def climbed(root: Path, right: int, dear: int = ROWS, **how: Any) -> RunResult:
    """The cheap one is right on 33 of the pilot's 40 and on `right` of 200 test items."""
    task = label_task(
        train=0,
        dev=PILOT,
        test=ROWS,
        models=Models(to_try=(MODEL, DEAR), embedder=EMBEDDER),
        root=root,
    )

    def cheaper(number: int, _: ChatRequest) -> bool:
        return number < 33 if number < PILOT else (number - PILOT) * 61 % ROWS < right

    def dearer(number: int, _: ChatRequest) -> bool:
        return number < PILOT or (number - PILOT) * 7 % ROWS < dear

    extra = {DEAR: ScriptedModel(knowing(dearer), DEAR)}
    cheap = ScriptedModel(knowing(cheaper), MODEL)
    root.mkdir(exist_ok=True)
    return climb(task, root / ".rung", cheap, extra=extra, candidates=BOTH, **how)


def granted(folder: Path) -> list[dict[str, Any]]:
    """What the ledger has granted."""
    uses = json.loads((folder / LEDGER_FILE).read_text())["uses"]
    return [use for use in uses if use["key"] != DEV]


def test_a_cheaper_one_that_its_own_share_left_open_is_named_once_the_dearer_one_passed(
    tmp_path: Path,
) -> None:
    for right in range(168, 176):
        result = climbed(tmp_path / str(right), right)
        cheap, dear = result.candidates
        uses = granted(tmp_path / str(right))
        own, other = uses[0]["alpha"], uses[1]["alpha"] if len(uses) > 1 else 0.0
        if cheap.alpha is not None and cheap.alpha > own and cheap.state == "pass":
            break
    else:
        pytest.fail("nobody needed what the dearer one left")
    assert dear.state == "pass" and result.verdict.choice == cheap.key
    assert cheap.alpha == pytest.approx(own + other) and own + other < 0.05
    assert cheap.test is not None and cheap.test.n == ROWS
    assert cheap.test.certified is not None and cheap.test.certified >= 0.8
    assert uses[1]["heirs"] == {uses[0]["key"]: 1.0} and "heirs" not in uses[0]
    again = climbed(tmp_path / str(right), right)  # nothing is asked or spent twice
    assert again.calls.made == 0 and again.verdict == result.verdict
    assert granted(tmp_path / str(right)) == uses


def test_without_a_dearer_one_that_passes_nothing_is_inherited(tmp_path: Path) -> None:
    result = climbed(tmp_path, 168, dear=150)
    cheap, dear = result.candidates
    uses = granted(tmp_path)
    assert result.verdict.choice is None and cheap.alpha == uses[0]["alpha"]
    assert dear.alpha == uses[1]["alpha"]


def test_one_that_is_hardly_good_enough_is_not_asked_on(tmp_path: Path) -> None:
    result = climbed(tmp_path, 120)
    cheap, dear = result.candidates
    assert result.verdict.choice == dear.key and cheap.state == "drop"
    assert cheap.test is not None and cheap.test.n < ROWS
    assert cheap.chance is not None and cheap.chance < 0.5


def test_everything_and_suite_name_the_same_rows_without_asking_more(tmp_path: Path) -> None:
    whole = climbed(tmp_path / "a", 170, everything=True)
    assert [r.test.n for r in whole.candidates if r.test] == [ROWS, ROWS]
    suite = climbed(tmp_path / "b", 170, mode="suite")
    assert suite.verdict.choice == suite.candidates[0].key and suite.candidates[1].test is None
