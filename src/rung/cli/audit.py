"""`rung audit`: red flags in the data, as a table or as JSON; a cleaned or redacted copy."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rung.errors import UserError
from rung.project import KEPT

if TYPE_CHECKING:
    from rung.audit import Material
    from rung.audit.fix import Written

COPY = Path(KEPT) / "cleaned"


def audit(
    folder: Annotated[Path, typer.Argument(help="Folder with rung.toml.", metavar="DIR")],
    fix: Annotated[
        bool, typer.Option("--fix", help="Write a cleaned copy and a list to review.")
    ] = False,
    redact: Annotated[
        bool, typer.Option("--redact", help="Write a copy without personal data and secrets.")
    ] = False,
    labels: Annotated[
        bool, typer.Option("--labels", help="Go through labels that look wrong, one key each.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Where to write the copy: a new folder.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Red flags in the data: can it carry a decision at all? Asks no model, changes no data."""
    import asyncio

    from rich.console import Console

    from rung.audit import audit as audit_material
    from rung.report.red_flags import audit_text, copy_text
    from rung.report.witnessed import material_of_task
    from rung.scorers import grade_gold
    from rung.task.load import load_task

    if out is not None and not (fix or redact):
        raise UserError(f"--out {str(out)!r} is where a copy goes: add --fix or --redact")
    if labels:
        from rung.cli.labels import look_through

        if not sys.stdin.isatty():
            raise UserError("--labels asks for keys: run it in a terminal, or open `rung ui`")
        return look_through(folder, Console())
    task = load_task(folder)
    material = asyncio.run(material_of_task(task))
    findings = audit_material(material)
    written = _copied(material, out, fix, redact) if fix or redact else None
    if as_json:
        typer.echo(findings.model_dump_json(indent=1))
        if written is not None:
            typer.echo(copy_text(written), err=True)
    else:
        console = Console()
        for note in task.notes:
            console.print(note, markup=False, soft_wrap=True)
        console.print(audit_text(findings))
        if written is not None:
            console.print(copy_text(written), markup=False, soft_wrap=True)
    asyncio.run(grade_gold(task))  # last: a climb would refuse it, whatever else the audit says


def _copied(material: Material, out: Path | None, fix: bool, redact: bool) -> Written:
    from rung.audit.fix import write_copy
    from rung.task.load import CONFIG_NAME, load_task

    root = material.task.root or Path()
    toml = (root / CONFIG_NAME).read_text(encoding="utf-8-sig")
    written = write_copy(material, out or root / COPY, clean=fix, redact=redact, toml=toml)
    load_task(written.folder)  # a copy that cannot be read is told of at once
    return written
