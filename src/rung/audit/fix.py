"""Copies of a task's files: cleaned of what is certainly wrong, redacted, with a list to review.

Never writes into the user's files. What only looks wrong stays for a person to judge, but for
training labels that are far less likely than another: a test example is never taken out because a
model disagrees with it, for the score would then flatter that model.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import tomlkit

from rung.audit.checks import agreement, contradictions, duplicates, gold, leakage, output_noise
from rung.audit.checks.label_noise import suspects
from rung.audit.facts import contradictions as fact_contradictions
from rung.audit.material import Material
from rung.errors import UserError
from rung.privacy.forms import Names
from rung.project import KEPT
from rung.task.expected import row_expected
from rung.task.types import Example, JsonValue, TextOutput

REVIEW, CONFIG = "review.jsonl", "rung.toml"
WRITTEN = "copy.json"
"""Hashes of the files of a copy, as they were written."""
_FILE_KEYS = (
    *("examples", "train", "dev", "test", "documents", "unlabelled", "guard"),
    *("schema", "labels", "database"),
)


class Item(NamedTuple):
    """One example for a person to look at."""

    id: str
    file: str
    reason: str
    taken_out: bool
    suggestion: str = ""


class Cleaning(NamedTuple):
    """What is taken out of which rows, and what is to be looked at."""

    out: frozenset[int]
    review: tuple[Item, ...]


class Written(NamedTuple):
    """A copy on disk."""

    folder: Path
    taken_out: int
    to_review: int
    redactions: int


def cleaning(material: Material) -> Cleaning:
    """What `--fix` would do. Pure."""
    out: set[int] = set()
    items: list[Item] = []

    def put(row: int, reason: str, taken: bool, suggestion: str = "") -> None:
        if taken:
            out.add(row)
        items.append(Item(material.ids[row], material.rows[row].part, reason, taken, suggestion))

    for row in duplicates.repeats(material):
        put(row, "repeats an earlier example of the same file", True)
    for row, late, exact in leakage.earlier(material):
        how = "stands in" if exact else "stands nearly word for word in"
        put(row, f"{how} {material.rows[late].part} too, as {material.ids[late]!r}", True)
    for group in contradictions.equal(material):
        fewer = set(contradictions.outvoted(material, group))
        for row in group:
            kept = next(i for i in group if i not in fewer)
            likelier = material.answer_texts[kept] if row in fewer else ""
            put(row, "an equal input has another answer", True, likelier)
    for pair in contradictions.nearly(material):
        for row in pair:
            put(row, "a nearly equal input has another answer", False)
    for first, second in duplicates.nearly(material):
        put(second, f"nearly repeats {material.ids[first]!r} of the same file", False)
    _doubtful(material, put)
    return Cleaning(frozenset(out), tuple(items))


def _doubtful(material: Material, put: Callable[[int, str, bool, str], None]) -> None:
    """Labels and answers that look wrong."""
    for row in gold.missing(material):
        put(row, "its documents do not hold the expected answer", False, "")
    heard = agreement.heard(material)
    for doubt in () if isinstance(heard, str) else heard.doubts:
        put(doubt.row, "good candidates agree on another answer", False, doubt.answer)
    noise = material.noise
    if noise is not None:
        place = {row: at for at, row in enumerate(material.embedded)}
        sure = noise.sure()
        for row, better in suspects(material):
            taken = bool(sure[place[row]]) and material.rows[row].part == "train"
            put(row, "the label looks wrong", taken, _as_written(material, better))
    if isinstance(material.task.output, TextOutput) and len(material.rows) >= output_noise.FEWEST:
        doubts = fact_contradictions(
            material.inputs[: output_noise.MOST],
            material.answer_texts[: output_noise.MOST],
            material.task.climb.seed,
        )
        for row, fact in zip(doubts.examples, doubts.facts, strict=True) if doubts else ():
            put(row, f"the answer seems to contradict the input about {fact!r}", False, "")


def _as_written(material: Material, better: str) -> str:
    """A label as it stands in the task."""
    known = dict(zip(material.same_answer, material.answer_texts, strict=True))
    return known.get(better, better)


def write_copy(
    material: Material, folder: Path, *, clean: bool, redact: bool, toml: str | None
) -> Written:
    """Write the copy with its `review.jsonl`. `toml` is the text of the task's own rung.toml.

    Raises `UserError` where the folder holds anything but such a copy as it was written.
    """
    root = (material.task.root or Path()).resolve()
    folder = folder.resolve()
    old = _refuse(folder, root)
    done = cleaning(material) if clean else Cleaning(frozenset(), ())
    names = Names(redact)
    data, counted = _rows(material, done.out, names)
    if material.task.documents and redact:
        plain = [{"id": d.id, "title": d.title, "text": d.text} for d in material.task.documents]
        hidden = [{**names.hidden(row), "id": names.of(str(row["id"]))} for row in plain]
        counted += sum(a != b for a, b in zip(plain, hidden, strict=True))
        data["documents"] = hidden
    if material.task.unlabelled and redact:
        asked = [{"input": one} for one in material.task.unlabelled]
        data["unlabelled"] = [names.hidden(row) for row in asked]
        counted += sum(a != b for a, b in zip(asked, data["unlabelled"], strict=True))
    rows = {(row.part, row.example.id): row.example for row in material.rows}
    review = [
        {
            **names.hidden({**item._asdict(), **_asked(rows[item.file, item.id])}),
            "id": names.of(item.id),
        }
        for item in done.review
    ]
    files = {part: f"{part}.jsonl" for part in data}
    texts = {files[part]: _lines(rows_of) for part, rows_of in data.items()} | {
        REVIEW: _lines(review)
    }
    if toml is not None:
        texts[CONFIG] = _moved(toml, files, root, folder)
    _write(folder, texts, old)
    return Written(folder, len(done.out), len({item.id for item in done.review}), counted)


def _rows(
    material: Material, out: frozenset[int], names: Names
) -> tuple[dict[str, list[dict[str, JsonValue]]], int]:
    """The rows of each file that stay, and in how many of them something is hidden."""
    data: dict[str, list[dict[str, JsonValue]]] = {}
    counted = start = 0
    for part, examples in material.parts.items():
        kept = [e for i, e in enumerate(examples, start) if i not in out]
        start += len(examples)
        if not kept:
            raise UserError(
                f"nothing is left of {part!r} ({len(examples)} examples) once it is cleaned; look "
                "at `rung audit` first"
            )
        plain = [_row(example) for example in kept]
        data[part] = [_hidden(row, names, material.task.cluster) for row in plain]
        counted += sum(a != b for a, b in zip(plain, data[part], strict=True))
    return data, counted


def _hidden(row: dict[str, JsonValue], names: Names, cluster: str | None) -> dict[str, JsonValue]:
    """A row without personal data, where that is wanted. What tells rows apart still does."""
    hidden = names.hidden(row)
    hidden["id"] = names.of(str(row["id"]))
    gold = row.get("context_ids")
    if isinstance(gold, list):
        hidden["context_ids"] = [names.of(str(ident)) for ident in gold]
    meta, kept = row.get("meta"), hidden.get("meta")
    if cluster and isinstance(meta, dict) and isinstance(kept, dict):
        value = meta.get(cluster)
        if isinstance(value, str):
            kept[cluster] = names.of(value)
    return hidden


def _asked(example: Example) -> dict[str, JsonValue]:
    return {"input": example.input, "expected": row_expected(example)}


def _refuse(folder: Path, root: Path) -> list[str]:
    """The files of an earlier copy, to be written anew; raises `UserError` where others stand."""
    if folder == root or folder in root.parents:
        raise UserError(
            f"{folder} holds the task's own files, which are never changed; give a new folder "
            "with --out"
        )
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file; give a new folder with --out")
    here = [p for p in folder.iterdir() if p.name != KEPT] if folder.is_dir() else []
    if not here:
        return []
    try:
        written = json.loads((folder / WRITTEN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        written = None
    known = written if isinstance(written, dict) else {}
    for path in sorted(here):
        if path.name == WRITTEN and known:
            continue
        if path.name not in known:
            raise UserError(
                f"{folder} is there already and holds {path.name!r}; give a new folder with --out"
            )
        if _hash(path.read_bytes()) != known[path.name]:
            raise UserError(
                f"{path} was changed after it was written, and a new copy would undo that; give a "
                "new folder with --out"
            )
    return [path.name for path in here]


def _row(example: Example) -> dict[str, JsonValue]:
    row: dict[str, JsonValue] = {
        "id": example.id,
        "input": example.input,
        "expected": row_expected(example),
    }
    if example.context_ids:
        row["context_ids"] = list(example.context_ids)
    if example.meta:
        row["meta"] = example.meta
    return row


def _lines(rows: Sequence[JsonValue]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _write(folder: Path, texts: Mapping[str, str], old: Sequence[str]) -> None:
    """Put the files of a copy in the place of those of an earlier one."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in old:
        (folder / name).unlink()
    hashes = {name: _hash(text.encode()) for name, text in texts.items()}
    for name, text in (*texts.items(), (WRITTEN, json.dumps(hashes, indent=1) + "\n")):
        (folder / name).write_bytes(text.encode())


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _moved(toml: str, files: Mapping[str, str], root: Path, folder: Path) -> str:
    """The task file with its data files in the copy, and every other path from there."""

    def from_there(path: str) -> str | None:
        if not path or not (root / path).exists():
            return None
        return os.path.relpath(root / path, folder).replace(os.sep, "/")

    def move(table: MutableMapping[str, Any], *, models: bool = False) -> None:
        for key, value in list(table.items()):
            if isinstance(value, MutableMapping):
                move(value, models=key == "models")
            elif isinstance(value, list) and models:
                for i, name in enumerate(value):
                    value[i] = from_there(str(name)) or name
            elif isinstance(value, str) and (models or key in _FILE_KEYS):
                path = files.get(key) or from_there(value)
                if path is not None:
                    table[key] = path

    document = tomlkit.parse(toml)
    move(document)
    _read_as_written(document.get("task", {}))
    return tomlkit.dumps(document)


def _read_as_written(task: MutableMapping[str, Any]) -> None:
    """The rows of a copy have Rung's own names, and drafts and corrections in them."""
    for key in ("columns", "drafted", "corrections"):
        task.pop(key, None)
