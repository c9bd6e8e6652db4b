"""5,000 examples through 8 candidates: every page of the table stays quick."""

from __future__ import annotations

import random
import statistics
import time
from pathlib import Path

import pytest

from report.synthetic import SHAPES, attempt, make_run, make_task, write_run
from rung.report.index_writing import keep_index
from rung.ui.pages import load_templates

from .conftest import client_of, write_task

MOST_S = 0.2


@pytest.mark.slow
def test_pages_of_5000_examples_and_8_candidates_take_under_200_ms(tmp_path: Path) -> None:
    task = make_task(n_dev=5000, n_test=40)
    draw = random.Random(1)
    result, _ = make_run(make_task())
    attempts = [attempt(c, "dev", e, p, draw) for c, _, p in SHAPES[:8] for e in task.dev]
    write_task(tmp_path / "big", task)
    run = write_run(tmp_path / "big/.rung/runs/r", result, attempts)
    keep_index(run, tmp_path / "big")  # as a climb does at its end
    address = "/p/big/runs/r/examples"
    load_templates()
    assert min(first_page(tmp_path / "big", address) for _ in range(3)) < MOST_S
    client = client_of(tmp_path / "big")
    key = result.verdict.choice or ""
    queries = [
        {}, {"page": "200"}, {"candidate": key, "outcome": "w"}, {"text": "refund"},
        {"text": "delivery", "candidate": key}, {"outcome": "nobody"}, {"outcome": "differs"},
        {"text": "no such words"}, {"split": "dev", "page": "100"},
    ]  # fmt: skip
    took = {}
    for query in queries:
        times = []
        for _ in range(3):
            started = time.perf_counter()
            answer = client.get(address, params=query)
            times.append(time.perf_counter() - started)
            assert answer.status_code == 200
        took[str(query)] = statistics.median(times)
    assert "5,000 examples" in client.get(address).text
    assert max(took.values()) < MOST_S, took


def first_page(folder: Path, address: str) -> float:
    """Seconds of the first page that a server shows which has read nothing yet."""
    client = client_of(folder)
    started = time.perf_counter()
    assert client.get(address).status_code == 200
    return time.perf_counter() - started
