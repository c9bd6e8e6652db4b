"""What `rung plan` forecasts against what climbs spent: `python benchmarks/forecast.py [--json]`.

Reads the runs that `benchmarks/ladder.py` keeps beside each rung.toml of `benchmarks/sets`, in
which every candidate answered everything, and plans the same tasks anew. Asks no model.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from rung.climbing.climber import Climber
from rung.climbing.observer import Observer
from rung.climbing.tools import ClimbOptions
from rung.records import Attempt
from rung.task.load import load_task

SETS = Path(__file__).parent / "sets"
GOAL = 0.25


def measured(folder: Path) -> dict[str, object] | None:
    """Answers and tokens of the newest whole run of one set, beside their forecast."""
    runs = sorted((folder / ".rung" / "runs").glob("*/run.json"), key=lambda p: p.stat().st_mtime)
    for path in reversed(runs):
        run = json.loads(path.read_text())
        if run["finished"] and run["calls"]["used"] == run["calls"]["exhaustive"]:
            return _compare(folder, path.parent, run)
    return None


def _compare(folder: Path, run_folder: Path, run: dict[str, object]) -> dict[str, object]:
    task = load_task(folder)

    async def plan() -> dict[str, int]:
        climber = Climber(task, ClimbOptions(), Observer())
        try:
            rungs = await climber.plan()
            return {r.candidate.key: r.usage.input_tokens + r.usage.output_tokens for r in rungs}
        finally:
            await climber.tools.aclose()

    expected = asyncio.run(plan())
    answers = tokens = forecast = 0
    for line in (run_folder / "attempts.jsonl").read_text().splitlines():
        attempt = Attempt.model_validate_json(line)
        if attempt.answer is None or not attempt.answer.calls or attempt.candidate not in expected:
            continue
        answers += 1
        tokens += attempt.answer.usage.input_tokens + attempt.answer.usage.output_tokens
        forecast += expected[attempt.candidate]
    calls = run["calls"]
    assert isinstance(calls, dict)
    return {
        "set": task.name,
        "answers": answers,
        "answers_forecast": calls["exhaustive"],
        "tokens": tokens,
        "tokens_forecast": forecast,
        "off": forecast / tokens - 1 if tokens else None,
    }


def main() -> None:
    """Print the table."""
    rows = [row for folder in sorted(SETS.iterdir()) if (row := measured(folder)) is not None]
    if "--json" in sys.argv:
        print(json.dumps(rows, indent=1))
        return
    if not rows:
        print("no whole run is kept: run `python benchmarks/ladder.py` first")
        return
    print("| set | answers | forecast | tokens | forecast | off |\n|---|---|---|---|---|---|")
    for row in rows:
        off = row["off"]
        print(
            f"| {row['set']} | {row['answers']} | {row['answers_forecast']} | {row['tokens']:,} "
            f"| {row['tokens_forecast']:,} | {off:+.0%} |"
        )
    within = sum(abs(float(str(row["off"]))) <= GOAL for row in rows)
    print(f"\nwithin {GOAL:.0%}: {within} of {len(rows)} sets")


if __name__ == "__main__":
    main()
