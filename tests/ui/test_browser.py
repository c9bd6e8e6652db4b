"""The pages in a real browser: no error, no request elsewhere, keyboard, both schemes, phone."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from chromium import MARKS, Seen, launched, serious

from .conftest import RUN

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = MARKS

BAD = "/p/hostile/runs/bad"
PAGES = (
    "/", "/p/tickets", "/p/fresh", "/p/hostile", RUN, BAD, f"{RUN}/examples", f"{BAD}/examples",
    f"{RUN}/example?split=test&id=msg-0063", f"{RUN}/cost", "/compare",
    "/compare?run=tickets/old&run=tickets/new", "/advise?project=tickets", "/p/tickets/harvest",
    "/p/tickets/labels",
    "/p/hostile/harvest", "/p/tickets/review", "/p/hostile/review", "/p/hostile/review?id=r1",
    "/p/tickets/plan?budget=1",
)  # fmt: skip
EXTRA = ("/nope", "/key")
TWIN = "This page as JSON"
PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launched() as made:
        yield made


def opened(browser: Any, served: str, path: str, **options: Any) -> Seen:
    seen = Seen(browser, lambda url: url.startswith((served, "data:")), **options)
    seen.page.goto(served + path)
    return seen


@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_every_width_in_both_schemes(browser: Any, served: str, path: str) -> None:
    for scheme in ("light", "dark"):
        seen = opened(browser, served, path, color_scheme=scheme, viewport=PHONE)
        page = seen.page
        for one in page.locator("details").all():
            one.evaluate("e => { e.open = true; }")
        for width in (360, 768, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (background == "rgb(255, 255, 255)") == (scheme == "light")
        seen.close()


@pytest.mark.parametrize("path", [*PAGES, *EXTRA])
def test_axe_finds_no_serious_violation(browser: Any, served: str, path: str) -> None:
    for scheme in ("light", "dark"):
        context = browser.new_context(color_scheme=scheme, bypass_csp=True)
        page = context.new_page()
        page.goto(served + path)
        for one in page.locator("details").all():
            one.evaluate("e => { e.open = true; }")
        assert not serious(page), (path, scheme)
        context.close()


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/p/tickets", {"budget", "exhaustive", "run", "score", "confidence", "BUTTON", "A"}),
        (f"{RUN}/examples", {"text", "candidate", "outcome", "split", "cause", "later"}),
        (f"{RUN}/cost", {"f-requests_per_month", "f-months", "f-target", "INPUT", "SUMMARY"}),
        ("/advise", {"use_case", "symptoms", "needs_citations", "SUMMARY"}),
        ("/compare", {"run", "BUTTON"}),
    ],
)
def test_the_keyboard_reaches_everything(
    browser: Any, served: str, path: str, wanted: set[str]
) -> None:
    seen = opened(browser, served, path)
    page = seen.page
    count = page.evaluate(
        "document.querySelectorAll('a[href], button, input:not([type=hidden]), select, summary')"
        ".length"
    )
    reached: set[str] = set()
    for _ in range(count + 60):
        page.keyboard.press("Tab")
        name, tag = page.evaluate(
            "[document.activeElement.id || document.activeElement.name || '',"
            " document.activeElement.tagName]"
        )
        reached |= {name, tag}
    assert wanted <= reached, wanted - reached
    seen.close()


def test_filters_pages_and_rows_work_without_loading_the_page_again(
    browser: Any, served: str
) -> None:
    seen = opened(browser, served, RUN)
    page = seen.page
    page.evaluate("window.same = true")
    rows = page.locator("#rows tbody tr.row")
    assert rows.count() == 25
    page.click("#later")
    playwright.expect(page.locator(".pager")).to_contain_text("Page 2 of 7")
    page.select_option("[name=cause]", "wrong format")
    playwright.expect(page.locator("#count")).to_have_text("6 of 160 examples match.")
    assert rows.count() == 6
    page.select_option("[name=cause]", "")
    page.fill("[name=text]", "msg-0077")
    playwright.expect(rows).to_have_count(1)
    page.locator("#rows .ask").focus()
    page.keyboard.press("Enter")
    playwright.expect(page.locator("#rows .card")).to_have_count(6)
    assert page.locator("#rows .ask").get_attribute("aria-expanded") == "true"
    page.keyboard.press("Space")
    playwright.expect(page.locator("#rows .card")).to_have_count(0)
    page.click("[data-cause='label suspect']")
    playwright.expect(page.locator("#count")).to_have_text("4 of 160 examples match.")
    assert page.evaluate("window.same") is True
    seen.close()


def test_sliders_answer_at_once(browser: Any, served: str) -> None:
    seen = opened(browser, served, f"{RUN}/cost")
    page = seen.page
    page.evaluate("window.same = true")
    slider = page.locator("[data-for='f-requests_per_month']")
    assert float(slider.input_value()) == pytest.approx(4.62, abs=0.02)  # 10^4.62 = 42,000
    before = page.locator("#answer td[data-label='A month, all in']").all_inner_texts()
    started = time.perf_counter()
    slider.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    playwright.expect(
        page.locator("#answer td[data-label='A month, all in']").nth(0)
    ).not_to_have_text(before[0])
    took = time.perf_counter() - started
    assert took < 2, took
    volume = int(page.input_value("#f-requests_per_month"))
    assert 50_000 < volume < 56_000
    playwright.expect(page).to_have_url(re.compile(f"requests_per_month={volume}"))
    page.fill("#f-target", "0.99")
    playwright.expect(page.locator("#answer .verdictline")).to_contain_text("none reaches")
    page.fill("#f-target", "high")
    playwright.expect(page.locator("#sliders > .problem")).to_contain_text("target is 'high'")
    page.fill("#f-target", "0.5")
    playwright.expect(page.locator("#sliders > .problem")).to_be_hidden()
    assert page.evaluate("window.same") is True
    wrong = [text for text in seen.wrong if "400" not in text]
    seen.wrong = wrong  # the browser itself logs the refused figure
    seen.close()


def test_the_questionnaire_answers_as_it_is_filled_in(browser: Any, served: str) -> None:
    seen = opened(browser, served, "/advise")
    page = seen.page
    page.select_option("[name=knowledge_missing]", "no")
    playwright.expect(page.locator("[data-question=knowledge_changes]")).to_be_hidden()
    page.select_option("[name=knowledge_missing]", "yes")
    page.select_option("[name=knowledge_changes]", "daily")
    page.check("[value=citations]")
    playwright.expect(page.locator("#advice .verdictline")).to_have_text("rag")
    seen.close()


def test_a_figure_says_where_it_comes_from_by_hover_and_by_keys(browser: Any, served: str) -> None:
    seen = opened(browser, served, RUN)
    page = seen.page
    page.locator(".ladder .big.fact").first.hover()
    playwright.expect(page.locator("#tip")).to_contain_text("Mean of")
    page.keyboard.press("Escape")
    playwright.expect(page.locator("#tip")).to_be_hidden()
    page.locator(".ladder .fact").first.focus()
    page.keyboard.press("ArrowRight")
    playwright.expect(page.locator("#tip")).to_be_visible()
    seen.close()


def test_forms_work_without_scripts(browser: Any, served: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(served + f"{RUN}/examples")
    page.fill("[name=text]", "msg-0077")
    page.click("#filters button")
    assert "1 of 160 examples match" in page.inner_text("#count")
    page.click("#rows .ask")
    assert page.locator(".card").count() == 6
    page.goto(served + f"{RUN}/cost")
    page.fill("#f-months", "24")
    page.click("#sliders button")
    assert "24 months" in page.inner_text("#answer thead")
    context.close()


def test_hostile_texts_run_nothing(browser: Any, served: str) -> None:
    reviewed = "/p/hostile/review?id=r0"
    for path in (BAD, f"{BAD}/examples", "/p/hostile/harvest", reviewed):
        seen = opened(browser, served, path, viewport=PHONE)
        page = seen.page
        for ask in page.locator("#rows .ask").all():
            ask.click()
        page.wait_for_load_state("networkidle")
        assert page.locator("img").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        text = page.locator("#rows, #table, .review").first.inner_text()
        assert "<script>alert(1)</script>" in text
        seen.close()
