"""The forecast before a climb: what it says, and that nothing starts without it."""

from __future__ import annotations

import asyncio
import html
import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from chromium import MARKS, Seen, launched, serious
from rung.climbing.tools import ClimbOptions
from rung.report.planning import make_plan
from rung.task.load import load_task
from rung.ui.climbs import Climbs
from rung.ui.plan import _mark
from rung.ui.projects import Project
from rung.ui.site import Site

from .conftest import Server, client_of
from .test_guard import token_of

PLAN = "/p/tickets/plan"


def mark_of(folder: Path) -> str:
    """What the form of a project's forecast carries."""
    return _mark(Project("", folder))


def confirmed(client: TestClient, project: str, query: str = "") -> dict[str, str]:
    """The form that starts a climb, as the page of its forecast has it."""
    page = client.get(f"/p/{project}/plan{query}").text
    form = page[page.index('method="post"') :]
    return {n: html.unescape(v) for n, v in re.findall(r'name="(\w+)" value="([^"]*)"', form)}


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Flags of the climbs that were started, none of which runs."""
    found: list[list[str]] = []
    monkeypatch.setattr(Climbs, "start", lambda self, project, flags: found.append(flags))
    return found


def test_the_forecast_is_that_of_the_command(folder: Path) -> None:
    told = client_of(folder).get(f"{PLAN}.json?budget=2.5&exhaustive=on").json()
    expected = asyncio.run(make_plan(load_task(folder), ClimbOptions()))
    assert told["plan"] == expected.model_dump(mode="json")
    assert told["budget_usd"] == 2.5 and told["exhaustive"] and not told["climbing"]
    page = client_of(folder).get(PLAN).text
    for amount in (expected.pilots_only, expected.everything):
        assert amount.calls > 0 and f">{amount.calls:,}<" in page
        assert f">{amount.tokens:,}<" in page
    assert "minute" in page and "you must see" in page
    assert not (folder / ".rung" / "cache.sqlite").exists()


@pytest.mark.parametrize(
    ("budget", "says"),
    [
        ("", "No budget is set"),
        ("5", "more than $5. Everything is expected to cost less."),
        ("0.002", "more than $0.002. It may run out: everything is expected to cost $"),
        ("0", "more than $0. Even the pilots are expected to cost more"),
    ],
)
def test_a_budget_stands_beside_the_forecast(folder: Path, budget: str, says: str) -> None:
    page = client_of(folder).get(PLAN, params={"budget": budget}).text
    assert says in page


def test_the_budget_of_the_file_counts_where_none_is_given(folder: Path) -> None:
    config = folder / "rung.toml"
    config.write_text(config.read_text() + "\n[climb]\nbudget_usd = 3.5\n")
    client = client_of(folder)
    assert "more than $3.50 ([climb] budget_usd in rung.toml)" in client.get(PLAN).text
    assert client.get(f"{PLAN}.json").json()["budget_usd"] == 3.5
    assert client.get(f"{PLAN}.json?budget=1").json()["budget_usd"] == 1


def test_a_budget_that_is_none_starts_nothing(folder: Path, started: list[list[str]]) -> None:
    client = client_of(folder)
    form = confirmed(client, "tickets")
    for budget in ("much", "-1", "nan", "inf"):
        for bad in (
            client.get(PLAN, params={"budget": budget}),
            client.post("/p/tickets/climb", data={**form, "budget": budget}),
        ):
            assert bad.status_code == 400 and f"the budget is &#39;{budget}&#39;" in bad.text
    assert started == []


def test_what_was_planned_is_what_starts(folder: Path, started: list[list[str]]) -> None:
    client = client_of(folder)
    for query, flags in (
        ("", []),
        ("?budget=2.5", ["--budget", "2.5"]),
        ("?budget=%201&exhaustive=on", ["--budget", "1.0", "--exhaustive"]),
    ):
        answer = client.post("/p/tickets/climb", data=confirmed(client, "tickets", query))
        assert answer.status_code == 303 and answer.headers["location"] == "/p/tickets"
        assert started.pop() == flags


def test_nothing_starts_without_the_forecast_of_the_files_as_they_are(
    folder: Path, started: list[list[str]]
) -> None:
    client = client_of(folder)
    form = confirmed(client, "tickets")
    for bad in ({"token": form["token"]}, {**form, "mark": "guess"}):
        answer = client.post("/p/tickets/climb", data=bad)
        assert answer.status_code == 400 and "look at the forecast" in answer.text
    rows = (folder / "test.jsonl").read_text().splitlines(keepends=True)
    (folder / "test.jsonl").write_text("".join(rows[:-1]))
    answer = client.post("/p/tickets/climb", data=form)
    assert answer.status_code == 400 and "its files were changed since" in answer.text
    foreign = client.post("/p/tickets/climb", data={**confirmed(client, "tickets"), "token": "x"})
    assert foreign.status_code == 403
    assert started == []


def test_a_task_that_cannot_be_used_has_no_forecast(folder: Path) -> None:
    client = client_of(folder)
    assert token_of(client)
    (folder / "test.jsonl").write_text("not json\n")
    answer = client.get(PLAN)
    assert answer.status_code == 400 and "test.jsonl" in answer.text and "start" not in answer.text
    (folder / "rung.toml").unlink()
    assert "climb it where its code is" in client.get(PLAN).text


class TestInABrowser:
    """A click shows the forecast, another one starts."""

    pytestmark = MARKS

    @pytest.mark.parametrize("scripts", [True, False])
    def test_two_clicks_by_keyboard(
        self, folder: Path, started: list[list[str]], scripts: bool
    ) -> None:
        with Server(Site([folder])) as address, launched() as browser:
            seen = Seen(
                browser,
                lambda url: url.startswith((address, "data:")),
                java_script_enabled=scripts,
            )
            page = seen.page
            page.goto(f"{address}/p/tickets")
            page.fill("[name=budget]", "0.5")
            page.keyboard.press("Enter")
            page.wait_for_selector("#start")
            assert "budget=0.5" in page.url and started == []
            assert "more than $0.50" in page.inner_text("#budget")
            for width in (360, 1280):
                page.set_viewport_size({"width": width, "height": 800})
                if scripts:
                    assert page.evaluate("document.documentElement.scrollWidth") <= width
            page.focus("#start")
            page.keyboard.press("Enter")
            page.wait_for_url(f"{address}/p/tickets")
            assert started == [["--budget", "0.5"]]
            seen.close()

    def test_axe_finds_no_serious_violation(self, folder: Path) -> None:
        with Server(Site([folder])) as address, launched() as browser:
            for scheme in ("light", "dark"):
                context = browser.new_context(color_scheme=scheme, bypass_csp=True)
                page = context.new_page()
                page.goto(f"{address}{PLAN}?budget=0.5&exhaustive=on")
                assert not serious(page), scheme
                context.close()
