"""`rung cost`: what each candidate costs, from a scenario file or from a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rung.errors import UserError
from rung.project import RUN_FILE, ProjectFolder

if TYPE_CHECKING:
    from rung.economics.amounts import Span
    from rung.economics.scenario import Scenario


def cost(
    what: Annotated[
        list[str],
        typer.Argument(
            help="A scenario (.toml), a run.json, a task's folder (its newest run), or candidates "
            "in a word: name=openai/gpt-4o:500/100 (tokens in and out)."
        ),
    ],
    requests_per_month: Annotated[
        str | None, typer.Option(help="Another volume, or low:high. What if?")
    ] = None,
    months: Annotated[str | None, typer.Option(help="Another horizon.")] = None,
    price: Annotated[
        list[str] | None,
        typer.Option(
            help="Override a price: a key of the costs table, as machine_usd_per_hour=0.2."
        ),
    ] = None,
    on: Annotated[str | None, typer.Option(help="Prices of this day, YYYY-MM-DD.")] = None,
    target: Annotated[
        float | None, typer.Option(help="Only candidates that reach it.", min=0, max=1)
    ] = None,
    why: Annotated[bool, typer.Option("--why", help="Every figure with its inputs.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """What each candidate costs: per request, per correct answer, a month; and where it tips."""
    day = _day(on) if on is not None else None
    loaded = load(what, price or [], day)
    changes: dict[str, Any] = {}
    volume = dict(loaded.workload)
    if requests_per_month is not None:
        volume |= {
            "requests_per_month": _span("--requests-per-month", requests_per_month),
            "requests_per_day": None,
        }
    if months is not None:
        volume["months"] = _span("--months", months)
    changes["workload"] = volume
    if target is not None:
        changes["target_score"] = target
    scenario = type(loaded).model_validate({**dict(loaded), **changes})
    for item in price or []:
        rest = [other for other in price or [] if other != item]
        _refuse_idle(item, scenario, load(what, rest, day))
    named = {} if as_json else names(what)
    typer.echo(answer(scenario, date.today(), why=why, as_json=as_json, named=named), nl=False)


def _refuse_idle(item: str, scenario: Scenario, without: Scenario) -> None:
    """A price that no candidate pays is told, not swallowed."""
    from rung.economics.analysis import models_of

    workload, today = scenario.workload.workload(), date.today()
    bills = [
        [
            (m.lines, m.rates and (m.rates.tokens, m.rates.batch))  # batches are said, too
            for m in models_of(one.candidates, workload, one.book(today))
        ]
        for one in (scenario, without)
    ]
    if bills[0] == bills[1]:
        raise UserError(
            f"--price {item} changes nothing: no candidate here pays it, or all pay just that. "
            "`rung cost --why` shows what is paid; a listed model's price is "
            "models.NAME.input_usd_per_mtok."
        )


def names(what: list[str]) -> dict[str, str]:
    """Candidates of a run in words, by key; nothing where people named them."""
    from rung.records.results import RunResult
    from rung.report.words import labels

    path = Path(what[0])
    path = ProjectFolder(path).newest_run() / RUN_FILE if path.is_dir() else path
    if len(what) > 1 or path.suffix == ".toml" or not path.is_file():
        return {}
    try:
        return labels(RunResult.model_validate_json(path.read_text(encoding="utf-8")).candidates)
    except ValueError:
        return {}


def answer(
    scenario: Scenario,
    today: date,
    *,
    why: bool,
    as_json: bool,
    named: Mapping[str, str] | None = None,
) -> str:
    """The text or JSON of one scenario."""
    from rung.economics import output, show
    from rung.economics.analysis import analyse

    analysis = analyse(
        scenario.candidates,
        scenario.workload.workload(),
        scenario.book(today),
        target=scenario.target_score,
    )
    if as_json:
        head = {"title": scenario.title, "notes": list(scenario.notes)}
        return output.dumps({**head, **output.as_json(analysis)})
    return show.text(
        analysis, title=scenario.title, notes=scenario.notes, why=why, named=named or {}
    )


def load(what: list[str], price: Sequence[str] = (), day: date | None = None) -> Scenario:
    """A scenario file, a run file, the newest run below a folder, or candidates in a word each.

    `price` holds overrides of `[costs]`, `day` another day of the prices.
    """
    from rung.economics import scenario
    from rung.economics.of_run import scenario_of_run, with_prices

    path = Path(what[0])
    if len(what) == 1 and path.is_dir():
        path = ProjectFolder(path).newest_run() / RUN_FILE
    if len(what) == 1 and path.is_file() and path.suffix != ".toml":
        return scenario_of_run(path.read_text(encoding="utf-8"), str(path), price, day)
    if len(what) == 1 and path.is_file():
        loaded = scenario.parse(path.read_text(encoding="utf-8"), str(path))
    elif len(what) == 1 and "=" not in what[0]:
        raise UserError(f"{path} is not there; give a scenario (.toml), a run.json or a folder.")
    else:
        loaded = scenario.Scenario.model_validate(
            {
                "title": "Stated candidates",
                "workload": {"requests_per_month": 10_000},
                "candidates": [scenario.inline(text) for text in what],
            }
        )
    if not price and day is None:
        return loaded
    costs = {"costs": with_prices(loaded.costs, price), "on": day or loaded.on}
    return type(loaded).model_validate({**dict(loaded), **costs})


def _span(option: str, given: str) -> Span:
    """`100000`, or `50000:150000` for a range."""
    from rung.economics.amounts import span
    from rung.money import typed

    low, colon, high = given.partition(":")
    try:
        return span([typed(low), typed(high)] if colon else typed(low))
    except UserError as error:
        raise UserError(f"{option}: {error}") from error


def _day(given: str) -> date:
    try:
        day = date.fromisoformat(given)
    except ValueError as error:
        raise UserError(f"--on {given!r} is no day; write it as YYYY-MM-DD.") from error
    if day > date.today():
        raise UserError(f"--on {day}: prices of a day to come are not known.")
    return day
