"""What is refused before any model is asked, each in one sentence."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from rung.cli.app import USER_ERROR
from rung.climbing.journal import Journal
from rung.task.load import load_task

from .test_mistakes import LABELS, Terminal, jsonl, rows, terminal, toml, write

__all__ = ["terminal"]  # a fixture


@pytest.mark.parametrize("command", ["plan", "audit"])
def test_gold_that_its_own_scorer_refuses_is_told_before_a_climb(
    command: str, tmp_path: Path, terminal: Terminal
) -> None:
    short = toml().replace(f"labels = {json.dumps(LABELS)}", "text = { max_words = 3 }")
    long = {"input": "item 90", "expected": "more words than may be"}
    write(tmp_path, **{"rung.toml": short, "examples.jsonl": jsonl([*rows(), long])})
    said = terminal(command, tmp_path)
    assert said.code == USER_ERROR and "Traceback" not in said.err
    assert "rung: 1 of 91 gold answers do not score full marks under 'token_f1'" in said.err
    assert "5 words, at most 3 are allowed; correct the examples" in said.err


def test_a_model_without_its_provider_is_told_so_before_its_price(
    tmp_path: Path, terminal: Terminal
) -> None:
    write(tmp_path, **{"rung.toml": toml(model="gpt-4.1-mini").partition("[costs]")[0]})
    said = terminal("plan", tmp_path)
    assert said.code == USER_ERROR
    assert said.err.startswith("rung: no provider knows the model 'gpt-4.1-mini'; known: local/")
    assert "openai/<model>" in said.err


def test_a_second_climb_of_the_folder_is_refused(tmp_path: Path, terminal: Terminal) -> None:
    write(tmp_path)
    with Journal(load_task(tmp_path), tmp_path / ".rung"):
        said = terminal("climb", tmp_path)
    assert said.code == USER_ERROR
    assert said.err.startswith(f"rung: this folder is being climbed already (process {os.getpid()}")
