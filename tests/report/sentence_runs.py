"""Runs, plans and ceilings that make the report say what it can say."""

from __future__ import annotations

from dataclasses import asdict, is_dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rung.audit.base import Ceiling
from rung.candidate import Candidate
from rung.economics.breakeven import BreakEven
from rung.records import Answer, Flag
from rung.records.results import CandidateResult, Forecast, Reason, RunResult
from rung.report import (
    about,
    charts,
    diagnosis,
    planning,
    red_flags,
    rows,
    terminal,
    timing,
    verdict_view,
    words,
)
from rung.report.planning import Amount, Certification, Plan, PlannedRung
from rung.report.reading import FinishedRun
from rung.report.spending import costs_of
from rung.task.types import Task

from .synthetic import SMALL, make_run, make_task

TASK = make_task()
BASE, ATTEMPTS = make_run(TASK)
CHOICE = BASE.verdict.choice
LINEAR, LORA, HYBRID = (BASE.candidates[i].key for i in (1, 6, 7))
TEST = next(r.test for r in BASE.candidates if r.key == CHOICE)
assert TEST is not None


def every(value: Any) -> list[str]:
    """Every text in it."""
    if isinstance(value, str):
        return [value]
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, dict):
        value = value.values()
    if isinstance(value, list | tuple) or type(value).__name__ == "dict_values":
        return [text for one in value for text in every(one)]
    return []


def say(result: RunResult = BASE, task: Task | None = TASK, **parts: Any) -> str:
    """All that the report says of a run, in its own words."""
    run = FinishedRun(result, tuple(ATTEMPTS), **parts)
    costs = costs_of(run)
    ladder = rows.ladder_rows(run, costs)
    found: list[Any] = [verdict_view.hero(run, ladder, costs), words.headline(result)]
    found += [about.flags(run, task), about.about(run, task).facts, about.about(run, task).prices]
    found += [about.prior(run, task), timing.timing(run), terminal.calls_text(result)]
    for row in ladder:
        found += [vars(row), words.state_text(row.row), words.month_text(row.row)]
    found += [words.assumed_note(result.candidates), red_flags.flag_lines(result.flags)]
    found += [text for c in result.verdict.comparisons for text in [verdict_view.compared_text(c)]]
    return "\n".join(text for one in found for text in every(one))


def run(*, keep: tuple[int, ...] | None = None, **changes: Any) -> RunResult:
    """The run with other figures; `keep` some of its candidates."""
    kept = BASE.candidates if keep is None else tuple(BASE.candidates[i] for i in keep)
    return BASE.model_copy(update={"candidates": kept, **changes})


def rowed(key: str | None, base: RunResult = BASE, **changes: Any) -> RunResult:
    """The run with another row; every one where `key` is None."""

    def changed(row: CandidateResult) -> CandidateResult:
        return row.model_copy(update=changes) if key in (None, row.key) else row

    return base.model_copy(update={"candidates": tuple(map(changed, base.candidates))})


def without(status: str = "insufficient", base: RunResult = BASE, **changes: Any) -> RunResult:
    """No choice."""
    verdict = base.verdict.model_copy(
        update={"status": status, "choice": None, "comparisons": (), **changes}
    )
    return base.model_copy(update={"verdict": verdict})


def beyond(plain: int) -> Reason:
    """What comes next where nothing suffices, and so many were tried at plain settings."""
    how = {"target": 0.8, "value": 0.5, "all_below": True, "epochs": False, "stuck": ""}
    return Reason(kind="beyond", candidate="x", figures={**how, "plain": plain})


def compared(low: float, high: float) -> RunResult:
    one = BASE.verdict.comparisons[0].model_copy(
        update={"difference": (low + high) / 2, "low": low, "high": high, "n": 100}
    )
    verdict = BASE.verdict.model_copy(update={"comparisons": (one,)})
    return BASE.model_copy(update={"verdict": verdict})


def scored(**changes: Any) -> dict[str, Any]:
    assert TEST is not None
    return {"test": TEST.model_copy(update=changes)}


AHEAD = Forecast(points=((200, 0.6),), ceiling=0.7, alpha=0.01, more=100)
OPEN = rowed(LINEAR, standing="open", monthly_usd=0.01)
EMPTY = without(base=run(keep=(7,)))
NONE = without(base=run(candidates=tuple(
    r.model_copy(update={"state": "drop" if r.state == "pass" else r.state})
    for r in BASE.candidates
)))  # fmt: skip
OVER = without()
"""Some passed, and break a limit."""
SINGLE = run(keep=(3,))
STOPPED = run(keep=(3, 7))
DEAR = rowed(LORA, base=rowed(CHOICE, monthly_usd=100.0), monthly_usd=100.5)


