"""One run, one candidate: the same figure of a month wherever it is said."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from rung.cli.app import app
from rung.climbing import Observer
from rung.decide.ladder import Planned
from rung.economics.analysis import analyse
from rung.economics.of_run import scenario_of_run
from rung.economics.pricing import PriceBook, Rates
from rung.economics.tables import Source
from rung.project import RUN_FILE
from rung.report.html import render
from rung.report.markdown import markdown
from rung.report.reading import read_run
from rung.report.spending import costs_of
from rung.report.terminal import show
from rung.report.words import headline
from rung.task.types import Workload
from rung.ui.cost import lines

from .tasks import MODEL, by_technique, climb, label_task
from .test_verdicts import model

SAID = "$123"
"""A machine of 730 h x $0.10 = $73, and 12 h x $50 of setting up over 12 months = $50."""


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, priced: None) -> None:
    """The scripted model runs on a machine of one's own: what it reads changes no month."""
    real = PriceBook.of_model
    rates = Rates(model=MODEL, machine_usd_per_hour=Decimal("0.1"), source=Source(what="a test"))
    monkeypatch.setattr(
        PriceBook, "of_model", lambda self, name: rates if name == MODEL else real(self, name)
    )


class Order(Observer):
    """Keeps the ladder."""

    rungs: tuple[Planned, ...] = ()

    def planned(self, rungs: object) -> None:
        self.rungs = tuple(rungs)  # type: ignore[arg-type]


def test_the_same_month_everywhere(tmp_path: Path, machine: None) -> None:
    costs = {"labour_usd_per_hour": 50, "setup_hours": 12}
    task = label_task(costs=costs, workload=Workload(requests_per_month=42_000, months=12))
    seen = Order()
    result = climb(task, tmp_path / ".rung", model(), seen)
    row = by_technique(result, "prompting")[0]
    key = row.key
    assert result.verdict.choice == key

    ladder = next(r for r in seen.rungs if r.candidate.key == key)
    assert ladder.usd_per_month == 123  # the ladder's order
    assert row.monthly_usd == row.expected_monthly_usd == 123  # the verdict, and run.json
    assert row.setup_usd == 600 and row.assumed_monthly_usd == 0
    assert f"{SAID} a month all in" in headline(result)

    terminal = io.StringIO()
    show(result, Console(file=terminal, width=160))
    assert SAID in terminal.getvalue()
    assert SAID in markdown(result)

    path = next((tmp_path / ".rung" / "runs").glob(f"*/{RUN_FILE}"))
    found = read_run(path.parent)
    assert costs_of(found)[key].month(42_000)[0] == 123
    assert SAID in render(found, task)

    scenario = scenario_of_run(path.read_text(encoding="utf-8"), "run")
    assert scenario.on is not None
    book = scenario.book(scenario.on)
    analysis = analyse(scenario.candidates, scenario.workload.workload(), book, draws=10)
    page = next(line for line in lines(found, analysis) if line.key == key)
    assert page.monthly == SAID

    told = CliRunner().invoke(app, ["cost", str(path)])
    assert told.exit_code == 0, told.output
    assert SAID in told.output and key not in told.output
    assert max(map(len, told.output.splitlines())) <= 80
    plain = CliRunner().invoke(app, ["cost", str(path), "--json"])
    bills = {c["key"]: c for c in json.loads(plain.output)["candidates"]}
    assert bills[key]["monthly_usd"] == 123


def test_what_nobody_stated_is_said_beside_the_month(tmp_path: Path, machine: None) -> None:
    result = climb(label_task(), tmp_path, model())
    row = by_technique(result, "prompting")[0]
    assert row.monthly_usd == pytest.approx(73) and "nobody stated" not in headline(result)
    changed = row.model_copy(update={"assumed_monthly_usd": 83.33, "monthly_usd": 156.33})
    rows = tuple(changed if r.key == row.key else r for r in result.candidates)
    said = headline(result.model_copy(update={"candidates": rows}))
    assert "$156.33 a month all in, of which $83.33 is set-up that nobody stated." in said
