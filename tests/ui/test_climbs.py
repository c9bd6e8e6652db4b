"""Climbs started and stopped from a page: real processes, told while they run."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chromium import NEEDED, Seen, launched
from rung.climbing.journal import is_running, read_live
from rung.errors import UserError
from rung.models.fetch import model_folder
from rung.report.example_index import INDEX_FILE, open_index
from rung.ui.climbs import STARTER, Climbs, last_words
from rung.ui.projects import Project
from rung.ui.site import Site

from .conftest import Server, client_of
from .test_guard import token_of
from .test_plan import confirmed, mark_of

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/aarlund/ticket-routing"
ROWS = 150
EMBEDDED = pytest.mark.skipif(
    model_folder("local/smollm2-135m-instruct") is None,
    reason="the embedded models are not fetched",
)


def until(done: Callable[[], Any], seconds: float = 120.0) -> Any:
    """What `done` says once it says anything."""
    end = time.monotonic() + seconds
    while not (found := done()):
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.1)
    return found


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A third of the shipped example, never climbed, its target in reach of so few rows."""
    hidden = shutil.ignore_patterns(".rung")
    made = Path(shutil.copytree(EXAMPLE, tmp_path / "ticket-routing", ignore=hidden))
    path, rows = made / "rung.toml", made / "examples.jsonl"
    path.write_text(path.read_text().replace("score = 0.8\n", "score = 0.4\n"))
    rows.write_text("".join(rows.read_text().splitlines(keepends=True)[:ROWS]))
    return made


@pytest.fixture
def climbs() -> Iterator[Climbs]:
    made = Climbs()
    yield made
    made.stop_all()


def test_there_is_nothing_to_stop_where_nothing_runs(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing to stop"):
        Climbs().stop(Project("x", tmp_path))


@pytest.mark.parametrize(
    ("log", "says"),
    [
        ("a\nrung: no such file; name a folder\n", "no such file; name a folder"),
        ("Traceback\n  File x\nValueError: no\n", "Traceback   File x ValueError: no"),
        ("\x1b[31mrung: red\x1b[0m\n", "red"),
        ("", ""),
    ],
)
def test_the_complaint_of_a_climb_is_found_in_its_log(tmp_path: Path, log: str, says: str) -> None:
    path = tmp_path / "climb.log"
    path.write_text(log)
    assert last_words(path) == says
    assert last_words(tmp_path / "nope") == ""


@pytest.mark.slow
def test_a_climb_that_cannot_start_says_why(folder: Path) -> None:
    client = client_of(folder)
    config = folder / "rung.toml"
    config.write_text(config.read_text() + "\n[climb]\nrepeats = 2\n")
    assert client.post("/p/tickets/climb", data=confirmed(client, "tickets")).status_code == 303
    until(lambda: "greedy" in client.get("/p/tickets").text.partition('id="live"')[2][:900])
    assert not client.get("/p/tickets.json").json()["climbing"]


@pytest.mark.slow
@EMBEDDED
def test_a_climb_is_stopped_goes_on_and_ends(project: Path, climbs: Climbs) -> None:
    client = client_of(project)
    form = {"token": token_of(client, "/p/ticket-routing/plan")}
    # A target that no rung without a language model reaches: the climb goes on to the slow ones.
    path = project / "rung.toml"
    plain = path.read_text()
    path.write_text(plain.replace("score = 0.4\n", "score = 0.85\n"))
    client.post("/p/ticket-routing/climb", data=confirmed(client, "ticket-routing"))
    kept = project / ".rung"

    def on_a_language_model() -> bool:
        live = read_live(kept)
        return bool(live and live.doing and live.doing.key.startswith("smollm2"))

    until(on_a_language_model)
    assert is_running(kept) and client.get("/p/ticket-routing.json").json()["climbing"]
    assert "being climbed already" in client.get("/p/ticket-routing/plan").text
    twice = client.post("/p/ticket-routing/climb", data={**form, "mark": mark_of(project)})
    assert twice.status_code == 400 and "being climbed already" in twice.text
    assert client.post("/p/ticket-routing/stop", data=form).status_code == 303
    assert 'badge b-undecided">Stop' in client.get("/p/ticket-routing").text  # Stopping, Stopped
    until(lambda: not client.get("/p/ticket-routing.json").json()["climbing"])
    stopped = read_live(kept)
    assert stopped is not None and stopped.ended == "interrupted"
    runs = client.get("/p/ticket-routing.json").json()["runs"]
    assert [r["finished"] for r in runs] == [False]
    left = {r["key"]: r["dev"] for r in stopped.model_dump()["rows"] if r["dev"]}
    # A target in reach, set on the page: what was answered is not asked again.
    mark = re.search(r'name="mark" value="(\w+)"', client.get("/p/ticket-routing").text)
    assert mark is not None and left
    edited = client.post("/p/ticket-routing/target", data={**form, "mark": mark[1], "score": "0.4"})
    assert edited.status_code == 303 and path.read_text() == plain
    client.post("/p/ticket-routing/climb", data=confirmed(client, "ticket-routing"))
    until(lambda: len(client.get("/p/ticket-routing.json").json()["runs"]) == 2)
    until(lambda: not client.get("/p/ticket-routing.json").json()["climbing"])
    done = read_live(kept)
    assert done is not None and done.ended == "sufficient" and done.run
    page = client.get(f"/p/ticket-routing/runs/{done.run}")
    assert page.status_code == 200 and "linear head on embeddings" in page.text


@pytest.mark.slow
@EMBEDDED
def test_a_climb_of_a_terminal_is_seen_and_stopped(project: Path, climbs: Climbs) -> None:
    path = project / "rung.toml"
    path.write_text(path.read_text().replace("score = 0.4\n", "score = 0.85\n"))
    process = subprocess.Popen(
        [sys.executable, "-c", STARTER, "climb", str(project)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ,
    )  # fmt: skip
    try:
        until(lambda: is_running(project / ".rung"))
        until(lambda: (live := read_live(project / ".rung")) and live.rows)
        climbs.stop(Project("p", project))
        assert climbs.stopping(Project("p", project), process.pid)
        assert process.wait(60) == 130
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()


@pytest.mark.slow
@EMBEDDED
@NEEDED
def test_a_climb_is_watched_from_start_to_verdict(project: Path) -> None:
    site = Site([project])
    with Server(site) as address, launched() as browser:
        seen = Seen(browser, lambda url: url.startswith((address, "data:")))
        page = seen.page
        try:
            page.goto(f"{address}/p/ticket-routing")
            page.evaluate("window.same = true")
            page.click("#controls button")
            page.click("#start")
            page.wait_for_url(f"{address}/p/ticket-routing")
            page.wait_for_selector("#live .badge.b-running", timeout=60_000)
            page.wait_for_selector("#live tr.asked", timeout=60_000)
            assert page.text_content("#said").startswith("Climbing ")
            page.wait_for_selector("#live .badge.b-sufficient", timeout=60_000)
            page.click("#live a")
            page.wait_for_selector("#verdict")
            assert "linear head on embeddings" in page.inner_text("h1")
            assert "Good enough" in page.inner_text("#verdict .badge")
            (run,) = project.glob(".rung/runs/*")
            index = open_index(run / INDEX_FILE, run, project)  # written by the climb itself
            assert index is not None
            index.close()
            for section in ("ladder", "money", "timing", "failures", "flags", "examples"):
                assert page.locator(f"#{section}").is_visible(), section
        finally:
            site.climbs.stop_all()
        seen.close()
