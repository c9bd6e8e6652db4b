"""How quick the report and the pages are with 5,000 examples and 8 candidates: `python …/pages.py`.

The run is invented by `tests/report/synthetic.py`; only its size and form are real. Needs Chromium.
"""

from __future__ import annotations

import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path.insert(0, str(TESTS))

from playwright.sync_api import sync_playwright  # noqa: E402
from starlette.testclient import TestClient  # noqa: E402

from report.synthetic import SHAPES, attempt, make_run, make_task, write_run  # noqa: E402
from rung.report.html import write_report  # noqa: E402
from rung.ui.app import create_app  # noqa: E402
from rung.ui.site import Site  # noqa: E402
from ui.conftest import write_task  # noqa: E402

EXAMPLES, CANDIDATES, TIMES = 5000, 8, 5
QUERIES = (
    "",
    "?page=200",
    "?outcome=differs",
    "?text=refund",
    "?text=no+such+words",
    "?split=test",
)


def main() -> None:
    """Build, time, print."""
    task = make_task(n_dev=40, n_test=EXAMPLES)
    draw = random.Random(1)
    result, _ = make_run(make_task())
    attempts = [
        attempt(c, "test", e, chance, draw)
        for c, _, chance in SHAPES[:CANDIDATES]
        for e in task.test
    ]
    with tempfile.TemporaryDirectory() as nowhere:
        folder = Path(nowhere) / "big"
        write_task(folder, task)
        run = write_run(folder / ".rung" / "runs" / "r", result, attempts)
        took, path = timed(lambda: write_report(run, task))
        print(f"report written: {took:.2f} s, {path.stat().st_size / 1e6:.1f} MB")
        print(f"report opened in Chromium, table filled: {opened(path):.2f} s")
        client = TestClient(create_app(Site([folder])), base_url="http://127.0.0.1")
        address = "/p/big/runs/r/examples"
        first, _ = timed(lambda: client.get(address))
        print(f"first page of the table, run read from disk: {first:.2f} s")
        slowest, query = max((page(client, address + q), q) for q in QUERIES)
        print(f"slowest page of the table ({query}), median of {TIMES}: {slowest * 1000:.0f} ms")
        print(f"page of the run: {timed(lambda: client.get('/p/big/runs/r'))[0]:.2f} s")


def page(client: TestClient, address: str) -> float:
    """Seconds of one page, the median of some tries."""
    return statistics.median(timed(lambda: client.get(address))[0] for _ in range(TIMES))


def timed(do: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what came of it."""
    started = time.perf_counter()
    found = do()
    return time.perf_counter() - started, found


def opened(path: Path) -> float:
    """Seconds until the first rows stand in the table."""
    with sync_playwright() as control:
        chromium = shutil.which("chromium")
        browser = control.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        took, _ = timed(lambda: (page.goto(path.as_uri()), page.wait_for_selector("#rows tr.row")))
        browser.close()
    return took


if __name__ == "__main__":
    main()
