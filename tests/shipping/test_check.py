"""`rung check`: the served winner against its target, and against what this folder makes of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

import rung
from rung.cli.app import app
from rung.climbing.ledger import LEDGER_FILE
from rung.climbing.tools import ClimbOptions
from rung.errors import UserError
from rung.loop.shipping.check import check
from rung.models.base import ChatRequest
from scripted import ScriptedModel

from .test_shipping import (
    MODEL,
    PLAIN,
    code,
    folder,  # noqa: F401 - a fixture
    options,
    right,
    shares,
)

ACTION = Path(__file__).parents[2] / "action.yml"


def instructed(own: int, other: int) -> ScriptedModel:
    """Right on `own` percent as the task is worded, on `other` percent with the word "please"."""

    def answer(request: ChatRequest) -> str:
        please = any("please" in m.content for m in request.messages)
        return right(other if please else own)(request)

    return ScriptedModel(answer, MODEL)


def change(folder: Path, old: str, new: str) -> None:  # noqa: F811
    text = (folder / "rung.toml").read_text()
    assert old in text
    (folder / "rung.toml").write_text(text.replace(old, new))


def served(folder: Path, own: int = 60, other: int = 60) -> ClimbOptions:  # noqa: F811
    opts = options(instructed(own, other), PLAIN)
    assert rung.climb(folder, opts).verdict.status == "sufficient"
    return opts


def test_nothing_changed_and_the_test_split_is_left_alone(folder: Path) -> None:  # noqa: F811
    opts = served(folder)
    before = (folder / LEDGER_FILE).read_text()
    done = check(folder, opts)
    assert (done.passes, done.change, done.code) == ("passes", "same", 0)
    assert done.n >= 30 and done.score is not None and done.low is not None
    assert (folder / LEDGER_FILE).read_text() == before


@pytest.mark.parametrize(("other", "outcome", "exits"), [(95, "better", 0), (10, "worse", 3)])
def test_another_instruction_is_compared_paired(
    folder: Path,  # noqa: F811
    other: int,
    outcome: str,
    exits: int,
) -> None:
    opts = served(folder, 60, other)
    change(folder, "Give the code of the part.", "Give the code of the part, please.")
    done = check(folder, opts)
    assert (done.change, done.code) == (outcome, exits) and done.compared >= 30


def test_a_winner_that_fell_below_its_target_fails(folder: Path) -> None:  # noqa: F811
    opts = served(folder)
    change(folder, "score = 0.3", "score = 0.9")
    done = check(folder, opts)
    assert done.passes == "fails" and done.code == 3


def test_without_a_winner_it_says_so(folder: Path) -> None:  # noqa: F811
    with pytest.raises(UserError, match="looks at what is served"):
        check(folder, options(shares(1, 1), PLAIN))
    shown = CliRunner().invoke(app, ["check", str(folder), "--format", "xml"])
    assert isinstance(shown.exception, UserError)


def test_the_action_runs_its_own_script(folder: Path, tmp_path: Path) -> None:  # noqa: F811
    """Every input, output and step that is named is there, and the script ends as it says."""
    action = yaml.safe_load(ACTION.read_text())
    text = ACTION.read_text()
    assert set(re.findall(r"inputs\.([\w-]+)", text)) == set(action["inputs"])
    steps = {step.get("id") or step.get("name", step.get("uses")): step
             for step in action["runs"]["steps"]}  # fmt: skip
    out, summary = tmp_path / "out", tmp_path / "summary"
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "DIR": str(folder), "BUDGET": "1", "MARGIN": "0.05", "COMMENT": str(tmp_path / "c.md"),
        "GITHUB_OUTPUT": str(out), "GITHUB_STEP_SUMMARY": str(summary),
    }  # fmt: skip
    subprocess.run(["bash", "-e", "-c", steps["check"]["run"]], env=environment, check=True)
    assert out.read_text() == "code=2\n" and "looks at what is served" in summary.read_text()
    for exits, undecided, ends in (("4", "pass", 0), ("4", "fail", 4), ("3", "pass", 3)):
        result = subprocess.run(
            ["bash", "-e", "-c", steps["Result"]["run"]],
            env={**environment, "CODE": exits, "UNDECIDED": undecided},
            check=False,
        )
        assert result.returncode == ends


def test_markdown_is_a_comment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    opts = served(folder)
    done = check(folder, opts)
    monkeypatch.setattr("rung.loop.shipping.check.check", lambda *_, **__: done)
    shown = CliRunner().invoke(app, ["check", str(folder), "--format", "markdown"])
    assert shown.exit_code == 0 and shown.output.startswith("### ✅")
    assert "nothing that it is asked with has changed" in shown.output
    shown = CliRunner().invoke(app, ["check", str(folder), "--format", "json"])
    assert json.loads(shown.output)["passes"] == "passes" and code(1) not in shown.output
