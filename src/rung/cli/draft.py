"""`rung draft`: candidate examples from what there is, for a person to keep or throw away."""

from pathlib import Path
from typing import Annotated

import typer


def draft(
    folder: Annotated[Path, typer.Argument(help="Folder with rung.toml.", metavar="DIR")],
    n: Annotated[int, typer.Option("-n", min=1, max=1000, help="Drafts to ask for.")] = 40,
    model: Annotated[
        str | None, typer.Option(help="Who writes them; the last model of `try` if left out.")
    ] = None,
    budget: Annotated[float | None, typer.Option(help="Most USD to spend.", min=0.0)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Draft examples from documents, instruction and the rows there are; `rung review` keeps them.

    None counts before a person kept it, as it stands or corrected. Kept ones lie in drafted.jsonl,
    are marked, and a verdict says how many of the test examples are such.
    """
    from rung.climbing.tools import ClimbOptions
    from rung.loop.drafts import draft as ask

    done = ask(folder, n, ClimbOptions(budget_usd=budget), model)
    if as_json:
        typer.echo(done.model_dump_json(indent=1))
        return
    typer.echo(f"{len(done.drafts)} of {done.asked} drafts by {done.model} wait for review")
    for why, count in sorted(done.left_out.items()):
        typer.echo(f"  left out: {count}, {why}")
    if done.by_hand:
        typer.echo(f"  add to [task] of rung.toml by hand: {done.by_hand}")
    if done.drafts:
        typer.echo(f"next: rung review {folder}")
