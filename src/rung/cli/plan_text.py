"""The plan of a climb as a person reads it."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rung.cli.plan_data import Amount, Plan, PlannedRung
from rung.report.words import TECHNIQUE_COLOURS, usd


def show(plan: Plan, console: Console) -> None:
    """Print candidates in order, the forecast, and what can be certified."""
    sizes = ", ".join(f"{n} {name}" for name, n in plan.sizes.items())
    target = f"target {plan.metric} ≥ {plan.target:g} at {plan.confidence:.0%} confidence"
    console.print(Text(f"{plan.task}: {target} · {sizes}", style="bold"))
    console.print()
    console.print(_table(plan, wide=console.width >= 100))
    console.print()
    for line in (*_forecast(plan), certification_text(plan)):
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
    training = sum(row.training_tokens for row in plan.candidates)
    lines = [
        f"$/month at {plan.requests_per_month:,} requests, set-up spread over {plan.months} "
        "months. All figures are expected, to order the ladder; the climb measures them.",
        f"Pilots only:   {_amount(plan.pilots_only)}",
        f"Everything:    {_amount(plan.everything)}",
        "The first candidate that is certified ends the climb, so most stop well before that.",
    ]
    assumed = {row.passed_on for row in plan.candidates if row.passed_on is not None}
    if assumed:
        said = " or ".join(f"{share:.0%}" for share in sorted(assumed, reverse=True))
        lines.append(
            f"Cascades are assumed to pass {said} of the requests on to their last model: nothing "
            "is known of it before their pilots."
        )
    if training:
        lines.append(f"Training comes on top: {training:,} tokens in all epochs.")
    lines += [_bought(row) for row in plan.candidates if row.hosted]
    return lines


def _amount(found: Amount) -> str:
    said = f"{found.calls:,} calls, {found.tokens:,} tokens, {usd(found.usd)}"
    if found.minutes is None:
        return said
    minutes = "under a minute" if found.minutes < 1 else f"about {found.minutes:,.0f} minutes"
    return f"{said}, {minutes} of computing on this machine"


def certification_text(plan: Plan) -> str:
    """What the test examples can certify at best, in one sentence."""
    found = plan.certification
    if not found.units:
        return "There are no test examples: nothing can be certified."
    if found.graded:
        return (
            f"With {found.units} test examples, graded scores are certified by their mean and "
            f"spread (error {found.alpha:.2g} for each candidate)."
        )
    if found.must_see is None:
        return (
            f"With {found.units} test examples not even all right certifies {found.target:g} "
            f"(error {found.alpha:.2g} for each candidate): add test examples, or lower the target."
        )
    share = found.must_see / found.units
    return (
        f"With {found.units} test examples you must see {found.must_see} right ({share:.0%}) to "
        f"certify {found.target:g} (error {found.alpha:.2g} for each candidate)."
    )


def _bought(row: PlannedRung) -> str:
    """What hosted training is expected to cost, or that it is not known."""
    if row.training_usd is None:
        price = "a price that is not known: set [costs] training_usd_per_mtok"
    else:
        price = f"about ${row.training_usd:.2f}"
    return f"{row.key} buys training from the model's provider, at {price}."
