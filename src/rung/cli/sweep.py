"""`rung climb DIR DIR …`: one task after the other, and a line for each at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rung.errors import BudgetExceeded, RungError

if TYPE_CHECKING:
    from rich.console import Console

    from rung.records.results import RunResult
    from rung.task.types import JsonValue


class Climbed(NamedTuple):
    """What became of one task of several."""

    folder: Path
    code: int
    """As the climb by itself would have ended."""
    result: RunResult | None
    said: str
    """The verdict in a sentence, or why there is none."""

    @property
    def facts(self) -> dict[str, JsonValue]:
        """For `--json`."""
        outcome = (
            {"error": self.said} if self.result is None else self.result.model_dump(mode="json")
        )
        return {"folder": str(self.folder), "exit_code": self.code, **outcome}


def tasks_of(folders: Sequence[Path]) -> list[Path]:
    """The folders, each once; instead of one that holds tasks and is none, those in it."""
    return list({path.resolve(): path for folder in folders for path in _within(folder)}.values())


def _within(folder: Path) -> Iterator[Path]:
    from rung.cli.from_data import WITHIN
    from rung.task.load import CONFIG_NAME

    tasks = sorted(file.parent for file in folder.glob(f"*/{CONFIG_NAME}"))
    alone = (folder / CONFIG_NAME).exists() or folder / WITHIN in tasks  # of data, climbed before
    yield from (tasks if tasks and not alone else [folder])


def sweep(
    folders: Sequence[Path],
    one: Callable[[Path], RunResult],
    codes: dict[str, int],
    console: Console,
) -> list[Climbed]:
    """Climb each. One that cannot be climbed keeps nobody from the others.

    `codes` are exit codes by status of a verdict, and that of an `error`.
    """
    from rung.report.words import headline

    ended = []
    for n, folder in enumerate(folders, 1):
        console.print(f"\n{n} of {len(folders)}: {folder}", markup=False, soft_wrap=True)
        try:
            result = one(folder)
            ended.append(Climbed(folder, codes[result.verdict.status], result, headline(result)))
        except RungError as error:
            out_of_money = isinstance(error, BudgetExceeded)
            code = codes["undecided" if out_of_money else "error"]
            ended.append(Climbed(folder, code, None, str(error)))
            console.print(f"rung: {error}", markup=False, soft_wrap=True)
    console.print()
    for task in ended:
        status = "error" if task.result is None else task.result.verdict.status
        console.print(f"{status:12} {task.folder}: {task.said}", markup=False, soft_wrap=True)
    return ended
