"""A real run of the embedded models, tuned and explained: every section, in report and pages."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chromium import MARKS, Seen, launched, serious
from climbing.rooms import write_task
from rung.project import ProjectFolder
from rung.report.example_index import INDEX_FILE, open_index
from rung.report.sections import TITLES
from rung.ui.site import Site

from .conftest import Server
from .test_climbs import EMBEDDED

pytestmark = [*MARKS, EMBEDDED, pytest.mark.timeout(900)]
ROWS = 102
SUBJECT = "smollm2-135m-instruct+5-fixed"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small task, every candidate asked everything, one of them explained."""
    folder = tmp_path_factory.mktemp("embedded") / "rooms"
    folder.mkdir()
    write_task(folder, ROWS, "dev_size = 8\ntest_size = 14\nepochs = 1\n", documents=False)
    rung = [sys.executable, "-m", "rung"]
    subprocess.run([*rung, "climb", str(folder), "--exhaustive"], check=True, capture_output=True)
    subprocess.run(
        [*rung, "explain", str(folder), "--candidate", SUBJECT], check=True, capture_output=True
    )
    return folder


def test_the_run_was_indexed_when_it_ended(project: Path) -> None:
    run = ProjectFolder(project).newest_run()
    index = open_index(run / INDEX_FILE, run, project)
    assert index is not None and index.total > 12 and index.causes
    index.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launched() as made:
        yield made


def every_section(page: Any) -> None:
    for section in set(TITLES) - {"red-flags", "search"}:  # no flag here, and no prompt searched
        assert page.locator(f"section#{section}").is_visible(), section
    words = page.inner_text("main")
    for said in ("Fine-tuned", "Prompt, 5 nearest examples", "No language model", "Why they fail",
                 "How fast", "Quality against cost", "Loss on dev", "the choice"):  # fmt: skip
        assert said.lower() in words.lower(), said
    assert page.locator("svg.plot").count() >= 3 and page.locator("svg.spread").count() >= 6
    command = page.inner_text("#repeat code.command")
    assert command == "rung climb rooms --exhaustive"


def test_every_section_of_the_report_renders(browser: Any, project: Path) -> None:
    report = ProjectFolder(project).newest_run() / "report.html"
    subprocess.run(
        [sys.executable, "-m", "rung", "report", str(project)], check=True, capture_output=True
    )
    seen = Seen(browser, lambda url: url.startswith(("file:", "data:")))
    seen.page.goto(report.as_uri())
    every_section(seen.page)
    cause = seen.page.locator("[data-cause]").first
    name = cause.inner_text()
    cause.click()
    rows = seen.page.locator("#rows tbody tr.row")
    assert rows.count() >= 1
    assert all(name in text for text in rows.locator("small").all_inner_texts())
    seen.close()
    assert report.stat().st_size < 2_000_000


def test_every_section_of_the_page_renders(browser: Any, project: Path) -> None:
    with Server(Site([project])) as address:
        seen = Seen(browser, lambda url: url.startswith((address, "data:")))
        page = seen.page
        page.goto(address)
        page.click("table .badge")
        page.wait_for_selector("#verdict")
        every_section(page)
        page.click(".doors >> text=What it costs otherwise")
        page.wait_for_selector("#sliders")
        page.fill("#f-setup", "0.1")
        page.wait_for_url("**setup=0.1**")
        seen.close()
        context = browser.new_context(bypass_csp=True)
        page = context.new_page()
        page.goto(address)
        page.click("table .badge")
        page.wait_for_selector("#verdict")
        assert not serious(page)
        context.close()
