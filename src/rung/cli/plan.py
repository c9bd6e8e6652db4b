"""`rung plan`: what a climb would try, in which order, and what it may take. Asks no model."""

import asyncio
from pathlib import Path

import typer


def show_plan(folder: Path, as_json: bool) -> None:
    """Print the plan of the task in `folder`."""
    from rung.climbing.tools import ClimbOptions
    from rung.report.planning import make_plan
    from rung.task.load import load_task

    plan = asyncio.run(make_plan(load_task(folder), ClimbOptions()))
    if as_json:
        typer.echo(plan.model_dump_json(indent=1))
        return
    from rich.console import Console

    from rung.cli.plan_text import show

    show(plan, Console())
