"""The decision benchmark runs, and its vectorised walk takes the decisions that Rung takes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_every_part_runs_and_agrees_with_the_public_face():
    paths = [str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "benchmarks/decision.py", "--json", "--replicates", "4", "--no-agentopt"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True,
        text=True,
        check=True,
    )
    reports = {report["name"]: report for report in json.loads(done.stdout)["reports"]}
    names = {"B1", "B2", "B3", "B4", "B11", "gate", "cheapest", "graded", "said", "ordinary"}
    assert set(reports) == names | {"sequences"}
    differing = [goal for goal in reports["B1"]["goals"] if "design.look differs" in goal["text"]]
    assert len(differing) == 14
    assert all(goal["value"] == 0 for goal in differing)
    assert all(row["calls"] <= 1 for row in reports["B1"]["rows"])
