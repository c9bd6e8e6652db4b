"""The plan of a climb as a person reads it."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rung.report.planning import (
    Plan,
    amount_text,
    cascade_lines,
    certification_text,
    setup_lines,
    training_lines,
)
from rung.report.words import TECHNIQUE_COLOURS, usd


def show(plan: Plan, console: Console) -> None:
    """Print candidates in order, the forecast, and what can be certified."""
    sizes = ", ".join(f"{n} {name}" for name, n in plan.sizes.items())
    target = f"target {plan.metric} ≥ {plan.target:g} at {plan.confidence:.0%} confidence"
    console.print(Text(f"{plan.task}: {target} · {sizes}", style="bold"))
    console.print()
    console.print(_table(plan, wide=console.width >= 100))
    console.print()
    for line in (*_forecast(plan), certification_text(plan), *plan.notes):
        console.print(Text(line))
    console.print(Text(f"Prices of {plan.prices_of}. No model was asked.", style="dim"))


def _table(plan: Plan, wide: bool) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1))
    table.add_column("", justify="right")
    table.add_column("technique", no_wrap=True)
    table.add_column("candidate", overflow="fold", ratio=1)
    if wide:
        table.add_column("tokens in", justify="right", no_wrap=True)
        table.add_column("out", justify="right", no_wrap=True)
    table.add_column("$/1k", justify="right", no_wrap=True)
    if wide:
        table.add_column("set-up", justify="right", no_wrap=True)
    table.add_column("$/month", justify="right", no_wrap=True)
    for place, row in enumerate(plan.candidates, 1):
        cells = [
            Text("·" if row.probe else str(place)),
            Text(row.technique, style=TECHNIQUE_COLOURS[row.technique]),  # type: ignore[index]
            Text(row.description + (" (probe, dev only)" if row.probe else "")),
        ]
        if wide:
            cells += [Text(f"{row.input_tokens:,}"), Text(f"{row.output_tokens:,}")]
        cells.append(Text(usd(row.cost_per_request_usd * 1000)))
        if wide:
            cells.append(Text(usd(row.setup_usd)))
        cells.append(Text(usd(row.monthly_usd)))
        table.add_row(*cells)
    return table


def _forecast(plan: Plan) -> list[str]:
    return [
        f"$/month at {plan.requests_per_month:,} requests, set-up spread over {plan.months} "
        "months. All figures are expected, to order the ladder; the climb measures them.",
        *setup_lines(plan),
        f"Pilots only:   {amount_text(plan.pilots_only)}",
        f"Everything:    {amount_text(plan.everything)}",
        "The first candidate that is certified ends the climb, so most stop well before that.",
        *cascade_lines(plan),
        *training_lines(plan),
    ]
