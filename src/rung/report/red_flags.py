"""Red flags of the audit, in the terminal and in Markdown; the page has a template of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from rung.records import Flag
from rung.report.texts import clean, one_line

if TYPE_CHECKING:
    from rung.audit import Audit, Ceiling
    from rung.audit.fix import Written

STYLES = {"block": "bold red", "warn": "yellow", "info": "dim"}
SHOWN_IDS = 6
WORDS = {"block": "stops a climb", "warn": "read with care", "info": "worth knowing"}


def audit_text(audit: Audit) -> RenderableType:
    """The whole audit for a terminal."""
    sizes = ", ".join(f"{n:,} {name}" for name, n in audit.sizes.items())
    parts: list[RenderableType] = [Text(f"{clean(audit.task)}: {sizes}", style="bold"), Text()]
    for flag in audit.flags:
        parts.append(_flag(flag))
    if not audit.flags:
        parts.append(Text("No red flags."))
    if audit.ceiling is not None:
        parts.append(Text(_ceiling(audit.ceiling)))
    ran = [check.id for check in audit.checked if not check.skipped]
    parts.append(Text(f"Checked: {', '.join(ran)}.", style="dim"))
    parts += [
        Text(f"Not checked: {check.id}: {clean(check.skipped)}.", style="dim")
        for check in audit.checked
        if check.skipped
    ]
    return Group(*parts)


def _ceiling(top: Ceiling) -> str:
    sentence = (
        f"Ceiling: this data can show at most {top.value:.3f} [{top.low:.3f}, {top.high:.3f}] of a "
        f"system that is always right, going by {top.n:,} {top.unit}."
    )
    if top.strict is None:
        return f"{sentence} Errors made in the same way everywhere are not seen by it."
    return f"{sentence} No system at all exceeds {top.strict:.3f} on the test examples."


def _flag(flag: Flag) -> RenderableType:
    head = Text()
    head.append(f"{flag.severity.upper():<6}", style=STYLES[flag.severity])
    head.append(f"{flag.id}: ", style="bold")
    head.append(clean(flag.text))
    below = [Text(f"→ {clean(flag.advice)}"), Text(f"{clean(flag.source)}", style="dim")]
    if flag.examples:
        below.insert(1, Text(f"look at: {clean(ids(flag))}", style="dim"))
    return Group(head, Padding(Group(*below), (0, 0, 1, 6)))


def ids(flag: Flag, most: int = SHOWN_IDS) -> str:
    """The first ids, and how many more there are."""
    more = len(flag.examples) - most
    shown = ", ".join(one_line(i, 60) for i in flag.examples[:most])
    return f"{shown} and {more:,} more" if more > 0 else shown


def flag_lines(flags: Sequence[Flag]) -> list[str]:
    """One line a flag for the end of a climb; what is only worth knowing is counted."""
    lines = [f"{flag.severity} {flag.id}: {flag.text}" for flag in flags if flag.severity != "info"]
    rest = sum(flag.severity == "info" for flag in flags)
    if rest:
        more = "more " if lines else ""
        lines.append(f"{rest} {more}worth knowing: `rung audit` shows them")
    return [clean(line) for line in lines]


def copy_text(written: Written) -> str:
    """Where the copy is, and what was done to it."""
    rows = "example" if written.taken_out == 1 else "examples"
    lines = [f"copy: {written.folder}", f"{written.taken_out:,} {rows} taken out"]
    lines.append(f"{written.to_review:,} to review in review.jsonl")
    if written.redactions:
        rows = "text" if written.redactions == 1 else "texts"
        lines.append(f"{written.redactions:,} {rows} redacted")
    return ", ".join(lines)
