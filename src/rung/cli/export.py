"""`rung export`: a task and its winner for other tools."""

from pathlib import Path
from typing import Annotated, get_args

import typer

from rung.errors import UserError
from rung.task.wording import did_you_mean

Format = Annotated[
    str,
    typer.Option(
        "--to",
        help="openai, together, fireworks, vertex (training files); trl, unsloth, axolotl, "
        "llama-factory (trainers); vllm (the adapter); prompt; promptfoo, inspect; bundle (the "
        "newest run, to open elsewhere); mlflow, otel (trackers).",
    ),
]


def export(  # noqa: PLR0913 - one parameter an option
    folder: Annotated[Path, typer.Argument(help="Folder with rung.toml.", metavar="DIR")],
    to: Format,
    out: Annotated[Path | None, typer.Option(help="Folder to write; DIR/export/FORMAT.")] = None,
    candidate: Annotated[
        str | None, typer.Option(help="A candidate's key from a run, instead of the winner.")
    ] = None,
    base: Annotated[
        str | None, typer.Option(help="Base model for trainers and vLLM: a folder or hub name.")
    ] = None,
    split: Annotated[str, typer.Option(help="What promptfoo and inspect measure on.")] = "dev",
    harvested: Annotated[
        bool, typer.Option("--harvested", help="Teach only examples from judged traffic.")
    ] = False,
    without_data: Annotated[
        bool, typer.Option("--without-data", help="A bundle of figures: no text of anybody.")
    ] = False,
    tracker: Annotated[
        str | None, typer.Option(help="MLflow's tracking URI, or the OTLP endpoint.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Write training files, trainer settings, the adapter, the prompt, an evaluation, or a run."""
    from rung.exchange.exporting.trackers import TRACKERS, track

    if to in TRACKERS:
        typer.echo(track(folder, to, tracker))
        return
    from rung.exchange.exporting import export as make
    from rung.task.types import SplitName

    known = get_args(SplitName)
    if split not in known:
        raise UserError(f"unknown value {split!r} of --split; {did_you_mean(split, known)}")
    done = make(
        folder,
        to,
        out,
        candidate=candidate,
        base=base,
        split=split,  # type: ignore[arg-type]
        harvested=harvested,
        with_data=not without_data,
    )
    if as_json:
        typer.echo(done.model_dump_json(indent=1))
        return
    typer.echo(f"wrote {', '.join(done.files)} in {done.folder}")
    for note in done.notes:
        typer.echo(f"  {note}")
