"""Labels that look wrong, in the terminal: one key each."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.text import Text

from rung.report.texts import cut

if TYPE_CHECKING:
    from rich.console import Console

    from rung.audit.labels import Labels, Suspect

WHO = os.environ.get("USER") or "reviewer"
"""Kept with what is said."""
KEYS = "a takes the suggested label, k keeps the given one, s skips, u takes the last back, q ends"
MOST_CHARS = 1_000
"""Characters of an input that are shown."""


def look_through(folder: Path, console: Console) -> None:
    """Each suspect label in turn; what is said is kept at once."""
    from rung.audit.labels import Labels, suspected
    from rung.report.witnessed import material_of_task
    from rung.task.corrections import FILE
    from rung.task.load import load_task

    task = load_task(folder)
    root = task.root or folder
    suspects, labels = suspected(asyncio.run(material_of_task(task))), Labels(root)
    if not suspects:
        console.print("No label looks wrong that nobody has looked at.")
        return
    console.print(f"{len(suspects)} labels look wrong. {KEYS}.", markup=False)
    decided = [key for key in _keys(suspects, labels, console) if key in "ak"]
    taken = decided.count("a")
    console.print(
        f"{taken} corrected, {len(decided) - taken} kept, in {root / FILE}: the data stays as it "
        "is, and a line taken out undoes one.",
        markup=False,
    )


def _keys(suspects: list[Suspect], labels: Labels, console: Console) -> list[str]:
    """The key that was pressed for each, in order; what was taken back is gone from it."""
    from rung.task.types import render_input

    pressed: list[str] = []
    while len(pressed) < len(suspects):
        suspect = suspects[len(pressed)]
        console.print()
        place = suspect.place or suspect.id
        console.print(Text(f"{len(pressed) + 1} of {len(suspects)} · {place}"))
        console.print(Text(cut(render_input(suspect.input), MOST_CHARS)))
        console.print(Text(f"given: {suspect.given} · suggested: {suspect.suggested}", "bold"))
        try:
            key = typer.getchar().lower()
        except EOFError:  # Ctrl-D
            break
        if key == "q":
            break
        if key == "u" and pressed:
            if pressed.pop() != "s":
                labels.undo()
        elif key in ("a", "k"):
            labels.settle(suspect, WHO, accept=key == "a")
            pressed.append(key)
        elif key == "s":
            pressed.append(key)
        else:
            console.print(f"{KEYS}.", markup=False)
    return pressed
