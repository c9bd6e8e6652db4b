"""`rung climb FILE`: data first, questions last.

A file becomes a project beside it, a folder one in its folder `rung`, which read the rows where
they lie. What was guessed is shown on one screen and stands as a comment in
`rung.toml`; nothing is asked of a model before it was seen.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from rung.errors import UserError
from rung.project import ProjectFolder, write_whole

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from rung.exchange.importing.imported import Imported
    from rung.records import Flag
    from rung.task.types import Example, Task

WITHIN = "rung"
"""The project's folder within a folder of data."""
ROWS = 5
"""Rows that are shown."""
TEXT = 100
"""Characters of a cell."""
IDENT = 20
"""Characters of an id: its end, which tells rows apart."""
LABELS = 40
"""Labels that are counted on the screen."""
SUSPECTS = 8
"""Examples that a red flag shows."""
MISSPELT = 10
"""How many times as common a label must be for one that looks like it to be taken for a slip."""
ALIKE = 0.8
"""Share of letters from which two labels look alike (`difflib`)."""
SHOWABLE = (0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5)
"""Targets of which the highest that the rows can show is named."""


def project_of(path: Path, console: Console, answer: str | None = None) -> Path:
    """The project's folder: `path` where it is one, else the one made of the data there.

    `answer` is the column that holds the right answers, where that is said. Raises `UserError`
    where the data cannot be taken, and `typer.Exit` where the person says no.
    """
    from rung.task.load import CONFIG_NAME
    from rung.task.rows import is_rows

    if path.name == CONFIG_NAME or (path / CONFIG_NAME).is_file() or not path.exists():
        if answer is not None:
            raise UserError(f"--expected {answer!r} is for data: {path} says it in [task] columns")
        return path
    if path.is_dir() and not any(is_rows(one) for one in path.rglob("*")):
        return path  # whoever loads it says what is missing
    project = (
        path / WITHIN
        if path.is_dir()
        else path.with_name(path.name.removesuffix(".gz").rpartition(".")[0] or path.name)
    )
    if project == path:
        raise UserError(f"{path}: a file without an ending is not read; name it .csv or .jsonl")
    config = project / CONFIG_NAME
    if config.is_file() and answer is not None:
        raise UserError(f"--expected {answer!r}: {config} is of before; say it there, or move it")
    if config.is_file():
        console.print(f"{config} is of before: climbed as it stands.", markup=False)
        return project
    while True:  # until nobody names another column
        answer = _settled(path, project, console, answer)
        if answer is None:
            return project


def _settled(path: Path, project: Path, console: Console, answer: str | None) -> str | None:
    """Write the project and have it agreed to; the column that shall be the answer instead."""
    from rung.task.corrections import FILE
    from rung.task.load import CONFIG_NAME
    from rung.task.naming import name_in_task

    config = project / CONFIG_NAME
    made = _made(path, project, answer)
    written = _write(project, made)
    if (project / FILE).is_file():  # labels that were looked at before somebody went back
        name_in_task(project, "corrections", FILE)
    try:
        suspects = _screen(project, made, console)
        console.print(f"Wrote {config}: each guess has a comment beside it.", markup=False)
        other = _agreed(config, console, suspects, made.columns)
    except BaseException:  # not taken: as if nothing had been asked for
        _undo(project, written)
        raise
    if other is not None:
        _undo(project, written)
    return other


def _made(path: Path, project: Path, answer: str | None) -> Imported:
    from rung.exchange.importing import from_path

    name = path.resolve().name if path.is_dir() else project.name
    made = from_path(path, name, project, answer)
    if made.unready:
        raise UserError(made.unready)
    return made


def _write(project: Path, made: Imported) -> list[Path]:
    """The files, none over another."""
    wanted = {project / name: text for name, text in made.files.items()}
    kept = [path for path in wanted if path.exists() and path.name != ".gitignore"]
    if kept:
        raise UserError(f"{kept[0]} is there already: move it, or `rung init` into another folder")
    return [write_whole(path, text) for path, text in wanted.items() if not path.exists()]


def _undo(project: Path, written: Sequence[Path]) -> None:
    for one in written:
        one.unlink(missing_ok=True)
    shutil.rmtree(ProjectFolder(project).folder, ignore_errors=True)
    if project.is_dir() and not any(project.iterdir()):
        project.rmdir()


def _screen(project: Path, made: Imported, console: Console) -> int:
    """What was read and guessed, and what it can show; how many labels look wrong."""
    from rung.audit import audit
    from rung.audit.labels import places_of, suspected
    from rung.report.witnessed import material_of_task
    from rung.task.load import load_task

    task = load_task(project)
    examples = (*task.train, *task.dev, *task.test)
    for line in (*made.notes, *(note for note in task.notes if note not in made.notes)):
        console.print(line, markup=False)
    console.print()
    material = asyncio.run(material_of_task(task))
    places = {ident: place for (_, ident), place in places_of(material).items()}
    console.print(_table(examples[:ROWS], places))
    for line in _answers(task, examples):
        console.print(line, markup=False)
    findings = audit(material)
    by_id = {example.id: example for example in examples}
    for flag in findings.flags:
        if flag.severity != "info":
            for line in _flag(flag, by_id, places):
                console.print(line, markup=False)
    console.print()
    console.print(showable(task), markup=False)
    for line in _keys():
        console.print(line, markup=False)
    return len(suspected(material))


