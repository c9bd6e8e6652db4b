"""`rung report`: the newest run of a task as HTML, in the terminal, as Markdown or JSON."""

import json
from pathlib import Path

import typer

from rung.errors import UserError
from rung.project import RUN_FILE, ProjectFolder
from rung.task.wording import did_you_mean

FORMS = ("html", "terminal", "markdown", "json", "schema")
"""`schema` is the JSON schema of what `json` prints."""


def show_report(folder: Path, form: str) -> None:
    """Write the report of the newest run below `folder`, or print it."""
    if form not in FORMS:
        raise UserError(f"unknown format {form!r} in --format; {did_you_mean(form, FORMS)}")
    from rung.report.reading import read_run, run_schema

    if form == "schema":
        typer.echo(json.dumps(run_schema(), indent=1, ensure_ascii=False))
        return
    if not folder.exists():
        raise UserError(f"{folder}: no such folder; name the one that holds rung.toml")
    run = ProjectFolder(folder if folder.is_dir() else folder.parent).newest_run()
    if form == "html":
        _html(folder, run)
        return
    finished = read_run(run)
    result = finished.result
    if form == "json":
        typer.echo((run / RUN_FILE).read_text(encoding="utf-8"), nl=False)
    elif form == "markdown":
        from rung.report.markdown import markdown
        from rung.report.spending import costs_of
        from rung.report.verdict_view import what_would_change

        typer.echo(markdown(result, what_would_change(finished, costs_of(finished))), nl=False)
    else:
        from rich.console import Console

        from rung.report.terminal import show

        show(result, Console())


def _html(folder: Path, run: Path) -> None:
    """Write `report.html`; a task that can no longer be read costs the inputs, not the report."""
    from rung.report.html import write_report
    from rung.task.load import load_task

    try:
        task = load_task(folder)
    except UserError as error:
        typer.echo(f"rung: inputs and expected answers are left out: {error}", err=True)
        task = None
    typer.echo(str(write_report(run, task)))