def stale() -> RunResult:
    """Prices that were old on the day of the run."""
    book = {**BASE.prices, "on": "2026-11-21"}
    book["rates"] = {
        m: {**r, "source": {**r["source"], "checked": "2026-01-01"}}
        for m, r in BASE.prices["rates"].items()
    }
    return run(prices=book)


def fresh(**rate: Any) -> RunResult:
    source = {"what": "a list", "url": "", "checked": "2026-11-20"}
    return run(prices={"on": "2026-11-21",
                       "rates": {SMALL: {"model": SMALL, "source": source, **rate}}})  # fmt: skip


TOKENS = fresh(tokens=[{"input": "1", "output": "2"}])
HOURLY = fresh(machine_usd_per_hour="0.1")


def planned(**changes: Any) -> str:
    """What a plan says."""
    one = PlannedRung(
        key="k", technique="rag", model="m", description="d", probe=False, input_tokens=1,
        output_tokens=1, cost_per_request_usd=0.1, setup_usd=0.0, monthly_usd=1.0,
        training_tokens=0, training_seconds=0.0, passed_on=None, hosted=False, raced=False,
        training_usd=None,
    ).model_copy(update=changes.pop("rung", {}))  # fmt: skip
    amount = Amount(calls=1, tokens=1, usd=0.0, minutes=changes.pop("minutes", None))
    proof = Certification(units=100, target=0.8, alpha=0.01, must_see=90, graded=False)
    plan = Plan(
        task="t", metric="accuracy", target=0.8, confidence=0.95, sizes={},
        requests_per_month=1, months=12, candidates=(one,), pilots_only=amount, everything=amount,
        certification=proof.model_copy(update=changes.pop("proof", {})), prices_of="2026-11-21",
    )  # fmt: skip
    lines = planning.training_lines(plan) + planning.setup_lines(plan)
    lines += [*planning.cascade_lines(plan), planning.certification_text(plan)]
    return "\n".join([*lines, planning.amount_text(amount)])


def named(candidate: Candidate) -> str:
    return words.describe_candidate(candidate)


def top(**changes: Any) -> str:
    ceiling = Ceiling(value=0.9, low=0.8, high=0.95, n=100, unit="labels", method="m")
    return red_flags._ceiling(ceiling.model_copy(update=changes))


def flag(severity: Any) -> Flag:
    return Flag(id="f", severity=severity, figure=0.0, threshold=None, source="s", text="t",
                advice="a")  # fmt: skip


def fell(why: Any) -> str:
    return words.answered_by(Answer(text="a", model="m", fallback=why))


def own() -> RunResult:
    """A price that no table tells."""
    source = {"what": "your [costs]", "url": ""}
    rates = {SMALL: {"model": SMALL, "source": source, "machine_usd_per_hour": "0.1"}}
    return run(prices={"on": "2026-11-21", "rates": rates})


def expected(technique: str, state: str | None = None) -> str:
    """Beside what the framework expected, with that technique's rows in that state."""
    changed = BASE
    for row in BASE.candidates:
        if state and row.technique == technique:
            changed = rowed(row.key, changed, state=state)
    found = FinishedRun(changed, ())
    return about._beside(found, found.row(CHOICE), technique)


@lru_cache
def base() -> str:
    return say()


def drawn(result: RunResult = BASE) -> tuple[FinishedRun, Any]:
    """A run and what its candidates cost, as charts take them."""
    whole = FinishedRun(result, tuple(ATTEMPTS))
    return whole, costs_of(whole)


def crossed(at: int | None, below: str, above: str) -> str:
    """Where `b` and the choice `a` cost the same: `below` and `above` it one is the cheaper."""
    met = BreakEven(
        a="a",
        b="b",
        requests_per_month=at,
        exact=None,
        low=None,
        high=None,
        never_share=Decimal(0),
        cheaper_below=below,
        cheaper_above=above,
    )
    return charts.crossing_text(met, "b")


def caused(text: str) -> str:
    """What is said where the file of a diagnosis holds `text`."""
    with TemporaryDirectory() as folder:
        (Path(folder) / diagnosis.DIAGNOSIS_FILE).write_text(text)
        return diagnosis.read_diagnosis(Path(folder))[1]
