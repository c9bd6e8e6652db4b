"""One run, one candidate: the same figure of a month wherever it is said."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

import rung
from rung.cli.app import app
from rung.climbing.observer import Observer
from rung.decide.ladder import Planned
from rung.economics.analysis import analyse
from rung.economics.of_run import scenario_of_run
from rung.economics.pricing import PriceBook, Rates, TokenRates
from rung.economics.tables import Source
from rung.project import RUN_FILE
from rung.records.results import CandidateResult, RunResult
from rung.report.html import render
from rung.report.markdown import markdown
from rung.report.reading import read_run
from rung.report.spending import costs_of
from rung.report.terminal import show
from rung.report.words import assumed_note, headline
from rung.task.types import Models, Task, Workload
from rung.ui.compare import paired
from rung.ui.cost import lines
from rung.ui.projects import Project
from rung.ui.summaries import line
from scripted import ScriptedModel

from .tasks import (
    EMBEDDER,
    MODEL,
    by_technique,
    climb,
    fact_task,
    label_task,
    model,
    options,
    reading,
)

BASE = "together/base-model"


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, priced: None) -> None:
    """The scripted model runs on a machine of one's own: what it reads changes no month."""
    real = PriceBook.of_model
    source = Source(what="a test")
    own = Rates(model=MODEL, machine_usd_per_hour=Decimal("0.1"), source=source)
    tokens = (TokenRates(input=Decimal(1), output=Decimal(1)),)
    known = {MODEL: own, BASE: Rates(model=BASE, tokens=tokens, source=source)}
    monkeypatch.setattr(
        PriceBook, "of_model", lambda self, name: known.get(name) or real(self, name)
    )


class Order(Observer):
    """Keeps the ladder."""

    rungs: tuple[Planned, ...] = ()

    def planned(self, rungs: object) -> None:
        self.rungs = tuple(rungs)  # type: ignore[arg-type]


HOURS = {
    "labour_usd_per_hour": 50,
    "setup_hours": 12,
    "rag_setup_hours": 6,
    "curation_hours": 40,
    "maintenance_hours_per_month": 2,
    "store_usd_per_month": 25,
    "infrastructure_usd_per_month": 10,
    "retrains_per_month": 0.5,
    "retrain_hours": 8,
    "utilisation": 0.5,
    "deployment_usd_per_hour": 1,
    "training_usd_per_mtok": 3,
}


def labels(**costs: Any) -> Task:
    return label_task(costs=costs, workload=Workload(requests_per_month=42_000, months=12))


def facts(**costs: Any) -> Task:
    """Facts that stand in documents, a model of one's own, and one that a provider would tune."""
    plain = fact_task(costs=costs, workload=Workload(requests_per_month=42_000, months=12))
    rows = plain.train + plain.test
    models = Models(to_try=(MODEL,), tune=(BASE,), embedder=EMBEDDER)
    return plain.model_copy(update={"models": models, "train": rows[:60], "test": rows[60:]})


@pytest.mark.parametrize(
    ("task", "technique", "said", "setup"),
    [
        # A machine of 730 h x $0.10 = $73; 12 h x $50 = $600 over 12 months = $50.
        (labels(labour_usd_per_hour=50, setup_hours=12), "prompting", 123, 600),
        # The same, 2 h x $50 of upkeep and $10 of infrastructure; no store, no tuning in a prompt.
        (labels(**HOURS), "prompting", 233, 600),
        # Two machines at $0.10 and half of their hours in use: the load does not fill one.
        (labels(min_replicas=2, utilisation=0.5), "prompting", 146, 0),
        # RAG: $73 + (12 + 6) h x $50 = $900 / 12 = $75 + $100 of upkeep + $25 + $10.
        (facts(**HOURS), "rag", 283, 900),
    ],
)
def test_the_same_month_everywhere(
    task: Task, technique: str, said: int, setup: int, tmp_path: Path, machine: None
) -> None:
    seen = Order()
    reads = ScriptedModel(reading, MODEL)
    chat, base = (reads if task.documents else model()), ScriptedModel(reading, BASE)
    only = ("rag", "hybrid") if task.documents else ()
    how = options(tmp_path / ".rung", chat, extra={BASE: base}, only=only)
    result = rung.climb(task, how, seen)
    chosen = result.verdict.choice
    row = next(r for r in by_technique(result, technique) if r.key == chosen)
    _said_everywhere(task, result, row, said, seen, tmp_path)
    assert row.setup_usd == setup and row.assumed_monthly_usd == 0


