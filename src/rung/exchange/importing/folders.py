"""Folders of other tools: BEIR, AutoRAG, Hugging Face, LLaMA-Factory, Kiln.

`FOLDERS` is the table: each reader gives what a folder of its kind holds, None for any other.
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from rung.errors import UserError
from rung.task.faults import Row
from rung.task.rows import is_rows, read_rows, read_table, read_text
from rung.task.shape_readers import ANSWERED, named
from rung.task.shapes import take
from rung.task.types import JsonValue
from rung.task.wording import listed


class Found(NamedTuple):
    """Rows under Rung's own names by the key of `[task]`, and what goes with them."""

    rows: Mapping[str, Sequence[Row]]
    instruction: str = ""
    notes: Sequence[str] = ()
    remarks: Mapping[str, str] = {}
    documents: Sequence[dict[str, JsonValue]] = ()
    lists: str = "labels"
    """What a list of answers is (`Shape.lists`)."""


_SPLIT = re.compile(
    r"(?:^|[/_.-])(train|training|test|testing|validation|valid|val|dev|eval)(?=[-_./]|$)"
)
_KEYS = {"train": "train", "training": "train", "test": "test", "testing": "test"}


def beir(folder: Path) -> Found | None:
    """`corpus.jsonl`, `queries.jsonl`, `qrels/*.tsv`: relevant documents become `context_ids`."""
    corpus, queries = _one(folder, "corpus"), _one(folder, "queries")
    if corpus is None or queries is None:
        return None
    relevant: dict[str, list[str]] = defaultdict(list)
    judged = sorted((folder / "qrels").glob("*.tsv"))
    for file in judged:
        for query, document in _relevant(file, f"qrels/{file.name}"):
            relevant[query].append(document)
    rows, without = [], 0
    for row in read_rows(queries, queries.name):
        ident = str(row.data.get("_id", row.data.get("id")))
        meta = row.data.get("metadata")
        about = {**(meta if isinstance(meta, dict) else {}), **row.data}
        if ident not in relevant:
            without += 1
            continue
        key = named(about, (*ANSWERED, "answers"))
        data = {
            "id": ident,
            "input": row.data.get("text"),
            "expected": about[key] if key else None,
            "context_ids": list(dict.fromkeys(relevant[ident])),
        }
        rows.append(row._replace(data=data))
    if not rows:
        raise UserError(f"{folder}: no query of {queries.name} stands in qrels/; check the folder")
    documents = [
        {
            "id": str(row.data.get("_id", row.data.get("id"))),
            "title": str(row.data.get("title") or ""),
            "text": str(row.data.get("text") or ""),
        }
        for row in read_rows(corpus, corpus.name)
    ]
    head = f"taken as a BEIR folder: {len(rows)} queries, relevant documents of "
    notes = [f"{head}{listed(p.name for p in judged)} as context_ids"]
    if without:
        notes.append(f"{without} queries without a relevant document are left out")
    return Found({"examples": rows}, "", notes, {"documents": "corpus.jsonl"}, documents, "text")


def _relevant(file: Path, name: str) -> Iterator[tuple[str, str]]:
    """Query and document of each judgement above 0."""
    table = read_rows(file, name)
    if "query" not in str(next(iter(table[0].data))).casefold():
        raise UserError(
            f"{name}: its first line is {listed(table[0].data)}; a BEIR folder's has the columns "
            "query-id, corpus-id and score, with tabs between them"
        )
    for row in table:
        query, document, *rest = [str(value) for value in row.data.values()] + [""]
        try:
            good = not any(rest) or float(rest[0] or 0) > 0
        except ValueError:
            raise row.error(f"the score is {rest[0]!r}; it must be a number") from None
        if good:
            yield query, document


def _one(folder: Path, stem: str) -> Path | None:
    places = [folder / f"{stem}{end}" for end in (".jsonl", ".jsonl.gz", ".parquet", ".csv")]
    return next((path for path in places if path.is_file()), None)


