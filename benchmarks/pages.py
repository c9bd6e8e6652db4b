"""How quick the report and the pages are with 5,000 examples and 8 candidates: `python …/pages.py`.

The run is invented by `tests/report/synthetic.py`; only its size and form are real. The pages are
asked of `rung ui` as a process of its own: "first" is the first page that a fresh process shows,
whatever it has to load and read for it. `--no-report` leaves out what needs Chromium, `--starts N`
starts that many processes for each page.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path.insert(0, str(TESTS))

import httpx  # noqa: E402

from report.synthetic import (  # noqa: E402
    SHAPES,
    attempt,
    make_diagnosis,
    make_run,
    make_task,
    write_run,
)
from rung.report.example_index import INDEX_FILE  # noqa: E402
from rung.report.html import write_report  # noqa: E402
from rung.report.index_writing import keep_index  # noqa: E402
from ui.conftest import write_task  # noqa: E402

EXAMPLES, CANDIDATES, TIMES = 5000, 8, 20
RUN = "/p/big/runs/r"
TABLE = f"{RUN}/examples"
SERVER = "from rung.cli.app import main; main()"


def main() -> None:
    """Build, time, print."""
    options = argparse.ArgumentParser()
    options.add_argument("--no-report", action="store_true")
    options.add_argument("--starts", type=int, default=3)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as nowhere:
        folder = Path(nowhere) / "big"
        run, candidate = big_run(folder)
        print(f"attempts: {(run / 'attempts.jsonl').stat().st_size / 1e6:.1f} MB")
        if not asked.no_report:
            took, path = timed(lambda: write_report(run, make_task(n_dev=40, n_test=EXAMPLES)))
            print(f"report written: {took:.2f} s, {path.stat().st_size / 1e6:.1f} MB")
            print(f"report opened in Chromium, table filled: {opened(path):.2f} s")
        took, _ = timed(lambda: keep_index(run, folder))
        print(f"index written: {took:.2f} s, {(run / INDEX_FILE).stat().st_size / 1e6:.1f} MB")
        pages(folder, candidate, asked.starts)
        without_index(folder, run, asked.starts)


def big_run(folder: Path) -> tuple[Path, str]:
    """The run, and the key of its choice."""
    task = make_task(n_dev=40, n_test=EXAMPLES)
    draw = random.Random(1)
    result, _ = make_run(make_task())
    asked = [("dev", e) for e in task.dev] + [("test", e) for e in task.test]
    attempts = [
        attempt(c, split, e, chance, draw)
        for c, _, chance in SHAPES[:CANDIDATES]
        for split, e in asked
    ]
    write_task(folder, task)
    diagnosis = make_diagnosis(task, result)
    run = write_run(folder / ".rung" / "runs" / "r", result, attempts, diagnosis)
    return run, result.verdict.choice or ""


def pages(folder: Path, candidate: str, starts: int) -> None:
    """Every kind of page of the table: first in a process, and again."""
    queries: dict[str, dict[str, str]] = {
        "no filter": {},
        "last page": {"page": "999999"},
        "cause": {"cause": "missing knowledge"},
        "candidate, right": {"candidate": candidate, "outcome": "r"},
        "candidate, wrong": {"candidate": candidate, "outcome": "w"},
        "candidates differ, last page": {"outcome": "differs", "page": "999999"},
        "text": {"text": "refund"},
        "text of a candidate's answers": {"text": "delivery", "candidate": candidate},
        "text that nothing says": {"text": "no such words"},
        "split, page 100": {"split": "test", "page": "100"},
    }
    firsts: list[float] = []
    laters: list[float] = []
    for name, query in queries.items():
        for path in (TABLE, f"{TABLE}.json"):
            address = f"{path}?{urlencode(query)}"
            first = [fresh(folder, address) for _ in range(starts)]
            later = again(folder, address)
            firsts, laters = firsts + first, laters + later
            kind = "" if path == TABLE else " as JSON"
            print(f"{name}{kind}: first {said(first)}; later {said(later)}")
    print(f"all pages of the table: first {said(firsts)}; later {said(laters)}")
    print(f"the page of the run: first {said([fresh(folder, RUN) for _ in range(starts)])}")


def without_index(folder: Path, run: Path, starts: int) -> None:
    """A run of before there were indexes: asked at once, and after the server's own start."""
    took = []
    for _ in range(starts):
        (run / INDEX_FILE).unlink()
        took.append(fresh(folder, TABLE))
    print(f"no filter, first, where no index was written yet: {said(took)}")


def said(seconds: list[float]) -> str:
    """Median and maximum, ms."""
    return f"p50 {statistics.median(seconds) * 1000:.0f} ms, max {max(seconds) * 1000:.0f} ms"


def fresh(folder: Path, address: str) -> float:
    """Seconds of the first page of a new process."""
    with server(folder) as client:
        return timed(lambda: get(client, address))[0]


def again(folder: Path, address: str) -> list[float]:
    """Seconds of the same page asked again and again."""
    with server(folder) as client:
        get(client, address)
        return [timed(lambda: get(client, address))[0] for _ in range(TIMES)]


@contextmanager
def server(folder: Path) -> Iterator[httpx.Client]:
    """`rung ui` as a process; ready when it hands out a static file."""
    command = [sys.executable, "-u", "-c", SERVER, "ui", str(folder), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        address = process.stdout.readline().split()[1]
        with httpx.Client(base_url=address, timeout=60) as client:
            get(client, "/static/ui.js")
            yield client
    finally:
        process.terminate()
        process.wait(20)


def get(client: httpx.Client, address: str) -> None:
    """A page that came."""
    answer = client.get(address)
    assert answer.status_code == 200, answer.text


def timed(do: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what came of it."""
    started = time.perf_counter()
    found = do()
    return time.perf_counter() - started, found


def opened(path: Path) -> float:
    """Seconds until the first rows stand in the table."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as control:
        chromium = shutil.which("chromium")
        browser = control.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        took, _ = timed(lambda: (page.goto(path.as_uri()), page.wait_for_selector("#rows tr.row")))
        browser.close()
    return took


if __name__ == "__main__":
    main()