def _said_everywhere(
    task: Task, result: RunResult, row: CandidateResult, said: int, seen: Order, folder: Path
) -> None:
    key, text = row.key, f"${said}"
    ladder = next(r for r in seen.rungs if r.candidate.key == key)
    assert ladder.usd_per_month == said  # the ladder's order
    assert row.monthly_usd == row.expected_monthly_usd == said  # the verdict, and run.json
    assert f"{text} a month all in" in headline(result)

    terminal = io.StringIO()
    show(result, Console(file=terminal, width=160))
    assert text in terminal.getvalue()
    assert text in markdown(result)

    path = next((folder / ".rung" / "runs").glob(f"*/{RUN_FILE}"))
    found = read_run(path.parent)
    assert costs_of(found)[key].month(42_000)[0] == said
    assert text in render(found, task)

    scenario = scenario_of_run(path.read_text(encoding="utf-8"), "run")
    assert scenario.on is not None
    book = scenario.book(scenario.on)
    analysis = analyse(scenario.candidates, scenario.workload.workload(), book, draws=10)
    page = next(line for line in lines(found, analysis) if line.key == key)
    assert page.monthly == text

    listed = line(Project("p", folder), path.parent, result)  # home, and a project's page
    assert listed.monthly == text and listed.assumed == ""
    (beside,) = (pair for pair in paired(found, found) if pair.key == key)
    assert beside.costs == (text, text)

    told = CliRunner().invoke(app, ["cost", str(path)])
    assert told.exit_code == 0, told.output
    assert text in told.output and key not in told.output
    assert max(map(len, told.output.splitlines())) <= 80
    plain = CliRunner().invoke(app, ["cost", str(path), "--json"])
    bills = {c["key"]: c for c in json.loads(plain.output)["candidates"]}
    assert bills[key]["monthly_usd"] == said


def test_the_ladder_tries_rag_before_a_hybrid_that_costs_more(
    tmp_path: Path, machine: None
) -> None:
    """With labour, hours and utilisation stated, the order is that of the same sum."""
    seen, task = Order(), facts(**HOURS)
    chat, base = ScriptedModel(reading, MODEL), ScriptedModel(reading, BASE)
    how = options(tmp_path, chat, extra={BASE: base}, only=("rag", "hybrid"))
    result = rung.climb(task, how, seen)
    month = {
        technique: min(float(r.usd_per_month) for r in seen.rungs if of(r) == technique)
        for technique in ("rag", "hybrid")
    }
    # Hybrid: 730 h x $1 of its deployment; (12 + 6 + 40) h x $50 / 12 = $241.67; upkeep $100, store
    # $25, infrastructure $10; half a retraining of 8 h x $50 = $200; and its training, by tokens.
    assert month["rag"] == 283 and 1_306.67 < month["hybrid"] < 1_308
    techniques = [of(r) for r in seen.rungs if not r.candidate.is_probe]
    assert techniques.index("rag") < techniques.index("hybrid")
    chosen = next(r for r in result.candidates if r.key == result.verdict.choice)
    assert chosen.technique == "rag"
    assert all(r.state == "planned" for r in by_technique(result, "hybrid"))


def of(rung: Planned) -> str:
    return rung.candidate.technique


def test_what_nobody_stated_is_said_beside_the_month(tmp_path: Path, machine: None) -> None:
    result = climb(label_task(), tmp_path, model())
    row = by_technique(result, "prompting")[0]
    assert row.monthly_usd == pytest.approx(73) and "nobody stated" not in headline(result)
    changed = row.model_copy(update={"assumed_monthly_usd": 83.33, "monthly_usd": 156.33})
    rows = tuple(changed if r.key == row.key else r for r in result.candidates)
    said = headline(result.model_copy(update={"candidates": rows}))
    assert "$156.33 a month all in, of which $83.33 is set-up that nobody stated." in said


def test_a_star_marks_each_month_in_a_table_that_holds_what_nobody_stated(
    tmp_path: Path, machine: None
) -> None:
    chat, base = ScriptedModel(reading, MODEL), ScriptedModel(reading, BASE)

    def shown(folder: str, **costs: Any) -> tuple[str, ...]:
        how = options(tmp_path / folder, chat, extra={BASE: base}, only=("rag", "hybrid"))
        result = rung.climb(facts(**costs), how)
        terminal = io.StringIO()
        show(result, Console(file=terminal, width=160))
        (path,) = (tmp_path / folder / "runs").glob(f"*/{RUN_FILE}")
        run = read_run(path.parent)
        listed = line(Project("p", tmp_path), path.parent, result)
        pairs = " ".join(pair.costs[0] for pair in paired(run, run))
        pages = f"{listed.monthly} {listed.assumed}", f"{pairs} {assumed_note(result.candidates)}"
        return terminal.getvalue(), markdown(result), render(run, facts()), *pages

    # RAG on its machine: $73 + $1,000 / 12, which C's low end stands for.
    plain, marked, page, *lists = shown("assumed")
    note = "* with set-up that nobody stated: $83.33 of rag. Yours: [costs] setup_hours"
    assert "$156.33*" in plain and note in plain
    assert "$156.33\\*" in marked and "nobody stated: $83.33 of rag" in marked
    assert "$156.33*" in page and "of which $83.33 is set-up that nobody stated" in page
    assert all("$156.33*" in text and note in text for text in lists)
    stated = shown("stated", labour_usd_per_hour=50, setup_hours=12, rag_setup_hours=0)
    assert all("nobody stated" not in text and "$123" in text for text in stated)
