"""One call for a whole climb."""

import asyncio
from pathlib import Path

from rung.climbing.climber import Climber
from rung.climbing.observer import Observer
from rung.climbing.tools import ClimbOptions
from rung.records.results import RunResult
from rung.task.load import load_task
from rung.task.types import Task


def climb(
    task: Task | str | Path,
    options: ClimbOptions | None = None,
    observer: Observer | None = None,
) -> RunResult:
    """Climb one task to a verdict; the saved winner lies in `.rung/winner` beside `rung.toml`.

    `task` may be the folder of a `rung.toml`. Raises `UserError` for input that cannot be used.
    """
    loaded = task if isinstance(task, Task) else load_task(task)

    async def run() -> RunResult:
        climber = Climber(loaded, options or ClimbOptions(), observer or Observer())
        return await climber.climb()

    return asyncio.run(run())