def _table(examples: Sequence[Example], places: Mapping[str, str]) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    table = Table("row", "input", "expected", box=None, pad_edge=False)
    for example in examples:
        table.add_row(*(Text(text) for text in _cells(example, places)))
    return table


def _cells(example: Example, places: Mapping[str, str]) -> tuple[str, str, str]:
    """Where it stands, else the end of its id; input and answer, a line each."""
    from rung.report.texts import one_line

    asked, answer = (
        value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for value in (example.input, example.expected)
    )
    place = places.get(example.id, "")
    ident = " ".join(place.split()[-2:]) or one_line(example.id)
    ident = ident if len(ident) <= IDENT else f"…{ident[1 - IDENT :]}"
    return ident, one_line(asked, TEXT), one_line(answer, TEXT // 2)


def _answers(task: Task, examples: Sequence[Example]) -> Iterator[str]:
    from rung.task.types import LabelsOutput

    sizes = (
        f"{len(task.train)} to learn from, {len(task.dev)} to choose by, {len(task.test)} to test"
    )
    yield f"{len(examples)} examples: {sizes}."
    if isinstance(task.output, LabelsOutput):
        counts = Counter(str(example.expected) for example in examples)
        shown = [f"{label} {n}" for label, n in counts.most_common(LABELS)]
        more = f" and {len(counts) - LABELS} more" if len(counts) > LABELS else ""
        yield f"{len(counts)} labels: {' · '.join(shown)}{more}"
        for label, n in counts.items():
            common = [one for one, many in counts.items() if many >= MISSPELT * n]
            near = get_close_matches(label, common, n=1, cutoff=ALIKE)
            if near:
                rows = "row" if n == 1 else "rows"
                yield f"ODD label {label!r} ({n} {rows}): is it {near[0]!r}? Then correct the data."


def _flag(flag: Flag, by_id: Mapping[str, Example], places: Mapping[str, str]) -> Iterator[str]:
    yield f"{flag.severity.upper()} {flag.id}: {flag.text} → {flag.advice}"
    for ident in flag.examples[:SUSPECTS]:
        if ident in by_id:
            yield "    " + " | ".join(_cells(by_id[ident], places))


def showable(task: Task) -> str:
    """What the test rows can show: the target, what they can instead, and how many would do."""
    from rung.audit.checks.enough import units, with_room
    from rung.evidence import certifiable_mean

    n, target = units(task), task.target.score
    alpha = 1.0 - task.target.confidence
    if not n or not 0.0 < target < 1.0:
        return "No test rows: nothing can be certified."
    needed, enough = certifiable_mean(n, target, alpha), with_room(n, target, alpha)
    who = "no system" if needed is None else f"a system that is right {needed:.0%} of the time"
    sentence = f"{n:,} test rows prove {target:g} for {who}, nine times in ten."
    if enough <= n:
        return sentence
    best = next((t for t in SHOWABLE if t < target and with_room(n, t, alpha) <= n), None)
    instead = "" if best is None else f" About {best:g} can be shown."
    rows = len(task.train) + len(task.dev) + len(task.test)
    more = round((enough - n) * rows / max(1, len(task.test)), -1)
    sentence = sentence.replace(" for a ", " only for a ", 1)
    return f"{sentence}{instead} For {target:g} label some {more:,.0f} rows more."


def _keys() -> Iterator[str]:
    """Vendors whose key lies in the environment, and which are not asked before that is said."""
    from rung.models.vendors import OWN_KEY, VENDORS

    keyed = [vendor for vendor in VENDORS.values() if vendor.key_env != OWN_KEY]
    names = [vendor.form for vendor in keyed if os.environ.get(vendor.key_env)]
    if names:
        yield (
            f"Models of this machine are tried. There are keys for {', '.join(names)} too: name "
            'them in rung.toml, [models] try = ["…"], where your data may go there.'
        )


def _agreed(config: Path, console: Console, suspects: int, columns: Sequence[str]) -> str | None:
    """One Enter, or a target or the labels first; without a terminal the guesses are taken.

    The column that is the answer instead, where one is named.
    """
    from rung.cli.labels import look_through
    from rung.task.columns import folded
    from rung.task.load import load_task

    review = f" l goes through the {suspects} labels that look wrong;" if suspects else ""
    other = " the name of another column makes that the answer;" if columns else ""
    named = {folded(column): column for column in columns}
    while sys.stdin.isatty():
        given = typer.prompt(
            "Enter climbs; a number such as 0.9 is the score that is good enough;"
            f"{review}{other} n goes back",
            default="",
            show_default=False,
        ).strip()
        if folded(given) in named:
            return named[folded(given)]
        if given.lower() in ("n", "no", "q"):
            console.print("Nothing was kept: the data is as it was.")
            raise typer.Exit
        if not given:
            break
        if given.lower() == "l" and suspects:
            look_through(config.parent, console)
            continue
        known = _retargeted(config, given)
        what = (
            "neither a score between 0 and 1 nor a column"
            if columns
            else "no score between 0 and 1"
        )
        sentence = showable(load_task(config)) if known else f"{given!r} is {what}."
        console.print(sentence, markup=False)
    return None


def _retargeted(config: Path, given: str) -> bool:
    """Write the target that a person gave into `rung.toml`; False where it is none."""
    try:
        score = float(given.replace(",", "."))
    except ValueError:
        return False
    if not 0.0 < score <= 1.0:
        return False
    text = config.read_text(encoding="utf-8")
    write_whole(config, re.sub(r"(?m)^score = [\d.]+", f"score = {score!r}", text, count=1))
    return True
