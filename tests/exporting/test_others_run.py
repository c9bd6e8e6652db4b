"""promptfoo and Inspect themselves run what is exported for them, against a server on this machine.

`npm install -g promptfoo` (or $PROMPTFOO, its script) and `pip install inspect-ai` beside rung;
skipped with that reason where they are not there.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import rung
from rung.exchange.exporting import export
from scripted_http import Call, ScriptedServer

from .conftest import read
from .test_export import LABELS, Climbed

PROMPTFOO = os.environ.get("PROMPTFOO") or shutil.which("promptfoo")
WRONG = 3
"""Of the rows, those that the server answers wrongly."""
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def server(folder: Path) -> ScriptedServer:
    """Right but for the first `WRONG` rows of dev."""
    task = rung.load_task(folder)
    gold = {e.input_text(): str(e.expected) for e in task.dev}
    for e in task.dev[:WRONG]:
        gold[e.input_text()] = {"odd": "even", "even": "odd"}[str(e.expected)]

    def answer(call: Call) -> str:
        asked = next(text for text in gold if text in call.asked)
        return json.dumps({"answer": gold[asked]})

    return ScriptedServer(answer)


def run(command: list[str], folder: Path, **env: str) -> None:
    whole = {**os.environ, **env}
    done = subprocess.run(
        command, cwd=folder, env=whole, capture_output=True, text=True, timeout=800, check=False
    )
    # promptfoo ends with 100 where any row fails
    assert done.returncode in (0, 100), done.stdout[-3000:] + done.stderr[-3000:]


@pytest.mark.skipif(PROMPTFOO is None, reason="promptfoo is not installed")
def test_promptfoo_runs_its_export_and_finds_the_same_score(climbed: Climbed) -> None:
    folder = climbed(output=LABELS)
    target = folder / "export/promptfoo"
    export(folder, "promptfoo")
    assert PROMPTFOO is not None
    with server(folder) as there:
        config = target / "promptfooconfig.yaml"
        config.write_text(config.read_text().replace("http://localhost:1/v1", there.url))
        out = target / "out.json"
        run(
            [PROMPTFOO, "eval", "--no-cache", "-j", "4", "-o", str(out), "--no-table"],
            target,
            PROMPTFOO_PYTHON=sys.executable,
            PROMPTFOO_DISABLE_TELEMETRY="1",
            PROMPTFOO_DISABLE_UPDATE="1",
            PROMPTFOO_CONFIG_DIR=str(folder / "promptfoo"),
            PROMPTFOO_PYTHON_WORKERS="1",
            RUNG_API_KEY="none",
        )
    results: list[dict[str, Any]] = json.loads(out.read_text())["results"]["results"]
    task = rung.load_task(folder)
    wrong = {e.id for e in task.dev[:WRONG]}
    assert {r["testCase"]["vars"]["id"] for r in results} == {e.id for e in task.dev}
    assert {r["testCase"]["vars"]["id"] for r in results if not r["success"]} == wrong
    assert all(not r.get("error") or not r["success"] for r in results)
    sent = [call.body["messages"] for call in there.calls]
    tests = read(target / "tests.jsonl")
    expected = [json.loads(t["vars"]["messages"]) for t in tests]
    assert sorted(map(json.dumps, sent)) == sorted(map(json.dumps, expected))


@pytest.mark.skipif(find_spec("inspect_ai") is None, reason="inspect-ai is not installed")
def test_inspect_runs_its_export_and_finds_the_same_score(climbed: Climbed) -> None:
    folder = climbed(output=LABELS)
    target = folder / "export/inspect"
    export(folder, "inspect")
    with server(folder) as there:
        model = "openai-api/rung/reader"
        command = ["-m", "inspect_ai", "eval", "inspect_task.py", "--model", model]
        command += ["--log-format", "json", "--log-dir", "logs", "--display", "none"]
        run([sys.executable, *command], target, RUNG_BASE_URL=there.url, RUNG_API_KEY="none")
    (log,) = (target / "logs").glob("*.json")
    found = json.loads(log.read_text())
    task = rung.load_task(folder)
    assert found["status"] == "success", found.get("error")
    scores = {s["id"]: next(iter(s["scores"].values()))["value"] for s in found["samples"]}
    wrong = {e.id for e in task.dev[:WRONG]}
    assert scores == {e.id: float(e.id not in wrong) for e in task.dev}
