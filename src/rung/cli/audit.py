"""`rung audit`: red flags in the data, as a table or as JSON; a cleaned or redacted copy."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rung.errors import RungError, UserError

if TYPE_CHECKING:
    from rung.audit import Material
    from rung.task.types import Task

COPY = Path(".rung") / "cleaned"
GOOD = 0.6
"""Score from which a candidate of an earlier run counts as a witness."""


def audit(
    folder: Annotated[Path, typer.Argument(help="Folder with rung.toml.", metavar="DIR")],
    fix: Annotated[
        bool, typer.Option("--fix", help="Write a cleaned copy and a list to review.")
    ] = False,
    redact: Annotated[
        bool, typer.Option("--redact", help="Write a copy without personal data and secrets.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Where to write the copy: a new folder.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Red flags in the data: can it carry a decision at all? Asks no model, changes no file."""
    from rung.audit import audit as audit_material
    from rung.audit.fix import write_copy
    from rung.report.red_flags import audit_text, copy_text
    from rung.task.load import CONFIG_NAME, load_task

    if out is not None and not (fix or redact):
        raise UserError(f"--out {str(out)!r} is where a copy goes: add --fix or --redact")
    task = load_task(folder)
    material = asyncio.run(_material(task))
    found = audit_material(material)
    written = None
    if fix or redact:
        root = task.root or folder
        toml = (root / CONFIG_NAME).read_text(encoding="utf-8")
        target = out or root / COPY
        written = write_copy(material, target, clean=fix, redact=redact, toml=toml)
        load_task(written.folder)  # a copy that cannot be read is told of at once
    if as_json:
        typer.echo(found.model_dump_json(indent=1))
        if written is not None:
            typer.echo(copy_text(written), err=True)
        return
    from rich.console import Console

    console = Console()
    console.print(audit_text(found))
    if written is not None:
        console.print(copy_text(written), markup=False, soft_wrap=True)


async def _material(task: Task) -> Material:
    from rung.climbing import ClimbOptions
    from rung.climbing.auditing import material_of
    from rung.climbing.tools import Tools

    tools = Tools(task, ClimbOptions())
    try:
        return await material_of(tools, _witnesses(task))
    finally:
        await tools.aclose()


def _witnesses(task: Task) -> dict[str, tuple[str, ...]]:
    """What the good candidates of the newest run answered, by example id."""
    from rung.report.reading import newest_run, read_run
    from rung.task.contract import render

    try:
        run = read_run(newest_run(task.root or Path()))
    except RungError:
        return {}
    if run.result.fingerprint != task.fingerprint():
        return {}
    good: dict[tuple[str, str], str] = {}
    for row in run.result.candidates:
        score = row.score
        if score is not None and (score.value or 0.0) >= GOOD and not row.candidate.is_probe:
            # Candidates of one technique make the same mistakes: the best of each is heard.
            kept = good.get((row.model, row.technique))
            best = next((r for r in run.result.candidates if r.key == kept), None)
            if best is None or (best.score and (best.score.value or 0.0) < (score.value or 0.0)):
                good[row.model, row.technique] = row.key
    said: dict[str, list[str]] = {}
    for attempt in run.attempts:
        answer = attempt.answer
        if attempt.candidate in good.values() and answer is not None and answer.valid:
            said.setdefault(attempt.example_id, []).append(render(task.output, answer.value))
    return {ident: tuple(answers) for ident, answers in said.items() if len(answers) > 1}


__all__ = ["audit"]
