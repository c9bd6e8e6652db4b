"""A task from whatever lies at a path: a file of rows in any shape, a folder, a configuration.

Nothing is run and no address is fetched. What was taken for what, and what was left, is said.
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from rung.errors import UserError
from rung.exchange.importing.folders import FOLDERS, Found
from rung.exchange.importing.guessing import guess_columns, guess_output
from rung.exchange.importing.imported import Imported, lines
from rung.exchange.importing.promptfoo import from_promptfoo
from rung.exchange.importing.rungtoml import Draft, rung_toml
from rung.task.columns import Columns
from rung.task.documents import CONVERTED, PLAIN
from rung.task.faults import Row
from rung.task.rows import is_rows, read_table
from rung.task.shapes import OWN, Taken, shape_of, take
from rung.task.types import JsonValue
from rung.task.wording import listed

_NAMED = {"id", "_id", "doc_id", "title"}
_ASKED = {
    "input",
    "expected",
    "label",
    "labels",
    "intent",
    "category",
    "answer",
    "output",
    "target",
}
_INSTRUCTIONS = {
    "labels": "Give the one label that fits the input.",
    "schema": "Read the input and give its fields as JSON.",
    "text": "Answer the question.",
}


def from_path(
    path: Path, name: str, project: Path | None = None, answer: str | None = None
) -> Imported:
    """The task called `name` of what lies at `path`; raises `UserError` where nothing is known.

    `answer` is the column that a person says holds the right answers.

    With `project`, the task's folder, one file of rows is read where it lies, so that what is
    corrected there counts; without, and of everything else, the task gets a copy.
    """
    if path.is_dir():
        for reader in FOLDERS if answer is None else ():
            rows = reader(path)
            if rows is not None:
                keys, notes = ({}, []) if rows.documents else _beside(path, project)
                return task_of(rows._replace(notes=[*rows.notes, *notes]), name, documents=keys)
        return _folder(path, name, project, answer)
    if not path.is_file():
        raise UserError(f"{path}: no such file or folder; name the data that the task is to be of")
    if path.suffix.lower() in (".yaml", ".yml") or _is_configuration(path):
        return from_promptfoo(path, name)
    return _file(path, name, {}, (), project, answer)


def _is_configuration(path: Path) -> bool:
    if path.suffix.lower() != ".json":
        return False
    try:
        value = json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(value, dict) and {"prompts", "tests"} <= value.keys()


def _folder(path: Path, name: str, project: Path | None, answer: str | None) -> Imported:
    """A folder of no known kind: its one file of rows, its texts as documents."""
    config = next((p for p in sorted(path.glob("promptfooconfig.y*ml"))), None)
    if config is not None:
        return from_promptfoo(config, name)
    tables = [p for p in _inside(path) if is_rows(p) and not _is_documents(p)]
    if len(tables) != 1:
        seen = listed(p.relative_to(path).as_posix() for p in tables) if tables else "none"
        raise UserError(
            f"{path}: of the shapes that are known none fits, and {len(tables)} files hold rows "
            f"({seen}); name the one file that is meant"
        )
    return _file(tables[0], name, *_beside(path, project), project, answer)


def _inside(path: Path) -> list[Path]:
    return [p for p in sorted(path.rglob("*")) if p.is_file() and not _hidden(p, path)]


def _is_documents(path: Path) -> bool:
    """Whether the rows of a file are texts with a name, and neither asked nor answered."""
    try:
        known = {key.strip().casefold() for key in read_table(path, path.name).rows[0].data}
    except UserError:  # whoever reads it says so
        return False
    return "text" in known and bool(known & _NAMED) and not known & _ASKED


def _beside(path: Path, project: Path | None) -> tuple[dict[str, JsonValue], list[str]]:
    """The documents of a folder as a key of `[task]` where they lie in one folder, and a note."""
    inside = _inside(path)
    documents = [
        p
        for p in inside
        if p.suffix.lower() in (*PLAIN, *CONVERTED)
        and not is_rows(p)
        and p.stem.lower() != "readme"
    ]
    packed = [p for p in inside if is_rows(p) and _is_documents(p)]
    places = {p.parent for p in documents} | set(packed)
    documents += packed
    if not documents:
        return {}, []
    if project is not None and len(places) == 1 and path not in places:
        place = places.pop()
        note = f"the documents of {place.name} may be looked up for an answer"
        return {"documents": os.path.relpath(place, project)}, [note]
    seen = listed(p.relative_to(path).as_posix() for p in documents)
    return {}, [
        f"{len(documents)} documents lie beside the rows ({seen}): set "
        '[task] documents = "…" to their folder where answers need them'
    ]


def _hidden(path: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(root).parts)


def _file(
    path: Path,
    name: str,
    documents: Mapping[str, JsonValue],
    remarked: Sequence[str],
    project: Path | None,
    answer: str | None,
) -> Imported:
    table = read_table(path, path.name)
    taken, columns, reasons = _taken(table.rows, answer)
    notes = [*table.notes, *taken.notes, *remarked]
    fields = dict.fromkeys(key for row in table.rows for key in row.data)
    keys: dict[str, JsonValue] = {}
    if project is not None:
        keys["examples"] = os.path.relpath(path, project)
        if columns is not None:
            keys["columns"] = columns.model_dump(exclude_none=True)
    origin = f"the rows of {path.name}"
    if reasons:
        guessed = ", ".join(f"{key} is {why}" for key, why in reasons.items())
        notes.append(f"{path.name}: guessed that {guessed}")
        origin += f": {guessed}"
    place = "columns" if "columns" in keys else "examples"
    remarks = {place: f"{origin} (a guess)" if reasons else origin}
    lists = taken.shape.lists if taken.shape else "labels"
    if any(row.data.get("choices") for row in table.rows):
        lists = "labels"  # Inspect's targets are all the letters
    loaded = Found({"examples": taken.rows}, taken.system, notes, remarks, lists=lists)
    made = task_of(loaded, name, keys, documents)
    return made.model_copy(update={"columns": tuple(fields) if reasons else ()})


def _taken(rows: list[Row], answer: str | None) -> tuple[Taken, Columns | None, dict[str, str]]:
    """The rows by their shape, else by guessed columns with the reason of each."""
    known = {key for row in rows[:50] for key in row.data}
    own = "expected" in {key.strip().casefold() for key in known}
    if answer is None and (shape_of(rows) is not None or own):
        return take(rows), None, {}
    guess = guess_columns(rows, answer)
    return take(rows, guess.columns), guess.columns, guess.reasons


def task_of(
    source: Found,
    name: str,
    linked: Mapping[str, JsonValue] | None = None,
    documents: Mapping[str, JsonValue] | None = None,
) -> Imported:
    """The files of a task out of rows under Rung's own names.

    `linked` are keys of `[task]` that lead to the rows where they lie; without, they are copied.
    `documents` is the key of `[task]` that leads to theirs.
    """
    notes = list(source.notes)
    every = [row for rows in source.rows.values() for row in rows]
    unanswered = [row for row in every if row.data.get("expected") is None]
    if all(row.data.get("expected") in (None, "", []) for row in every):
        unanswered = every  # some empty answers are right ones, all of them are none
    answers = [row.data.get("expected") for row in every if row not in unanswered]
    output, why = (
        guess_output(answers, source.lists) if answers else ({"text": {}}, "no answer is known")
    )
    kind = next(iter(output))
    if kind == "text" and answers and all(_is_query(answer) for answer in answers):
        notes.append(
            "every answer is a SQL query, judged as plain text here: give [output] sql = "
            '{ database = "…" } to judge what it finds'
        )
    files, keys = _placed(source, linked or {}, documents or {})
    origin = "as the data has it" if source.instruction else "a guess: say what is asked"
    draft = Draft(
        name=name,
        instruction=source.instruction or _INSTRUCTIONS[kind],
        output=output,
        files=keys,
        remarks={
            "instruction": origin,
            kind: f"a guess: {why}",
            "documents": "a guess: take this line out where answers do not need them",
            **source.remarks,
        },
    )
    unready = (
        f"{len(unanswered)} of {len(every)} rows have no expected answer, and none is made up: "
        f"fill in 'expected' in {listed(str(keys[k]) for k in source.rows)}, then climb"
    )
    return Imported(
        files={"rung.toml": rung_toml(draft), ".gitignore": ".rung/\n", **files},
        notes=tuple(notes),
        unready=unready if unanswered else "",
    )


def _placed(
    source: Found, linked: Mapping[str, JsonValue], documents: Mapping[str, JsonValue]
) -> tuple[dict[str, str], dict[str, JsonValue]]:
    """Files to write, and the keys of `[task]` that lead to them and to what is linked."""
    files: dict[str, str] = {}
    keys = dict(linked)
    if not keys:
        files = {f"{key}.jsonl": lines(map(_row, rows)) for key, rows in source.rows.items()}
        keys = {key: f"{key}.jsonl" for key in source.rows}
    keys |= documents
    if source.documents:
        files["documents.jsonl"] = lines(source.documents)
        keys["documents"] = "documents.jsonl"
    return files, keys


def _is_query(answer: JsonValue) -> bool:
    return str(answer).lstrip().upper().startswith(("SELECT ", "WITH "))


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
