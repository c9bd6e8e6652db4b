"""`rung cost`: what each candidate costs, from a scenario file or from a run."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rung.errors import UserError
from rung.project import RUN_FILE, ProjectFolder

if TYPE_CHECKING:
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
        typer.Option(help="Override a price: a key of [costs], as machine_usd_per_hour=0.2."),
    ] = None,
    on: Annotated[str | None, typer.Option(help="Prices of this day, YYYY-MM-DD.")] = None,
    target: Annotated[float | None, typer.Option(help="Only candidates that reach it.")] = None,
    why: Annotated[bool, typer.Option("--why", help="Every figure with its inputs.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """What each candidate costs: per request, per correct answer, a month; and where it tips."""
    found = load(what)
    changes: dict[str, Any] = {}
    volume = dict(found.workload)
    if requests_per_month is not None:
        volume |= {"requests_per_month": _span(requests_per_month), "requests_per_day": None}
    if months is not None:
        volume["months"] = _span(months)
    changes["workload"] = volume
    if price or on is not None:
        changes["prices"] = None
        from rung.economics.of_run import with_prices

        changes["costs"] = with_prices(found.costs, price or [])
        changes["on"] = _day(on) if on is not None else found.on
    if target is not None:
        changes["target_score"] = target
    scenario = type(found).model_validate({**dict(found), **changes})
    typer.echo(answer(scenario, date.today(), why=why, as_json=as_json), nl=False)


def answer(scenario: Scenario, today: date, *, why: bool, as_json: bool) -> str:
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
    notes = "".join(f"\n{note}" for note in scenario.notes)
    body = show.text(analysis, title=scenario.title, why=why)
    return body + (f"\nNotes{notes}\n" if notes else "")


def load(what: list[str]) -> Scenario:
    """A scenario file, a run file, the newest run below a folder, or candidates in a word each."""
    from rung.economics import scenario
    from rung.economics.of_run import scenario_of_run

    path = Path(what[0])
    if len(what) == 1 and path.is_dir():
        path = ProjectFolder(path).newest_run() / RUN_FILE
    if len(what) == 1 and path.is_file():
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".toml":
            return scenario.parse(text, str(path))
        return scenario_of_run(text, str(path))
    if len(what) == 1 and "=" not in what[0]:
        raise UserError(f"{path} is not there; give a scenario (.toml), a run.json or a folder.")
    return scenario.Scenario.model_validate(
        {
            "title": "Stated candidates",
            "workload": {"requests_per_month": 10_000},
            "candidates": [scenario.inline(text) for text in what],
        }
    )


def _span(given: str) -> Any:
    """`100000`, or `50000:150000` for a range."""
    low, colon, high = given.replace("_", "").replace(",", "").partition(":")
    return [low, high] if colon else low


def _day(given: str) -> date:
    try:
        return date.fromisoformat(given)
    except ValueError as error:
        raise UserError(f"{given!r} is no day; write it as YYYY-MM-DD.") from error
