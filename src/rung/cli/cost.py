"""`rung cost`: what each candidate costs, from a scenario file or from a run."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer

from rung.errors import UserError

RUN_FILE = "run.json"


def cost(
    path: Annotated[
        Path,
        typer.Argument(help="A scenario (.toml), a run.json, or a task's folder: its newest run."),
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
    from rung.economics.scenario import Scenario

    found = load(path)
    changes: dict[str, Any] = {}
    volume = found.workload.model_dump()
    if requests_per_month is not None:
        volume |= {"requests_per_month": _span(requests_per_month), "requests_per_day": None}
    if months is not None:
        volume["months"] = _span(months)
    changes["workload"] = volume
    changes["costs"] = with_prices(found.costs, price or [])
    day = _day(on) if on is not None else found.on or date.today()
    changes["on"] = day
    if target is not None:
        changes["target_score"] = target
    scenario = Scenario.model_validate({**dict(found), **changes})
    typer.echo(answer(scenario, day, why=why, as_json=as_json), nl=False)


def answer(scenario: Any, day: date, *, why: bool, as_json: bool) -> str:
    """The text or JSON of one scenario."""
    from rung.economics import output, show
    from rung.economics.analysis import analyse

    analysis = analyse(
        scenario.candidates,
        scenario.workload.workload(),
        scenario.settings(),
        day,
        target=scenario.target_score,
    )
    if as_json:
        head = {"title": scenario.title, "notes": list(scenario.notes)}
        return output.dumps({**head, **output.as_json(analysis)})
    notes = "".join(f"\n{note}" for note in scenario.notes)
    body = show.text(analysis, title=scenario.title, why=why)
    return body + (f"\nNotes{notes}\n" if notes else "")


def load(path: Path) -> Any:
    """A scenario from a scenario file, a run file, or the newest run below a folder."""
    from rung.economics.scenario import parse

    if path.is_dir():
        path = newest_run(path)
    if not path.is_file():
        raise UserError(f"{path} is not there; give a scenario (.toml), a run.json or a folder.")
    text = path.read_text(encoding="utf-8")
    return parse(text, str(path)) if path.suffix == ".toml" else scenario_of_run(text, str(path))


def newest_run(folder: Path) -> Path:
    """The run of `<folder>/.rung/runs` that was written last."""
    runs = sorted(
        (folder / ".rung" / "runs").glob(f"*/{RUN_FILE}"), key=lambda p: p.stat().st_mtime
    )
    if not runs:
        raise UserError(f"No run below {folder}; run `rung climb {folder}` first.")
    return runs[-1]


def scenario_of_run(text: str, name: str) -> Any:
    """A run as a scenario: `candidates` (CandidateUsage), `workload`, `costs`, `target`."""
    from pydantic import TypeAdapter, ValidationError

    from rung.economics.scenario import Scenario
    from rung.economics.settings import CostSettings
    from rung.economics.spec import CandidateUsage, spec_of

    try:
        plain = json.loads(text, parse_float=Decimal)
        usages = TypeAdapter(list[CandidateUsage]).validate_python(plain["candidates"])
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        raise UserError(f"{name} is not a run that costs can be read from: {error}") from error
    costs = plain.get("costs", {})
    settings = CostSettings.read(costs)
    workload = plain.get("workload") or {}
    return Scenario.model_validate(
        {
            "title": plain.get("title") or plain.get("name") or name,
            "on": plain.get("prices_of"),
            "target_score": plain.get("target_score"),
            "workload": {
                "requests_per_month": workload.get("requests_per_month", 10_000),
                "months": workload.get("months", 12),
            },
            "costs": costs,
            "candidates": [spec_of(usage, settings) for usage in usages],
        }
    )


def with_prices(costs: dict[str, Any], given: list[str]) -> dict[str, Any]:
    """`[costs]` with overrides of the form `key=value`; `models.NAME.key=value` for one model."""
    merged = {**costs, "models": {k: dict(v) for k, v in costs.get("models", {}).items()}}
    for item in given:
        key, sign, value = item.partition("=")
        if not sign:
            raise UserError(f"--price {item!r}: write it as key=value.")
        if key.startswith("models."):
            model, _, field = key.removeprefix("models.").rpartition(".")
            merged["models"].setdefault(model, {})[field] = value
        else:
            merged[key] = value
    return merged


def _span(given: str) -> Any:
    """`100000`, or `50000:150000` for a range."""
    low, colon, high = given.replace("_", "").replace(",", "").partition(":")
    return [low, high] if colon else low


def _day(given: str) -> date:
    try:
        return date.fromisoformat(given)
    except ValueError as error:
        raise UserError(f"--on {given!r}: write the day as YYYY-MM-DD.") from error
