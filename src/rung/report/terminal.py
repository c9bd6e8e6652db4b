"""The ladder in a terminal: a table that a person understands at a glance, and plain lines."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rung.decide.results import CandidateResult, RunResult
from rung.report.red_flags import flag_lines
from rung.report.words import (
    STATES,
    TECHNIQUE_COLOURS,
    counts,
    headline,
    labels,
    models,
    number,
    per_thousand,
    score_text,
    usd,
)

MARKS = {"pass": "✓", "drop": "✗", "hopeless": "✗", "undecided": "?", "probe": "·"}
STYLES = {"pass": "bold green", "drop": "dim", "hopeless": "dim", "undecided": "yellow"}
NARROW = 120
"""Columns below which only the figures that decide are shown."""
SLIM = 96
"""Columns below which a candidate's words say its technique."""
TINY = 60
"""Columns below which a score stands without its interval, and no cost: the verdict has room."""
ROOMY = 128
"""Columns from which each score is drawn, with its interval and the target."""
CELLS = 20


def ladder_table(
    rows: Sequence[CandidateResult],
    choice: str | None,
    width: int,
    target: float | None = None,
) -> Table:
    """One row a candidate, in the order of the ladder."""
    wide = width >= NARROW
    drawn = width >= ROOMY and target is not None
    said = labels(rows)
    table = Table(box=None, pad_edge=False, padding=(0, 1), expand=False)
    table.add_column("")
    if width >= SLIM:
        table.add_column("technique", no_wrap=True)
    table.add_column("candidate", overflow="fold", ratio=1)
    if drawn:
        table.add_column("0" + "score".center(CELLS - 2) + "1", no_wrap=True)
    table.add_column("score", no_wrap=True)
    if width >= SLIM:
        table.add_column("on", justify="right", no_wrap=True)
    if wide:
        for name in ("wrong", "errors", "unscored"):
            table.add_column(name, justify="right")
    if width >= TINY:
        table.add_column("$/1k", justify="right", no_wrap=True)
    if wide:
        table.add_column("$/month", justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for row in rows:
        cells = _cells(row, said[row.key], row.key == choice, width)
        if drawn and target is not None:
            cells.insert(3, strip(row, target))
        table.add_row(*cells, style=STYLES.get(row.state, ""))
    return table


def strip(row: CandidateResult, target: float) -> Text:
    """The score from 0 to 1 as a dot on its interval, the target as an upright line."""
    score = row.score
    signs = ["·"] * CELLS
    if score is not None and score.low is not None and score.high is not None:
        for place in range(_cell(score.low), _cell(score.high) + 1):
            signs[place] = "━"
    signs[_cell(target)] = "┊" if signs[_cell(target)] == "·" else "┿"
    if score is not None and score.value is not None:
        signs[_cell(score.value)] = "●"
    return Text("".join(signs))


def _cell(value: float) -> int:
    return min(CELLS - 1, max(0, int(value * CELLS)))


def _cells(row: CandidateResult, label: str, chosen: bool, width: int) -> list[RenderableType]:
    score = row.score
    on = "–" if score is None else f"{score.n} {score.split}"
    mark = "▶" if chosen else MARKS.get(row.state, " ")
    wide, slim, tiny = width >= NARROW, width < SLIM, width < TINY
    colour = TECHNIQUE_COLOURS[row.technique]
    cells: list[RenderableType] = [Text(mark)]
    cells += [] if slim else [Text(row.technique, style=colour)]
    cells.append(Text(label, style=colour if slim else ""))
    cells.append(Text(number(score.value if score else None) if tiny else score_text(score)))
    cells += [] if slim else [Text(on)]
    if wide:
        cells += [Text(c) for c in counts(score)]
    cells += [] if tiny else [Text(per_thousand(row))]
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
    said = labels(result.candidates)
    for compared in result.verdict.comparisons:
        text.append(
            f"  · against {said.get(compared.other, compared.other)}: {compared.difference:+.3f} "
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
        f"{calls.used} answers used of {calls.exhaustive} exhaustive ({share}), "
        f"{calls.tokens:,} tokens where {calls.tokens_forecast:,} were forecast; "
        f"{result.seconds:.1f} s, "
        f"{usd(result.spent_usd)} spent"
    )


def show(result: RunResult, console: Console) -> None:
    """Print a finished run."""
    sizes = ", ".join(f"{n} {name}" for name, n in result.sizes.items())
    target = f"target {result.metric} ≥ {result.target:g} at {result.confidence:.0%} confidence"
    asked = f" · asking {', '.join(found)}" if (found := models(result.candidates)) else ""
    console.print(Text(f"{result.task}: {target} · {sizes}{asked}", style="bold"))
    table = ladder_table(result.candidates, result.verdict.choice, console.width, result.target)
    notes = [Text(f"note: {note}", style="dim") for note in result.notes]
    notes += [Text(f"flag: {line}", style="yellow") for line in flag_lines(result.flags)]
    console.print(Padding(table, (1, 0)))
    console.print(Group(verdict_text(result), *notes, Text(calls_text(result), style="dim")))
    if result.ledger:
        console.print(Text(result.ledger, style="dim"))
