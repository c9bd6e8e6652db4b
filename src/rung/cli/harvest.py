"""`rung harvest`: what to label first, and the next version of the data from what was judged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rung.errors import UserError
from rung.money import usd

if TYPE_CHECKING:
    from rung.loop.harvest import Harvested, Queue

SHOWN = 20
Folder = Annotated[Path, typer.Argument(help="Folder with rung.toml.", metavar="DIR")]


def harvest(  # noqa: PLR0913 (one parameter an option)
    folder: Folder,
    build: Annotated[
        bool, typer.Option("--build", help="Make a version of the data from judged answers.")
    ] = False,
    use: Annotated[
        bool, typer.Option("--use", help="With --build or --inputs: point rung.toml at it.")
    ] = False,
    fresh_test: Annotated[
        bool,
        typer.Option("--fresh-test", help="Test on the judged answers that were drawn at random."),
    ] = False,
    inputs: Annotated[
        bool, typer.Option("--inputs", help="Make a file of inputs for a teacher to answer.")
    ] = False,
    unreviewed: Annotated[bool, typer.Option("--unreviewed", help="Refused: says why.")] = False,
    size: Annotated[int, typer.Option(help="Most answers to queue.", min=1)] = 100,
    against: Annotated[
        list[str] | None, typer.Option(help="A candidate of a run to compare answers with.")
    ] = None,
    log: Annotated[str | None, typer.Option(help="URL of the traffic log.")] = None,
    budget: Annotated[
        float | None, typer.Option(help="Most USD for --against and a hosted embedder.", min=0.0)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say which answers to label first and why; with --build, make the next data version.

    A version lies in DIR/data/HASH and never changes. Only answers that a person approved or
    corrected become examples; with --inputs, no answer at all is taken. Review the queue with
    `rung review`.
    """
    if inputs:
        _inputs(folder, log, use=use, as_json=as_json)
        return
    if build or unreviewed:
        _build(folder, log, unreviewed=unreviewed, fresh=fresh_test, use=use, as_json=as_json)
        return
    if use or fresh_test:
        raise UserError("--use and --fresh-test go with --build, --use with --inputs too")
    from rung.climbing.tools import ClimbOptions
    from rung.loop.harvest.run import harvest as find

    queue = find(folder, log, ClimbOptions(budget_usd=budget), size=size, against=against or ())
    typer.echo(queue.model_dump_json(indent=1) if as_json else _queue(queue, folder))


def _build(
    folder: Path, log: str | None, *, unreviewed: bool, fresh: bool, use: bool, as_json: bool
) -> None:
    from rung.loop.harvest import build
    from rung.loop.harvest.queue import queued
    from rung.loop.harvest.versions import use_version
    from rung.task.load import CONFIG_NAME

    root = folder.resolve()
    done = build(
        folder,
        log,
        reasons=queued(root),
        unreviewed=unreviewed,
        test="fresh" if fresh else "keep",
    )
    backup = use_version(root / CONFIG_NAME, Path(done.folder)) if use else None
    if as_json:
        typer.echo(done.model_dump_json(indent=1))
        return
    typer.echo(_made(done))
    if backup is not None:
        typer.echo(f"rung.toml names it now; as it was: {backup.name}. Next: rung climb {folder}")
    elif not use and done.new:
        typer.echo(f"use it: rung harvest {folder} --build --use")


def _inputs(folder: Path, log: str | None, *, use: bool, as_json: bool) -> None:
    from rung.loop.harvest.inputs import take_inputs
    from rung.loop.harvest.versions import use_inputs
    from rung.task.load import CONFIG_NAME

    file, count = take_inputs(folder, log)
    backup = use_inputs(folder.resolve() / CONFIG_NAME, file) if use else None
    if as_json:
        typer.echo(json.dumps({"file": str(file), "inputs": count}))
        return
    typer.echo(f"{file}: {count} inputs of the traffic, and none of its answers")
    if backup is not None:
        typer.echo(f"rung.toml names it now; as it was: {backup.name}. Next: rung climb {folder}")
    elif not use:
        typer.echo(f"use it as [task] unlabelled: rung harvest {folder} --inputs --use")


def _queue(queue: Queue, folder: Path) -> str:
    lines = [
        f"{queue.seen} answers without a final judgement, {queue.duplicates} of them nearly repeat "
        f"an example or another one; {len(queue.wanted)} queued"
    ]
    for wanted in queue.wanted[:SHOWN]:
        asked = wanted.input if isinstance(wanted.input, str) else str(wanted.input)
        lines.append(f"  {wanted.request}  {', '.join(wanted.reasons)}")
        answer = "no valid answer" if wanted.answer is None else repr(str(wanted.answer)[:60])
        lines.append(f"      {' '.join(asked.split())[:90]!r} → {answer}")
    if len(queue.wanted) > SHOWN:
        lines.append(f"  and {len(queue.wanted) - SHOWN} more (--json shows all)")
    if queue.spent_usd:
        lines.append(f"{usd(queue.spent_usd)} paid to models and a hosted embedder")
    lines.append(f"next: rung review {folder}, then: rung harvest {folder} --build")
    return "\n".join(lines)


def _made(done: Harvested) -> str:
    what = f"{done.version.diff.summary()} ({done.corrected} corrected, {done.approved} approved)"
    lines = [f"{done.folder}: {what if done.new else 'in use already, nothing new'}"]
    lines += [f"  left out: {n} {why}" for why, n in sorted(done.left_out.items())]
    lines.append(f"  {done.unreviewed} answers that nobody reviewed were not used")
    if done.approved and not done.corrected:
        lines.append(
            "  nothing was corrected: these answers confirm the model, they teach it little new"
        )
    return "\n".join(lines)
