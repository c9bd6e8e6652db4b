"""Rung: prompt, retrieve, fine-tune or both? Measured on your own examples.

`rung.climb("folder")` climbs; `rung.Task` builds a task in code; `rung.open_winner("folder")`
opens what won. Everything is imported when it is first used, so `import rung` is quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from rung.candidate import Candidate, Context, Prompt, Shots, Weights
    from rung.climbing.observer import Observer
    from rung.climbing.run import climb
    from rung.climbing.tools import ClimbOptions
    from rung.climbing.winner import open_winner
    from rung.errors import RungError, UserError
    from rung.records.results import RunResult, Verdict
    from rung.task.load import load_task
    from rung.task.types import (
        ClimbSettings,
        Document,
        Example,
        LabelsOutput,
        Models,
        MultiLabelOutput,
        SchemaOutput,
        SqlOutput,
        Target,
        Task,
        TextOutput,
    )

_HOMES = {
    "rung.candidate": ("Candidate", "Context", "Prompt", "Shots", "Weights"),
    "rung.climbing.observer": ("Observer",),
    "rung.climbing.run": ("climb",),
    "rung.climbing.tools": ("ClimbOptions",),
    "rung.climbing.winner": ("open_winner",),
    "rung.records.results": ("RunResult", "Verdict"),
    "rung.errors": ("RungError", "UserError"),
    "rung.task.load": ("load_task",),
    "rung.task.types": (
        "ClimbSettings",
        "Document",
        "Example",
        "LabelsOutput",
        "MultiLabelOutput",
        "Models",
        "SchemaOutput",
        "SqlOutput",
        "Target",
        "Task",
        "TextOutput",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Candidate",
    "ClimbOptions",
    "ClimbSettings",
    "Context",
    "Document",
    "Example",
    "LabelsOutput",
    "Models",
    "MultiLabelOutput",
    "Observer",
    "Prompt",
    "RunResult",
    "RungError",
    "SchemaOutput",
    "Shots",
    "SqlOutput",
    "Target",
    "Task",
    "TextOutput",
    "UserError",
    "Verdict",
    "Weights",
    "climb",
    "load_task",
    "open_winner",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'rung' has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
