"""Copies of a task's files: cleaned of what is certainly wrong, redacted, with a list to review.

Never writes into the user's files. What only looks wrong stays for a person to judge, but for
training labels that are far less likely than another: a test example is never taken out because a
model disagrees with it, for the score would then flatter that model.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from rung.audit.checks import agreement, contradictions, duplicates, leakage, output_noise
from rung.audit.checks.label_noise import suspects
from rung.audit.facts import contradictions as fact_contradictions
from rung.audit.material import Material
from rung.audit.personal import redacted, redacted_value
from rung.errors import UserError
from rung.task.types import Example, JsonValue, TextOutput

REVIEW, CONFIG = "review.jsonl", "rung.toml"
_FILE_KEYS = ("examples", "train", "dev", "test", "documents", "schema", "labels", "database")
_PATH = re.compile(
    rf"(?m)(?P<head>(?:^|[{{,\s])(?P<key>{'|'.join(_FILE_KEYS)})\s*=\s*)(?P<quote>[\"'])"
    r"(?P<path>[^\"'\n]*)(?P=quote)"
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
    _doubtful(material, put)
    return Cleaning(frozenset(out), tuple(items))


def _doubtful(material: Material, put: Callable[[int, str, bool, str], None]) -> None:
    """Labels and answers that look wrong."""
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
        found = fact_contradictions(
            material.inputs[: output_noise.MOST],
            material.answer_texts[: output_noise.MOST],
            material.task.climb.seed,
        )
        for row, fact in zip(found.examples, found.facts, strict=True) if found else ():
            put(row, f"the answer seems to contradict the input about {fact!r}", False, "")


def _as_written(material: Material, better: str) -> str:
    """A label as it stands in the task."""
    known = dict(zip(material.same_answer, material.answer_texts, strict=True))
    return known.get(better, better)


def write_copy(
    material: Material, folder: Path, *, clean: bool, redact: bool, toml: str | None
) -> Written:
    """Write the copy with its `review.jsonl`. `toml` is the text of the task's own rung.toml.

    Raises `UserError` where the folder holds anything that such a copy does not.
    """
    root = (material.task.root or Path()).resolve()
    folder = folder.resolve()
    _refuse(folder, root)
    folder.mkdir(parents=True, exist_ok=True)
    done = cleaning(material) if clean else Cleaning(frozenset(), ())
    counted = 0
    files: dict[str, str] = {}
    start = 0
    for part, examples in material.parts.items():
        kept = [e for i, e in enumerate(examples, start) if i not in done.out]
        start += len(examples)
        if not kept:
            raise UserError(
                f"nothing is left of {part!r} ({len(examples)} examples) once it is cleaned; look "
                "at `rung audit` first"
            )
        plain = [_row(example) for example in kept]
        hidden = [redacted_value(row) for row in plain] if redact else plain
        counted += sum(a != b for a, b in zip(plain, hidden, strict=True))
        files[part] = f"{part}.jsonl"
        _write(folder / files[part], hidden)
    if material.task.documents and redact:
        texts = [
            {"id": d.id, "title": redacted(d.title), "text": redacted(d.text)}
            for d in material.task.documents
        ]
        counted += sum(
            d.text != t["text"] or d.title != t["title"]
            for d, t in zip(material.task.documents, texts, strict=True)
        )
        files["documents"] = "documents.jsonl"
        _write(folder / files["documents"], texts)
    if toml is not None:
        (folder / CONFIG).write_text(_moved(toml, files, root, folder), encoding="utf-8")
    review = [item._asdict() for item in done.review]
    _write(folder / REVIEW, [redacted_value(row) for row in review] if redact else review)
    return Written(folder, len(done.out), len({item.id for item in done.review}), counted)


def _refuse(folder: Path, root: Path) -> None:
    if folder == root or folder in root.parents:
        raise UserError(
            f"{folder} holds the task's own files, which are never changed; give a new folder "
            "with --out"
        )
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file; give a new folder with --out")
    others = (
        [p.name for p in folder.iterdir() if not (folder / REVIEW).exists()]
        if folder.is_dir()
        else []
    )
    if others:
        raise UserError(
            f"{folder} is there already and holds {others[0]!r}; give a new folder with --out"
        )


def _row(example: Example) -> dict[str, JsonValue]:
    row: dict[str, JsonValue] = {
        "id": example.id,
        "input": example.input,
        "expected": example.expected,
    }
    if example.context_ids:
        row["context_ids"] = list(example.context_ids)
    if example.meta:
        row["meta"] = example.meta
    return row


def _write(path: Path, rows: Sequence[JsonValue]) -> None:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8", newline="\n")


def _moved(toml: str, files: Mapping[str, str], root: Path, folder: Path) -> str:
    """The task file with its data files in the copy, and every other path from there."""

    def moved(match: re.Match[str]) -> str:
        path = files.get(match["key"])
        if path is None:
            old = root / match["path"]
            if not match["path"] or not old.exists():
                return match[0]
            path = os.path.relpath(old, folder).replace(os.sep, "/")
        return f"{match['head']}{json.dumps(path)}"

    return _PATH.sub(moved, toml)
