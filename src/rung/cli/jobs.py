"""`rung jobs`: what was ordered from providers of fine-tuning, and ending a job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rung.project import ProjectFolder

if TYPE_CHECKING:
    from rung.behaviour.trainers.hosted import JobFile


def jobs(
    folder: Annotated[Path, typer.Argument(help="Folder with rung.toml.", metavar="DIR")],
    cancel: Annotated[
        str | None, typer.Option(help="End the job of this order, such as rung-3f9a….")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
) -> None:
    """Hosted training jobs of a task: state, model, cost; `--cancel` ends one.

    What a provider charges for a job that was cancelled is up to the provider.
    """
    import asyncio
    import json

    from rung.behaviour.trainers.hosted import bought, cancel_job, open_tuner
    from rung.behaviour.trainers.hosted.trainer import FOLDER
    from rung.task.files import project_folder

    place = ProjectFolder(project_folder(folder)).folder / FOLDER
    files = bought(place)
    if cancel is not None:
        known = {file.tag: file for file in files}
        base = known[cancel].provider if cancel in known else "together"
        files = [asyncio.run(cancel_job(open_tuner(f"{base}/any"), place, cancel))]
    if as_json:
        typer.echo(json.dumps([file.model_dump(mode="json") for file in files], indent=1))
        return
    for file in files:
        typer.echo(_line(file))
    if not files:
        typer.echo("nothing was ordered: [models] tune names no model, or it was not tried yet")


def _line(file: JobFile) -> str:
    from rung.money import usd

    line = f"{file.tag}  {file.provider}/{file.base}  {file.stage}"
    if file.job is not None:
        line += f"  job {file.job}"
    if file.model is not None:
        line += f"  answers as {file.provider}/{file.model}"
    if file.usd is not None:
        return f"{line}  {usd(file.usd)}"
    expected = "not known" if file.expected_usd is None else usd(file.expected_usd)
    return f"{line}  expected cost {expected}"
