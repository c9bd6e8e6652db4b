"""The files that a task is made of, and when they were changed last. Reads none but `rung.toml`."""

from collections.abc import Iterable
from pathlib import Path

from rung.errors import UserError
from rung.project import ProjectFolder
from rung.task.config import RungFile, read_config
from rung.task.load import CONFIG_NAME

Stamp = tuple[tuple[str, int, int], ...]
"""Path, time of change (ns) and size in bytes of each file that something was read from."""


def task_files(folder: Path) -> list[Path]:
    """`rung.toml` and the files it names, those in a folder of documents one by one.

    Raises `UserError` where `rung.toml` cannot be used.
    """
    return [folder / CONFIG_NAME, *data_files(folder, read_config(folder / CONFIG_NAME))]


def project_folder(folder: Path) -> Path:
    """The folder, where a task's `rung.toml` or what a climb left stands in it.

    Raises `UserError` for any other, so that nothing is kept where nobody will look for it.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; name the folder that holds {CONFIG_NAME}")
    if not (folder / CONFIG_NAME).is_file() and not ProjectFolder(folder).folder.is_dir():
        raise UserError(f"{folder} holds no {CONFIG_NAME}; name the folder that does")
    return folder


def data_files(folder: Path, config: RungFile, *, documents: bool = True) -> list[Path]:
    """The files that a `rung.toml` names; without `documents`, those that say what is asked."""
    table, output = config.task, config.output
    names = [table.examples, table.train, table.dev, table.test]
    names += [table.drafted, table.corrections, table.unlabelled, table.guard]
    names += [config.judge.rubric, config.judge.labelled]
    names += [table.documents] if documents else []
    names += [n for n in (output.labels, output.answer_schema) if isinstance(n, str)]
    files: list[Path] = []
    for name in names:
        if name is None:
            continue
        path = folder / name
        files += sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    return files


def stamp(files: Iterable[Path]) -> Stamp:
    """Changes when any of the files does; one that is missing has size -1."""
    stamps = []
    for path in files:
        try:
            known = path.stat()
        except OSError:
            stamps.append((str(path), 0, -1))
        else:
            stamps.append((str(path), known.st_mtime_ns, known.st_size))
    return tuple(stamps)
