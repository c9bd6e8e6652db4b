"""Reading the documents that hold the knowledge: a folder of files, or a JSONL file.

HTML, PDF and DOCX are converted in a process with limits (`converting`), offline. Not for cutting
into passages.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from rung.errors import UserError
from rung.task.converting import convert
from rung.task.rows import Row, read_rows, read_text
from rung.task.types import Document, Example, digest
from rung.task.wording import did_you_mean, listed, shown

PLAIN = (".md", ".markdown", ".txt")
ROWS = (".jsonl", ".jsonl.gz")
CONVERTED = (".html", ".htm", ".pdf", ".docx")
_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(.+?)[ \t#]*$", re.MULTILINE)


class Documents(NamedTuple):
    """What was read, and a sentence for each kind of thing left out."""

    documents: tuple[Document, ...]
    notes: tuple[str, ...]
    empty: tuple[str, ...] = ()
    """Ids of the documents without text, which are left out."""


def load_documents(path: Path, name: str) -> Documents:
    """Every document of a folder (recursive) or of a `.jsonl` / `.jsonl.gz` file.

    Empty documents are left out and noted; that all are empty is a `UserError`.
    """
    if path.is_dir():
        found, left_out = _folder(path, name)
    elif path.exists():
        found, left_out = [_from_row(row) for row in read_rows(path, name)], []
        _refuse_twins(found, name)
    else:
        raise UserError(
            f"{name}: no such folder or file; check [task] documents, which is relative to "
            "the folder of rung.toml"
        )
    kept = tuple(doc for doc in found if doc.text.strip())
    empty = [doc.id for doc in found if not doc.text.strip()]
    if not kept:
        raise UserError(
            f"{name}: all {len(found)} documents are empty, such as {found[0].id!r}; "
            "documents need text (a scanned PDF has none)"
        )
    notes = []
    if empty:
        notes.append(f"{name}: {len(empty)} empty documents left out: {listed(empty)}")
    if left_out:
        notes.append(f"{name}: {len(left_out)} files of other kinds left out: {listed(left_out)}")
    return Documents(kept, tuple(notes), tuple(empty))


def check_context_ids(examples: tuple[Example, ...], documents: tuple[Document, ...]) -> None:
    """Refuse an example that names a document which does not exist."""
    known = {doc.id for doc in documents}
    for example in examples:
        for named in example.context_ids:
            if named not in known:
                raise UserError(
                    f"example {example.id!r}: context_ids names {named!r}, but no document has "
                    f"this id; {did_you_mean(named, sorted(known))}"
                )


def _folder(path: Path, name: str) -> tuple[list[Document], list[str]]:
    found, left_out = [], []
    files = [(file, file.relative_to(path).as_posix()) for file in _files(path)]
    converted = convert([each for each in files if each[0].suffix.lower() in CONVERTED])
    for file, ident in files:
        kind = file.suffix.lower()
        if kind in PLAIN:
            text = read_text(file, f"{name.rstrip('/')}/{ident}")
        elif kind in CONVERTED:
            text = converted[ident]
        else:
            left_out.append(ident)
            continue
        heading = _HEADING.search(text)
        title = heading.group(1).strip() if heading else file.stem
        found.append(Document(id=ident, title=title, text=text))
    if not found:
        seen = f"only {listed(left_out)}" if left_out else "it is empty"
        rows = next((file for file in left_out if file.endswith(ROWS)), None)
        direct = f', or name the file itself: "{name.rstrip("/")}/{rows}"' if rows else ""
        raise UserError(
            f"{name}: no document found ({seen}); put files in it that end in "
            f"{listed(PLAIN + CONVERTED)}{direct}"
        )
    return found, left_out


def _files(path: Path) -> Iterator[Path]:
    """Every file below a folder in a fixed order, hidden ones left out."""
    for folder, names, files in os.walk(path):
        names[:] = sorted(n for n in names if not n.startswith("."))
        yield from (Path(folder) / f for f in sorted(files) if not f.startswith("."))


def _from_row(row: Row) -> Document:
    text = row.data.get("text")
    if not isinstance(text, str):
        raise row.error(f"'text' is {shown(text)}; a document is {{id, title, text}}")
    ident = row.data.get("id")
    title = row.data.get("title")
    meta = row.data.get("meta") or {}
    if not isinstance(meta, dict):
        raise row.error(f'\'meta\' is {shown(meta)}; give fields, such as {{"language": "en"}}')
    return Document(
        id=digest(text)[:12] if ident in (None, "") else str(ident),
        title="" if title is None else str(title),
        text=text,
        meta=meta,
    )


def _refuse_twins(documents: list[Document], name: str) -> None:
    seen: set[str] = set()
    for doc in documents:
        if doc.id in seen:
            raise UserError(f"{name}: two documents have the id {doc.id!r}; make ids unique")
        seen.add(doc.id)
