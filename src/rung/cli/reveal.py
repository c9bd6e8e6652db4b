"""`rung reveal`: the test examples' answers, at the price of the test split."""

from pathlib import Path
from typing import Annotated

import typer


def reveal(
    folder: Annotated[Path, typer.Argument(help="Folder with rung.toml.", metavar="DIR")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it: this cannot be taken back.")] = False,
) -> None:
    """Give the test examples up, so that reports and pages show their answers."""
    from rung.climbing.ledger import LEDGER_FILE, TestLedger
    from rung.project import ProjectFolder
    from rung.report.index_writing import keep_index
    from rung.task.load import load_task

    task = load_task(folder)
    root = task.root or folder
    ledger = TestLedger(ProjectFolder(root).folder, task, ())
    number = len(ledger.rows)
    if not yes:
        typer.echo(
            f"This would show the answers to {number} test examples and spend them: whoever has "
            "seen them tunes on them, so no candidate that is tried afterwards can be certified on "
            "them. What was certified before stays. Dev failures are shown without it (`rung "
            "report`, `rung explain`). To go on, have fresh test examples at hand and run: rung "
            f"reveal {folder} --yes"
        )
        return
    ledger.show()
    for run in ProjectFolder(root).run_files():
        keep_index(run.parent, root)
    typer.echo(
        f"{number} test examples are written into {LEDGER_FILE} as shown. Reports and pages show "
        "their answers from now on; add fresh test examples before the next climb."
    )
