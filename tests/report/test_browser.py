"""The page in a real browser: no error, no request, filters, keyboard, both colour schemes, phone.

Skipped where no Chromium is installed.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chromium import MARKS, Seen, launched, serious
from rung.climbing.ledger import TestLedger
from rung.report.html import render, write_report
from rung.report.reading import FinishedRun
from rung.task.types import Task

from .synthetic import SHAPES, attempt, make_diagnosis, make_run, make_task, write_run
from .test_html import hostile_run

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = MARKS


FOCUSED = """() => {
  const e = document.activeElement;
  return e.id || e.name || e.className?.baseVal || e.className || e.tagName;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launched() as made:
        yield made


def revealed(folder: Path, **sizes: int) -> Task:
    """A task whose test answers were shown (`rung reveal`): the table holds them."""
    task = make_task(**sizes).model_copy(update={"root": folder})
    TestLedger(folder, task, []).show()
    return task


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    task = revealed(tmp_path_factory.mktemp("task"))
    result, attempts = make_run(task)
    diagnosis = make_diagnosis(task, result)
    return write_report(
        write_run(tmp_path_factory.mktemp("run"), result, attempts, diagnosis), task
    )


class Watched(Seen):
    """The report opened from disk."""

    def __init__(self, browser: Any, path: Path, **options: Any) -> None:
        super().__init__(browser, lambda url: url.startswith(("file:", "data:")), **options)
        self.page.goto(path.as_uri())

    def close(self) -> None:
        """Nothing beside the file itself was asked for."""
        assert len([u for u in self.asked if u.startswith("file:")]) == 1
        super().close()


def test_filters_find_examples_and_a_row_opens_with_every_answer(
    browser: Any, report: Path
) -> None:
    seen = Watched(browser, report)
    page = seen.page
    rows, count = page.locator("#rows tbody tr.row"), page.locator("#count")
    assert rows.count() == 25
    page.locator("#more").click()
    assert rows.count() == 50
    page.select_option("[name=candidate]", "3")
    page.select_option("[name=outcome]", "w")
    playwright.expect(page.locator("#more")).to_be_hidden()  # the page's CSP forbids evaluation
    wrong = rows.count()
    assert 0 < wrong < 25 and f"{wrong} of 160" in count.inner_text()
    assert page.locator("#rows .dot.watched.o-w").count() == wrong
    page.select_option("[name=candidate]", "-1")
    page.select_option("[name=outcome]", "")
    page.fill("[name=text]", "msg-0077")
    playwright.expect(rows).to_have_count(1)
    page.locator("#rows .ask").click()
    cards = page.locator("#rows .card")
    assert cards.count() == 6  # each candidate that was asked on test
    page.locator("#rows .card summary").first.click()
    assert page.locator("#rows .passage.cited").first.is_visible()
    page.locator("#filters button[type=reset]").click()
    playwright.expect(rows).to_have_count(25)
    seen.close()


def test_the_keyboard_reaches_everything(browser: Any, report: Path) -> None:
    seen = Watched(browser, report)
    page = seen.page
    reached: set[str] = set()
    for _ in range(160):
        page.keyboard.press("Tab")
        reached.add(page.evaluate(FOCUSED))
    for wanted in ("skip", "SUMMARY", "text", "candidate", "outcome", "split", "ask", "more"):
        assert wanted in reached, (wanted, reached)
    page.locator(".ladder .fact").first.focus()
    first = page.locator("#tip").inner_text()
    assert "Mean of" in first
    page.keyboard.press("ArrowRight")
    assert page.locator("#tip").inner_text() not in ("", first)
    page.keyboard.press("Escape")
    assert page.locator("#tip").is_hidden()
    page.locator("#rows .ask").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("#rows .detail").count() == 1
    seen.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1280])
def test_every_width_and_scheme_fits_without_sideways_scroll(
    browser: Any, report: Path, scheme: str, width: int
) -> None:
    seen = Watched(browser, report, color_scheme=scheme, viewport={"width": width, "height": 800})
    page = seen.page
    page.locator("#rows .ask").first.click()
    for twin in page.locator("details").all():
        twin.evaluate("e => { e.open = true; }")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(255, 255, 255)") == (scheme == "light")
    seen.close()


def test_hostile_texts_run_nothing(browser: Any, tmp_path: Path) -> None:
    result, attempts, task = hostile_run()
    path = tmp_path / "report.html"
    path.write_text(render(FinishedRun(result, tuple(attempts)), task), encoding="utf-8")
    seen = Watched(browser, path, viewport={"width": 360, "height": 800})
    page = seen.page
    for ask in page.locator("#rows .ask").all():
        ask.click()
    assert page.locator("img").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert "<script>alert(1)</script>" in page.locator("#rows").inner_text()
    seen.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_violation(browser: Any, report: Path, scheme: str) -> None:
    context = browser.new_context(color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    page.goto(report.as_uri())
    page.locator("#rows .ask").first.click()
    assert not serious(page)
    context.close()


def test_5000_examples_open_in_under_2_s(browser: Any, tmp_path: Path) -> None:
    task = revealed(tmp_path, n_test=5000)
    draw = random.Random(1)
    result, _ = make_run(make_task())
    attempts = [attempt(c, "test", e, p, draw) for c, _, p in SHAPES[:8] for e in task.test]
    path = tmp_path / "report.html"
    path.write_text(render(FinishedRun(result, tuple(attempts)), task), encoding="utf-8")
    started = time.perf_counter()
    seen = Watched(browser, path)
    playwright.expect(seen.page.locator("#rows tbody tr.row")).to_have_count(25)
    took = time.perf_counter() - started
    assert took < 2, took
    seen.close()
