"""`rung watch`: is the served winner still what was measured?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rung.money import usd

if TYPE_CHECKING:
    from rung.loop.watch import Look

TOO_LITTLE, ALARM = 4, 5
MARKS = {"quiet": "✓", "alarm": "!", "too little data": "·", "not tested": "·"}


def watch(
    folder: Annotated[Path, typer.Argument(help="Folder with rung.toml.", metavar="DIR")],
    since: Annotated[str | None, typer.Option(help="Only requests from this day on.")] = None,
    alpha: Annotated[float, typer.Option(help="Chance of any false alarm in 52 looks.")] = 0.05,
    log: Annotated[str | None, typer.Option(help="URL of the traffic log.")] = None,
    budget: Annotated[
        float | None, typer.Option(help="Most USD for a hosted embedder or judge.", min=0.0)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Compare the traffic with what was measured, and the documents with those indexed.

    Exit code 0: nothing changed that could be told. 4: too little data to tell anything.
    5: something changed; climb, re-index or harvest as it says.
    """
    from rung.climbing.tools import ClimbOptions
    from rung.loop.watch import watch as look
    from rung.loop.watch.state import moment

    options = ClimbOptions(budget_usd=budget)
    report = look(folder, log, since=moment(since), alpha=alpha, options=options)
    typer.echo(report.model_dump_json(indent=1) if as_json else _text(report))
    if report.alarms:
        raise typer.Exit(ALARM)
    if not report.told:
        raise typer.Exit(TOO_LITTLE)


def _text(report: Look) -> str:
    lines = [f"winner {report.winner[:16]}, its newest {report.requests} requests"]
    for check in report.checks:
        p_value = "" if check.p_value is None else f"  (p {check.p_value:.2g})"
        lines.append(f"{MARKS[check.state]} {check.name:<11} {check.state}: {check.said}{p_value}")
        if check.advice:
            lines.append(f"  → {check.advice}")
    for what, change in (("task", report.task_changes), ("documents", report.document_changes)):
        if change.days:
            rhythm = f": {change.rhythm}" if change.rhythm else ", too short to tell how often"
            times = "once" if change.changes == 1 else f"{change.changes} times"
            lines.append(f"  the {what} changed {times} in {change.days:.1f} days{rhythm}")
    if report.per_month is not None:
        lines.append(f"  {report.per_month:,.0f} requests a month at this pace")
    if report.spent_usd:
        lines.append(f"  {usd(report.spent_usd)} paid to a hosted embedder or judge")
    lines.append(
        f"chance of any false alarm in {report.looks} looks: at most {report.alpha:g} "
        "(documents are compared by content and cannot alarm falsely)"
    )
    return "\n".join(lines)
