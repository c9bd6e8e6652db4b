"""`kill -9` at any moment of a climb on the embedded model loses nothing and repeats nothing."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from rung.models.fetch import model_folder

from .rooms import write_task

KILLS = 20
KEY = 65
"""Bytes of a line of the log of answered calls."""
PRELOADED = [
    "rung.cli.app",
    "rung.climbing.run",
    "rung.report.html",
    "torch",
    "transformers.activations",
    "sklearn.linear_model",
]
LOCAL = "local/smollm2-135m-instruct"
needs_model = pytest.mark.skipif(
    model_folder(LOCAL) is None, reason=f"{LOCAL} is not on this machine: run `rung models fetch`"
)


def climb(folder: Path) -> None:
    """One climb in this process, which writes down every call that was answered and kept."""
    from rung.cli.app import main
    from rung.measure.cache import Cache

    put, log = Cache.put, os.open(folder / "asked.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def noted(self: Any, key: str, model: str, reply: Any) -> None:
        put(self, key, model, reply)
        os.write(log, f"{key}\n".encode())  # a second one would show

    Cache.put = noted  # type: ignore[method-assign]
    screen = os.open(folder / "screen.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(screen, 1)
    os.dup2(screen, 2)
    only = [word for name in ("no-llm", "prompting", "rag") for word in ("--only", name)]
    sys.argv = ["rung", "climb", str(folder), *only, "--exhaustive"]
    main()


def start(folder: Path) -> Any:
    """A process of its own for one climb; what a climb imports was imported before it began."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    climbing = context.Process(target=climb, args=(folder,))
    climbing.start()
    return climbing


def ended(climbing: Any) -> bool:
    """Whether it came to a verdict; a climb may end well in three ways."""
    climbing.join()
    return climbing.exitcode in (0, 3, 4)


def answered(climbing: Any, folder: Path, calls: int) -> bool:
    """Waits for so many answers more; False where the climb ended well before."""
    log = folder / "asked.log"
    size = KEY * calls + (log.stat().st_size if log.exists() else 0)
    while not log.exists() or log.stat().st_size < size:
        climbing.join(0.02)
        if climbing.exitcode is not None:
            assert ended(climbing)
            return False
    return True


def kept_calls(folder: Path) -> set[str]:
    path = folder / ".rung" / "cache.sqlite"
    if not path.exists():
        return set()
    with sqlite3.connect(path, timeout=30) as cache:
        tables = cache.execute("SELECT name FROM sqlite_master WHERE name = 'calls'").fetchall()
        return {k for (k,) in cache.execute("SELECT key FROM calls")} if tables else set()


def attempts(folder: Path) -> dict[tuple[str, str, str], tuple[Any, ...]]:
    """What was answered, by candidate, split and example; fails on a doubled line."""
    (run,) = (folder / ".rung" / "runs").iterdir()
    found: dict[tuple[str, str, str], tuple[Any, ...]] = {}
    for line in (run / "attempts.jsonl").read_text().splitlines():
        a = json.loads(line)
        key = (a["candidate"], a["split"], a["example_id"])
        assert key not in found, f"{key} stands twice"
        answer = a["answer"]
        found[key] = (answer["text"], a["score"], [p["text"] for p in answer["passages"]])
    return found


def finish(folder: Path, undisturbed: Path) -> None:
    """What a climb that was killed and run again must come to."""
    assert attempts(folder) == attempts(undisturbed)
    assert kept_calls(folder) == kept_calls(undisturbed)
    asked = (folder / "asked.log").read_text().split()
    assert len(asked) == len(set(asked)), "an answered call was made again"
    verdicts = [
        json.loads(next((f / ".rung/runs").glob("*/run.json")).read_text())["verdict"]
        for f in (folder, undisturbed)
    ]
    assert verdicts[0]["status"] == verdicts[1]["status"]


@pytest.mark.slow
@pytest.mark.timeout(1500)  # twenty climbs, beside other tests
@needs_model
def test_twenty_kills(tmp_path: Path) -> None:
    undisturbed = tmp_path / "undisturbed"
    undisturbed.mkdir()
    write_task(undisturbed)
    assert ended(start(undisturbed)), (undisturbed / "screen.txt").read_text()
    assert len(attempts(undisturbed)) > 60 and len(kept_calls(undisturbed)) > 40

    dice = random.Random(20)
    folder, kills, effective = tmp_path / "killed", 0, 0
    while kills < KILLS:
        if not folder.exists():
            folder.mkdir()
            write_task(folder)
        before = kept_calls(folder)
        climbing = start(folder)
        if answered(climbing, folder, dice.randint(0, 8)):
            time.sleep(dice.uniform(0, 1))  # into what comes next
            climbing.kill()
            climbing.join()
            kills += 1
            after = kept_calls(folder)
            assert before <= after, "an answered call was lost"
            effective += before != after
        else:
            finish(folder, undisturbed)  # it was done before the kill: begin anew
            shutil.rmtree(folder)
    if folder.exists():
        assert ended(start(folder))
        finish(folder, undisturbed)
    assert effective >= KILLS // 2