def autorag(folder: Path) -> Found | None:
    """`qa.parquet` and `corpus.parquet`."""
    asked, corpus = _one(folder, "qa"), _one(folder, "corpus")
    if asked is None or corpus is None:
        return None
    taken = take(read_rows(asked, asked.name))
    documents = [
        {
            "id": str(row.data.get("doc_id")),
            "title": str((row.data.get("metadata") or {}).get("title") or ""),
            "text": str(row.data.get("contents") or ""),
        }
        for row in read_rows(corpus, corpus.name)
    ]
    return Found(
        {"examples": taken.rows}, "", taken.notes, {"documents": corpus.name}, documents, "text"
    )


def kiln(folder: Path) -> Found | None:
    """A Kiln project: the task with most runs, each run an example."""
    tasks = sorted(folder.glob("tasks/*/task.kiln")) or sorted(folder.glob("task.kiln"))
    if not tasks:
        return None
    runs = {task: sorted(task.parent.glob("runs/*/task_run.kiln")) for task in tasks}
    task = max(tasks, key=lambda one: len(runs[one]))
    about = _object(task)
    rows, bad, by_model = [], 0, 0
    for file in runs[task]:
        run = _object(file)
        given = run.get("repaired_output") or run.get("output") or {}
        rating = (run.get("output") or {}).get("rating") or {}
        if not run.get("repaired_output") and _is_bad(rating):
            bad += 1
            continue
        by_model += (given.get("source") or {}).get("type") == "synthetic" and not rating
        data = {"id": run.get("id"), "input": _plain(run.get("input"), about, "input")}
        data["expected"] = _plain(given.get("output"), about, "output")
        rows.append(Row(file.parent.name, 1, data, "run"))
    if not rows:
        raise UserError(f"{folder}: the Kiln project holds no rated or unrated run to learn from")
    notes = [f"taken as the Kiln task {about.get('name')!r}: {len(rows)} runs as examples"]
    others = [str(_object(one).get("name")) for one in tasks if one != task]
    if others:
        notes.append(f"other tasks of the project are left: {listed(others)}")
    if bad:
        notes.append(f"{bad} runs that were rated bad and not repaired are left out")
    if by_model:
        notes.append(f"{by_model} expected answers are by a model and rated by nobody")
    return Found({"examples": rows}, str(about.get("instruction") or ""), notes)


def _plain(value: JsonValue, about: Mapping[str, JsonValue], side: str) -> JsonValue:
    """Text, or the object in it where the task has a schema for it."""
    if isinstance(value, str) and about.get(f"{side}_json_schema"):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _is_bad(rating: Mapping[str, JsonValue]) -> bool:
    value, kind = rating.get("value"), rating.get("type", "five_star")
    if value is None:
        return False
    return float(value) < (4 if kind == "five_star" else 1)


def _object(path: Path) -> dict[str, JsonValue]:
    try:
        value = json.loads(read_text(path, path.name))
    except (ValueError, RecursionError) as problem:
        raise UserError(f"{path}: not JSON ({problem}); restore it") from None
    return value if isinstance(value, dict) else {}


def llama_factory(folder: Path) -> Found | None:
    """`dataset_info.json` that names the one file of rows beside it."""
    index = folder / "dataset_info.json"
    if not index.is_file():
        return None
    sets = {
        name: one
        for name, one in _object(index).items()
        if isinstance(one, dict) and (folder / str(one.get("file_name"))).is_file()
    }
    if not sets:
        return None
    if len(sets) > 1:
        raise UserError(f"{index}: names the sets {listed(sets)}; name the one file that is meant")
    name, about = next(iter(sets.items()))
    file = folder / str(about["file_name"])
    table = read_table(file, file.name)
    taken = take(_renamed(table.rows, about.get("columns") or {}, about.get("tags") or {}))
    notes = [f"taken as the LLaMA-Factory set {name!r}", *table.notes, *taken.notes]
    return Found({"examples": taken.rows}, taken.system, notes)


_ROLES = {
    "prompt": "instruction", "query": "input", "response": "output", "history": "history",
    "system": "system", "messages": "conversations", "tools": "tools", "images": "images",
    "chosen": "output",
}  # fmt: skip


