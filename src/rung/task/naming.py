"""Let `rung.toml` name a file that Rung writes beside it; its comments and all else stay."""

from __future__ import annotations

from pathlib import Path

import tomlkit
from tomlkit.items import Table

from rung.project import write_whole
from rung.task.load import CONFIG_NAME


def name_in_task(root: Path, key: str, file: str) -> str | None:
    """`[task] key = file`; the line to add by hand where it cannot be added."""
    config = root / CONFIG_NAME
    document = tomlkit.parse(config.read_text("utf-8-sig"))
    task = document.get("task")
    if isinstance(task, Table) and task.get(key) == file:
        return None
    if not isinstance(task, Table) or key in task:
        return f'{key} = "{file}"'
    task.add(key, file)
    write_whole(config, tomlkit.dumps(document))
    return None
