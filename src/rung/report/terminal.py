"""The ladder in a terminal: a table that a person understands at a glance, and plain lines."""

from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rung.records.results import CandidateResult, RunResult
from rung.report.part_rows import watched, weakest
from rung.report.reasons import next_text, reason_texts
from rung.report.red_flags import flag_lines
from rung.report.words import (
    COUNTS,
    TECHNIQUE_COLOURS,
    assumed_note,
    counts,
    headline,
    labels,
    models,
    month_cell,
    number,
    per_thousand,
    score_text,
    signed,
    state_text,
    usd,
)

MARKS = {
    "pass": "✓",
    "drop": "✗",
    "hopeless": "✗",
    "undecided": "?",
    "incomplete": "?",
    "probe": "·",
}
STYLES = {
    "pass": "bold green",
    "undecided": "yellow",
    "incomplete": "yellow",
}
CELLS = 16
OPEN = "?"
LEAST = 30
"""Characters that a candidate's words keep; other columns come as long as they leave so many."""
ALWAYS = 37
"""Mark, score with interval, verdict, and the space between columns."""
TINY = ALWAYS + LEAST
"""Columns below which a score stands without its interval."""
EXTRA = {"$/1k": 10, "key": 8, "on": 9, "strip": 18, "$/month": 10, "counts": 33, "technique": 13}
"""What is shown where there is room, the most wanted first, and the columns that it takes."""


def mark(row: CandidateResult) -> str:
    """One sign for what is known: ✗ is for what was shown to be below, and nothing else."""
    signs = {"below": "✗", "open": OPEN, "unlikely": "–"}
    return signs[row.standing] if row.standing else MARKS.get(row.state, " ")


def style(row: CandidateResult) -> str:
    """What passed or may still be good enough stands out; the rest is as legible as any text."""
    return STYLES["undecided"] if row.standing == "open" else STYLES.get(row.state, "")


def ladder_table(
    rows: Sequence[CandidateResult],
    choice: str | None,
    width: int,
    target: float | None = None,
) -> Table:
    """One row a candidate, in the order of the ladder."""
    shown = _shown(rows, width, target)
    names = labels(rows)
    table = Table(box=None, pad_edge=False, padding=(0, 1), expand=False)
    table.add_column("")
    if "technique" in shown:
        table.add_column("technique", no_wrap=True)
    table.add_column("candidate", overflow="fold", ratio=1)
    if "strip" in shown:
        table.add_column("0" + "score".center(CELLS - 2) + "1", no_wrap=True)
    table.add_column("score", no_wrap=True)
    if "on" in shown:
        table.add_column("on", justify="right", no_wrap=True)
    if "counts" in shown:
        for name in COUNTS:
            table.add_column(name, justify="right")
    for name in ("$/1k", "key", "$/month"):
        if name in shown:
            table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for row in rows:
        cells = _cells(row, names[row.key], row.key == choice, shown)
        if "strip" in shown and target is not None:
            cells.insert(2 + ("technique" in shown), strip(row, target))
        table.add_row(*cells, style=style(row))
    return table


def _shown(rows: Sequence[CandidateResult], width: int, target: float | None) -> set[str]:
    """The columns there is room for. Answers that are in no score come before all else."""
    missing = any(
        r.score is not None and r.score.errors + r.score.unscored + r.score.refused for r in rows
    )
    order = sorted(EXTRA, key=lambda name: not (missing and name == "counts"))
    left = width - (TINY if width >= TINY else TINY - 14)
    shown = {"interval"} if width >= TINY else set()
    for name in order:
        if name == "strip" and target is None:
            continue
        if EXTRA[name] > left:
            break
        left -= EXTRA[name]
        shown.add(name)
    return shown


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


def _cells(row: CandidateResult, label: str, chosen: bool, shown: set[str]) -> list[RenderableType]:
    score = row.score
    colour = TECHNIQUE_COLOURS[row.technique]
    cells: list[RenderableType] = [Text("▶" if chosen else mark(row))]
    named = "technique" in shown
    cells += [Text(row.technique, style=colour)] if named else []
    cells.append(Text(label, style="" if named else colour))
    plain = number(score.value if score else None)
    cells.append(Text(score_text(score) if "interval" in shown else plain))
    cells += [Text("–" if score is None else f"{score.n} {score.split}")] if "on" in shown else []
    cells += [Text(c) for c in counts(score)] if "counts" in shown else []
    cells += [Text(per_thousand(row))] if "$/1k" in shown else []
    cells += [Text(row.key.rpartition("~")[2])] if "key" in shown else []
    cells += [Text(month_cell(row))] if "$/month" in shown else []
    cells.append(Text(state_text(row)))
    return cells


def verdict_text(result: RunResult) -> RenderableType:
    """What to do, why, and what comes next; a long reason goes on below its own beginning."""
    colours = {"sufficient": "bold green", "insufficient": "bold red", "undecided": "bold yellow"}
    head = Text()
    head.append(f"{result.verdict.status.upper()}  ", style=colours[result.verdict.status])
    head.append(headline(result), style="bold")
    why, then, names = Table.grid(), Table.grid(), labels(result.candidates)
    for reason in reason_texts(result):
        why.add_row("  · ", Text(reason))
    for compared in result.verdict.comparisons:
        why.add_row("  · ", Text(
            f"against {names.get(compared.other, compared.other)}: {signed(compared.difference)} "
            f"[{signed(compared.low)}, {signed(compared.high)}] on {compared.n} common examples "
            f"({compared.method})"
        ))  # fmt: skip
    row = watched(result)
    if row is not None and (missed := weakest(row.dev)):
        why.add_row("  · ", Text(f"Least often right on dev, of {names[row.key]}: {missed}."))
    then.add_row("  next: ", Text(next_text(result)))
    return Group(head, why, then, Text())


def calls_text(result: RunResult) -> str:
    """Calls made now, answered from the cache, and what everything on everything would take."""
    calls = result.calls
    share = f"{calls.used / calls.exhaustive:.0%}" if calls.exhaustive else "–"
    return (
        f"{calls.made:,} model calls made, {calls.cached:,} answered from the cache, "
        f"{calls.used:,} answers used of {calls.exhaustive:,} exhaustive ({share}), "
        f"{calls.tokens:,} tokens where {calls.tokens_forecast:,} were forecast; "
        f"{result.seconds:.1f} s, "
        f"{usd(result.spent_usd)} spent"
    )


def show(result: RunResult, console: Console) -> None:
    """Print a finished run."""
    sizes = ", ".join(f"{n} {name}" for name, n in result.sizes.items())
    target = f"target {result.metric} ≥ {result.target:g} at {result.confidence:.0%} confidence"
    asked = (
        f" · asking {', '.join(asked_models)}"
        if (asked_models := models(result.candidates))
        else ""
    )
    console.print(Text(f"{result.task}: {target} · {sizes}{asked}", style="bold"))
    table = ladder_table(result.candidates, result.verdict.choice, console.width, result.target)
    notes = [Text(f"note: {note}", style="dim") for note in result.notes]
    notes += [Text(f"flag: {line}", style="yellow") for line in flag_lines(result.flags)]
    starred = assumed_note(result.candidates)
    notes += [Text(starred, style="dim")] if starred else []
    console.print(Padding(table, (1, 0)))
    console.print(Group(verdict_text(result), *notes, Text(calls_text(result), style="dim")))
    if result.ledger:
        console.print(Text(result.ledger, style="dim"))