def _renamed(rows: Sequence[Row], columns: Mapping[str, str], tags: Mapping[str, str]) -> list[Row]:
    """Rows with the names that `dataset_info.json` gives their fields and their messages'."""
    names = {theirs: _ROLES[role] for role, theirs in columns.items() if role in _ROLES}
    parts = {tags.get("role_tag", "from"): "from", tags.get("content_tag", "value"): "value"}
    roles = {
        theirs: tag.removesuffix("_tag")
        for tag, theirs in tags.items()
        if tag not in ("role_tag", "content_tag")
    }

    def message(one: JsonValue) -> JsonValue:
        if not isinstance(one, dict):
            return one
        made = {parts.get(key, key): value for key, value in one.items()}
        return {**made, "from": roles.get(str(made.get("from")), made.get("from"))}

    def field(key: str, value: JsonValue) -> JsonValue:
        chat = tags and key == "conversations" and isinstance(value, list)
        return [message(one) for one in value] if chat else value

    return [
        row._replace(data={names.get(k, k): field(names.get(k, k), v) for k, v in row.data.items()})
        for row in rows
    ]


def hugging_face(folder: Path) -> Found | None:
    """Files named by their split, as repositories hold them and `save_to_disk` writes them."""
    parts: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder).as_posix().lower()
        match = _SPLIT.search(inner) if path.is_file() and is_rows(path) else None
        if match and path.name not in ("dataset_info.json", "state.json", "dataset_dict.json"):
            parts[_KEYS.get(match[1], "dev")].append(path)
    if "train" not in parts:
        return None
    classes = _classes(folder)
    notes, rows, system = ["taken as a data set of files by split"], {}, ""
    for key, files in parts.items():
        tables = [read_table(path, path.relative_to(folder).as_posix()) for path in files]
        taken = take([_named(row, classes) for table in tables for row in table.rows])
        notes += [note for table in tables for note in table.notes] + list(taken.notes)
        rows[key], system = taken.rows, taken.system
    for key in [k for k in rows if all(r.data.get("expected") is None for r in rows[k])]:
        notes.append(f"{key} has no labels and is left")
        del rows[key]
    if "test" not in rows:
        if "dev" in rows:
            notes.append("validation is taken as test: there is no test with labels")
            rows["test"] = rows.pop("dev")
        else:
            rows = {"examples": rows["train"]}
    remarks = {key: listed(p.name for p in parts[key]) for key in rows if key in parts}
    return Found(rows, system, notes, remarks)


def _classes(folder: Path) -> dict[str, list[str]]:
    """Class names by column, as the data set's README states them."""
    readme = folder / "README.md"
    if not readme.is_file():
        return {}
    head = re.match(r"---\n(.*?)\n---", read_text(readme, "README.md").replace("\r\n", "\n"), re.S)
    if head is None:
        return {}
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        about = YAML(typ="safe", pure=True).load(head[1])
    except YAMLError:
        return {}
    info = about.get("dataset_info") if isinstance(about, dict) else None
    info = info[0] if isinstance(info, list) and info else info
    features = info.get("features") if isinstance(info, dict) else None
    names_of = {}
    for one in features if isinstance(features, list) else []:
        dtype = one.get("dtype") if isinstance(one, dict) else None
        names = dtype.get("class_label", {}).get("names") if isinstance(dtype, dict) else None
        if isinstance(names, dict):
            names_of[str(one["name"])] = [str(name) for name in names.values()]
    return names_of


def _named(row: Row, classes: Mapping[str, Sequence[str]]) -> Row:
    data = dict(row.data)
    for key, names in classes.items():
        value = data.get(key)
        if re.fullmatch(r"-?\d+", str(value)):  # a CSV has them as text
            place = int(str(value))
            data[key] = names[place] if 0 <= place < len(names) else None
    return row._replace(data=data)


FOLDERS: tuple[Callable[[Path], Found | None], ...] = (
    beir, autorag, kiln, llama_factory, hugging_face,
)  # fmt: skip
"""Readers in the order in which they look at a folder."""
