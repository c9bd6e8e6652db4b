"""`rung judge`: how far the judge agrees with people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rung.climbing.judging import Calibration
    from rung.task.types import Task


def judge(
    folder: Annotated[Path, typer.Argument(help="Folder with rung.toml.", metavar="DIR")],
    budget: Annotated[float | None, typer.Option(help="Most USD to spend.", min=0.0)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Compare the judge with people: it marks the answers of \\[judge] labelled as they did."""
    import asyncio

    from rung.climbing.judging import agreement_sentence
    from rung.task.load import load_task

    calibration = asyncio.run(_calibrate(load_task(folder), budget))
    if as_json:
        typer.echo(calibration.model_dump_json(indent=1))
        return
    if calibration.human:
        typer.echo(agreement_sentence(calibration))
    if calibration.unscored:
        typer.echo(f"{calibration.unscored} answers got no mark from the judge and are left out.")


async def _calibrate(task: Task, budget: float | None) -> Calibration:
    from rung.climbing.judging import calibrate
    from rung.climbing.tools import ClimbOptions, Tools

    tools = Tools(task, ClimbOptions(budget_usd=budget))
    try:
        return await calibrate(task, tools)
    finally:
        await tools.aclose()


__all__ = ["judge"]
