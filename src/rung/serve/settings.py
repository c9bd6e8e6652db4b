"""How a server runs: the task's `[serve]` table, and what the command line adds to it."""

from pathlib import Path

from pydantic import Field

from rung.task.config import ServeTable, read_config
from rung.task.load import CONFIG_NAME
from rung.task.types import Frozen, JsonValue

LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Settings(Frozen):
    """Everything a worker needs to know; plain data, handed to workers as JSON."""

    folder: Path
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    workers: int = Field(default=1, ge=1)
    log: str | None = None
    """URL of the traffic log; None keeps none."""
    otel: bool = False
    log_contents: bool = False
    limits: ServeTable = ServeTable()
    costs: dict[str, JsonValue] = Field(default_factory=dict)
    """`[costs]` of the task, for the cost of each answer."""
    shared: Path | None = None
    """A folder that the workers share; None where there is one worker."""

    @property
    def loopback(self) -> bool:
        """Only this machine can reach the server."""
        return self.host in LOOPBACK


def read_settings(folder: Path, **given: JsonValue) -> Settings:
    """Settings of the task in `folder`, whose `rung.toml` may be missing: a winner is enough.

    Raises `UserError` for a `rung.toml` that cannot be read.
    """
    file = folder / CONFIG_NAME
    tables: dict[str, JsonValue] = {}
    if file.exists():
        config = read_config(file)
        tables = {"limits": config.serve, "costs": config.costs}
    return Settings.model_validate({"folder": folder, **tables, **given})
