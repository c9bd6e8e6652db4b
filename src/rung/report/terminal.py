"""The ladder in a terminal: a table that a person understands at a glance, and plain lines."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rung.decide.results import CandidateResult, RunResult
from rung.report.words import (
    STATES,
    TECHNIQUE_COLOURS,
    counts,
    describe,
    headline,
    number,
    per_thousand,
    score_text,
    usd,
)

MARKS = {"pass": "✓", "drop": "✗", "hopeless": "✗", "undecided": "?", "probe": "·"}
STYLES = {"pass": "bold green", "drop": "dim", "hopeless": "dim", "undecided": "yellow"}
NARROW = 100
"""Columns below which only the figures that decide are shown."""


def ladder_table(rows: Sequence[CandidateResult], choice: str | None, width: int) -> Table:
    """One row a candidate, in the order of the ladder."""
    wide = width >= NARROW
    table = Table(box=None, pad_edge=False, padding=(0, 1), expand=False)
    table.add_column("")
    table.add_column("technique", no_wrap=True)
    table.add_column("candidate", overflow="fold", ratio=1)
    table.add_column("score", no_wrap=True)
    table.add_column("on", justify="right", no_wrap=True)
    if wide:
        for name in ("wrong", "errors", "unscored"):
            table.add_column(name, justify="right")
    table.add_column("$/1k", justify="right", no_wrap=True)
    if wide:
        table.add_column("$/month", justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for row in rows:
        table.add_row(*_cells(row, choice, wide), style=STYLES.get(row.state, ""))
    return table


def _cells(row: CandidateResult, choice: str | None, wide: bool) -> list[RenderableType]:
    score = row.score
    on = "–" if score is None else f"{score.n} {score.split}"
    mark = "▶" if row.key == choice else MARKS.get(row.state, " ")
    cells: list[RenderableType] = [
        Text(mark),
        Text(row.technique, style=TECHNIQUE_COLOURS[row.technique]),
        Text(describe(row)),
        Text(score_text(score)),
        Text(on),
    ]
    if wide:
        cells += [Text(c) for c in counts(score)]
    cells.append(Text(per_thousand(row)))
    if wide:
        cells.append(Text(usd(row.monthly_usd)))
    cells.append(Text(STATES[row.state]))
    return cells


def verdict_text(result: RunResult) -> Text:
    """What to do, why, and what it took."""
    colours = {"sufficient": "bold green", "insufficient": "bold red", "undecided": "bold yellow"}
    text = Text()
    text.append(f"{result.verdict.status.upper()}  ", style=colours[result.verdict.status])
    text.append(headline(result) + "\n", style="bold")
    for reason in result.verdict.reasons:
        text.append(f"  · {reason}\n")
    for compared in result.verdict.comparisons:
        text.append(
            f"  · against {compared.other}: {compared.difference:+.3f} "
            f"[{number(compared.low)}, {number(compared.high)}] on {compared.n} common examples "
            f"({compared.method})\n"
        )
    text.append(f"  next: {result.verdict.next_step}\n")
    return text


def calls_text(result: RunResult) -> str:
    """Calls made now, answered from the cache, and what everything on everything would take."""
    calls = result.calls
    share = f"{calls.used / calls.exhaustive:.0%}" if calls.exhaustive else "–"
    return (
        f"{calls.made} model calls made, {calls.cached} answered from the cache, "
        f"{calls.used} used of {calls.exhaustive} exhaustive ({share}); {result.seconds:.1f} s, "
        f"{usd(result.spent_usd)} spent"
    )


def show(result: RunResult, console: Console) -> None:
    """Print a finished run."""
    sizes = ", ".join(f"{n} {name}" for name, n in result.sizes.items())
    target = f"target {result.metric} ≥ {result.target:g} at {result.confidence:.0%} confidence"
    console.print(Text(f"{result.task}: {target} · {sizes}", style="bold"))
    table = ladder_table(result.candidates, result.verdict.choice, console.width)
    notes = [Text(f"note: {note}", style="dim") for note in result.notes]
    console.print(Padding(table, (1, 0)))
    console.print(Group(verdict_text(result), *notes, Text(calls_text(result), style="dim")))
    if result.ledger:
        console.print(Text(result.ledger, style="dim"))
