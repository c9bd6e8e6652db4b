"""Editing `[target]` of a `rung.toml`: nothing else in the file changes, comments included."""

import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Table

from rung.errors import StoreError, UserError
from rung.task.config import RungFile, read_config
from rung.task.load import CONFIG_NAME

FIELDS = {
    "score": "Score that is enough (0 to 1)",
    "confidence": "Confidence (0.5 to 1)",
    "max_cost_per_request": "Most USD a request",
    "max_latency_p95_s": "Most seconds at the 95th percentile",
}
"""What can be edited; the last two may be empty."""


def target_of(path: Path) -> tuple[dict[str, str], str]:
    """What `[target]` says, by field, and a mark of the whole file as it was read."""
    config = read_config(path)
    target = config.target
    fields = {name: getattr(target, name) for name in FIELDS}
    return {k: "" if v is None else f"{v:g}" for k, v in fields.items()}, mark(path)


def mark(path: Path) -> str:
    """Changes when the file does."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def edit_target(path: Path, given: Mapping[str, str], expected: str) -> RungFile:
    """Write the fields given into `[target]`, whole or not at all.

    Raises `UserError` for a figure that cannot stand there, and where the file is no longer what
    `expected` marks: someone else has edited it meanwhile.
    """
    path = path.resolve()  # a link stays a link
    before = path.read_bytes()
    if hashlib.sha256(before).hexdigest() != expected:
        raise UserError(f"{path.name} was changed meanwhile: load the page again and edit anew")
    try:
        document = tomlkit.parse(before.decode())
    except (UnicodeDecodeError, TOMLKitError) as error:
        raise UserError(f"{path.name}: not valid TOML ({error}): correct it in an editor") from None
    table = document.get("target")
    if not isinstance(table, Table):
        raise UserError(f"{path.name} has no plain [target] table: edit it in an editor")
    for name in FIELDS:
        if name in given:
            _set(table, name, given[name])
    return _write(path, tomlkit.dumps(document))


def _set(table: Table, name: str, text: str) -> None:
    text = text.strip()
    if not text:
        if name == "score":
            raise UserError("'score' is empty: a target needs one, between 0 and 1")
        if name in table:
            table.remove(name)
        return
    try:
        value = float(text)
    except ValueError:
        raise UserError(f"{name!r} is {text!r}: write a number, such as 0.85") from None
    if name in table and float(str(table[name])) == value:
        return  # `0.80` stays as it was written
    table[name] = value


def _write(path: Path, text: str) -> RungFile:
    """Checked in a folder of its own, then renamed over the old file with its permissions."""
    try:
        with tempfile.TemporaryDirectory(prefix=".rung-target-", dir=path.parent) as nowhere:
            work = Path(nowhere) / CONFIG_NAME
            work.write_bytes(text.encode())
            config = read_config(work)
            os.chmod(work, path.stat().st_mode & 0o777)
            os.replace(work, path)
    except OSError as error:
        raise StoreError(
            f"{path} could not be written ({error.strerror or error}): mend its permissions"
        ) from error
    return config
