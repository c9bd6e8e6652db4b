"""`rung mcp`: what an agent of the team may ask of its projects."""

from pathlib import Path
from typing import Annotated

import typer


def mcp(
    folders: Annotated[
        list[Path],
        typer.Argument(help="Folders with rung.toml that may be used.", metavar="DIR..."),
    ],
    budget: Annotated[
        float, typer.Option(help="Most USD that all climbs and questions together spend.", min=0.0)
    ] = 0.0,
) -> None:
    """Serve plan, audit, climb, report, explain and cost to an agent (MCP, on standard input)."""
    from rung.cli.mcp_server import server

    server(folders, budget).run("stdio")
