"""A task from whatever lies at a path: a file of rows in any shape, a folder, a configuration.

Nothing is run and no address is fetched. What was taken for what, and what was left, is said.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from rung.errors import UserError
from rung.exchange.importing.folders import FOLDERS, Found
from rung.exchange.importing.guessing import guess_columns, guess_output
from rung.exchange.importing.imported import Imported, lines
from rung.exchange.importing.promptfoo import from_promptfoo
from rung.exchange.importing.rungtoml import Draft, rung_toml
from rung.task.documents import CONVERTED, PLAIN
from rung.task.faults import Row
from rung.task.rows import is_rows, read_table
from rung.task.shapes import OWN, Taken, shape_of, take
from rung.task.types import JsonValue
from rung.task.wording import listed

_INSTRUCTIONS = {
    "labels": "Give the one label that fits the input.",
    "schema": "Read the input and give its fields as JSON.",
    "text": "Answer the question.",
}


def from_path(path: Path, name: str) -> Imported:
    """The task called `name` of what lies at `path`; raises `UserError` where nothing is known."""
    if path.is_dir():
        for reader in FOLDERS:
            found = reader(path)
            if found is not None:
                return task_of(found, name)
        return _folder(path, name)
    if not path.is_file():
        raise UserError(f"{path}: no such file or folder; name the data that the task is to be of")
    if path.suffix.lower() in (".yaml", ".yml") or _is_configuration(path):
        return from_promptfoo(path, name)
    return _file(path, name, {})


def _is_configuration(path: Path) -> bool:
    if path.suffix.lower() != ".json":
        return False
    try:
        found = json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and {"prompts", "tests"} <= found.keys()


def _folder(path: Path, name: str) -> Imported:
    """A folder of no known kind: its one file of rows, its texts as documents."""
    config = next((p for p in sorted(path.glob("promptfooconfig.y*ml"))), None)
    if config is not None:
        return from_promptfoo(config, name)
    inside = [p for p in sorted(path.rglob("*")) if p.is_file() and not _hidden(p, path)]
    tables = [p for p in inside if is_rows(p)]
    if len(tables) != 1:
        seen = listed(p.relative_to(path).as_posix() for p in tables) if tables else "none"
        raise UserError(
            f"{path}: of the shapes that are known none fits, and {len(tables)} files hold rows "
            f"({seen}); name the one file that is meant"
        )
    documents = {
        p.relative_to(path).as_posix(): p
        for p in inside
        if p.suffix.lower() in (*PLAIN, *CONVERTED) and p.stem.lower() != "readme"
    }
    return _file(tables[0], name, documents)


def _hidden(path: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(root).parts)


def _file(path: Path, name: str, documents: Mapping[str, Path]) -> Imported:
    table = read_table(path, path.name)
    taken, reasons = _taken(table.rows)
    notes = [*table.notes, *taken.notes]
    if documents:
        notes.append(
            f"{len(documents)} documents lie beside the rows ({listed(documents)}): set "
            '[task] documents = "…" to their folder where answers need them'
        )
    origin = f"the rows of {path.name}"
    if reasons:
        said = ", ".join(f"{key} is {why}" for key, why in reasons.items())
        notes.append(f"{path.name}: guessed that {said}")
        origin += f": {said}"
    remarks = {"examples": f"{origin} (a guess)" if reasons else origin}
    return task_of(Found({"examples": taken.rows}, taken.system, notes, remarks), name)


def _taken(rows: list[Row]) -> tuple[Taken, dict[str, str]]:
    """The rows by their shape, else by guessed columns with the reason of each."""
    known = {key for row in rows[:50] for key in row.data}
    own = "expected" in {key.strip().casefold() for key in known}
    if shape_of(rows) is not None or own:
        return take(rows), {}
    guess = guess_columns(rows)
    return take(rows, guess.columns), guess.reasons


def task_of(found: Found, name: str) -> Imported:
    """The files of a task out of rows under Rung's own names."""
    notes = list(found.notes)
    every = [row for rows in found.rows.values() for row in rows]
    unanswered = [row for row in every if row.data.get("expected") is None]
    answers = [row.data.get("expected") for row in every if row not in unanswered]
    output, why = guess_output(answers) if answers else ({"text": {}}, "no answer is known")
    kind = next(iter(output))
    files = {f"{key}.jsonl": lines(map(_row, rows)) for key, rows in found.rows.items()}
    keys = {key: f"{key}.jsonl" for key in found.rows}
    if found.documents:
        files["documents.jsonl"] = lines(found.documents)
        keys["documents"] = "documents.jsonl"
    said = "as the data has it" if found.instruction else "a guess: say what is asked"
    draft = Draft(
        name=name,
        instruction=found.instruction or _INSTRUCTIONS[kind],
        output=output,
        files=keys,
        remarks={
            "instruction": said,
            kind: f"a guess: {why}",
            **found.remarks,
        },
    )
    unready = ""
    if unanswered:
        unready = (
            f"{len(unanswered)} of {len(every)} rows have no expected answer, and none is made up: "
            f"fill in 'expected' in {listed(keys[k] for k in found.rows)}, then climb"
        )
    return Imported(
        files={"rung.toml": rung_toml(draft), ".gitignore": ".rung/\n", **files},
        notes=tuple(notes),
        unready=unready,
    )


def _row(row: Row) -> dict[str, JsonValue]:
    """A row in Rung's own form: what Rung does not know is `meta`."""
    own = {key: row.data[key] for key in OWN if row.data.get(key) not in (None, (), [], {})}
    own.pop("meta", None)
    given = row.data.get("meta")
    meta = {
        **(given if isinstance(given, dict) else {}),
        **{k: v for k, v in row.data.items() if k not in OWN},
    }
    kept = {key: value for key, value in meta.items() if value not in (None, "")}
    made = {**own, "expected": row.data.get("expected")}
    return {**made, **({"meta": kept} if kept else {})}
