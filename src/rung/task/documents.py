"""Reading the documents that hold the knowledge: a folder of files, or a JSONL file.

What is no plain text is converted in a process with limits (`converting`), offline, and kept by
the hash of its bytes: only what changed is read again. Not for cutting into passages.
"""

import csv
import hashlib
import io
import json
import os
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from rung.errors import StoreError, UserError
from rung.project import write_whole
from rung.task.code import CODE, ending, grammar
from rung.task.converting import File, convert
from rung.task.markdown_table import markdown_table
from rung.task.readers import READERS, Read
from rung.task.rows import Row, read_rows, read_text
from rung.task.tabular import delimiter_of
from rung.task.types import Document, Example, digest
from rung.task.wording import did_you_mean, listed, shown

PLAIN = (".md", ".markdown", ".mdx", ".rst", ".txt")
ROWS = (".jsonl", ".jsonl.gz")
TABLES = (".csv", ".tsv")
CONVERTED = tuple(READERS)
READING = "1"
"""Raised where the same file would be read otherwise."""
_HEADING = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.+?)[ \t#]*$", re.MULTILINE)
_FRONT = re.compile(
    r"\ufeff?(?:---|\+\+\+)[ \t]*\r?\n(.*?)\n(?:---|\+\+\+)[ \t]*(?:\r?\n|$)", re.DOTALL
)
_TITLE = re.compile(r"""^title[ \t]*[:=][ \t]*(["']?)(.+?)\1[ \t]*\r?$""", re.MULTILINE)
_NO_TITLE = re.compile(
    r"(?i)untitled|microsoft word|powerpoint|\.(?:docx?|pdf|pptx?|xlsx?|indd|tex)$"
)
"""What programs write into the title of a file that nobody gave one."""


class Documents(NamedTuple):
    """What was read, and a sentence for each kind of thing left out."""

    documents: tuple[Document, ...]
    notes: tuple[str, ...]
    empty: tuple[str, ...] = ()
    """Ids of the documents without text, which are left out."""


def load_documents(path: Path, name: str, before: Path | None = None) -> Documents:
    """Every document of a folder (recursive) or of a `.jsonl` / `.jsonl.gz` file.

    `before` is where what was read is kept. Empty documents are left out and noted; that all are
    empty is a `UserError`.
    """
    notes: list[str] = []
    if path.is_dir():
        documents, notes = _folder(path, name, before)
    elif path.exists():
        documents = [_from_row(row) for row in read_rows(path, name)]
        _refuse_twins(documents, name)
    else:
        raise UserError(
            f"{name}: no such folder or file; check [task] documents, which is relative to "
            "the folder of rung.toml"
        )
    kept = tuple(doc for doc in documents if doc.text.strip())
    empty = [doc.id for doc in documents if not doc.text.strip()]
    if not kept:
        raise UserError(
            f"{name}: all {len(documents)} documents are empty, such as {documents[0].id!r}; "
            "documents need text (a scanned PDF has none)"
        )
    if empty:
        notes.insert(0, f"{name}: {len(empty)} empty documents left out: {listed(empty)}")
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


def _folder(path: Path, name: str, before: Path | None) -> tuple[list[Document], list[str]]:
    files = [(file, file.relative_to(path).as_posix()) for file in _files(path)]
    read = _converted([each for each in files if ending(each[1]) in CONVERTED], before)
    for file, ident in files:
        if ending(ident) in (*PLAIN, *CODE):
            read[ident] = Read(read_text(file, f"{name.rstrip('/')}/{ident}"))
        elif ending(ident) in TABLES:
            text = read_text(file, f"{name.rstrip('/')}/{ident}")
            read[ident] = Read(markdown_table(_csv(text)))
    left_out = [ident for _, ident in files if ident not in read]
    if not read:
        seen = f"only {listed(left_out)}" if left_out else "it is empty"
        rows = next((file for file in left_out if file.endswith(ROWS)), None)
        direct = f', or name the file itself: "{name.rstrip("/")}/{rows}"' if rows else ""
        raise UserError(
            f"{name}: no document found ({seen}); put files in it that end in "
            f"{', '.join((*PLAIN, *CONVERTED, *TABLES))} or hold code{direct}"
        )
    documents = [
        Document(id=ident, title=_title(read[ident], file), text=read[ident].text)
        for file, ident in files
        if ident in read
    ]
    notes = list(_notes(read, name))
    if left_out:
        notes.append(f"{name}: {len(left_out)} files of other kinds left out: {listed(left_out)}")
    return documents, notes


def _notes(read: dict[str, Read], name: str) -> Iterator[str]:
    """A sentence for each kind of thing that was changed or lost, with its count."""
    where = defaultdict[str, list[str]](list)
    for ident, one in read.items():
        for what in one.lost:
            where[what].append(ident)
    for what, idents in where.items():
        count = sum(read[ident].lost[what] for ident in idents)
        yield f"{name}: {count} x {what}, in {listed(idents)}"
    uncut = [i for i in read if ending(i) in CODE and grammar(ending(i)) is None]
    if uncut:
        yield (
            f"{name}: {len(uncut)} files of code are cut like text, such as {uncut[0]!r}; by "
            "symbol after pip install 'rung[code]'"
        )


def _csv(text: str) -> Iterable[list[str]]:
    csv.field_size_limit(sys.maxsize)
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter_of(text))


def _title(read: Read, file: Path) -> str:
    """A heading of the first level, front matter or the file's own title, any heading, its name."""
    code = ending(file.name) in CODE
    front = _FRONT.match(read.text)
    named = _TITLE.search(front[1]) if front else None
    headings = [] if code else _HEADING.findall(read.text, front.end() if front else 0)
    own = read.title if not _NO_TITLE.search(read.title) else ""
    first = next((words for level, words in headings if level == "#"), "")
    title = (named[2] if named else "") or first or own or (headings[0][1] if headings else "")
    return " ".join(title.split()) or (file.name if code else file.stem)


def _converted(files: Sequence[File], before: Path | None) -> dict[str, Read]:
    """What each file says; what was read before, by another load, is not read again."""
    if before is None:
        return convert(files)
    keys = {ident: _key(file) for file, ident in files}
    read: dict[str, Read] = {}
    for ident, key in keys.items():
        with suppress(OSError, ValueError, TypeError, KeyError):
            kept = json.loads((before / key).read_text(encoding="utf-8"))
            read[ident] = Read(kept["text"], kept["title"], Counter(kept["lost"]))
    fresh = convert([(file, ident) for file, ident in files if ident not in read])
    with suppress(StoreError):  # a folder that cannot be written to costs time, no more
        for ident, one in fresh.items():
            kept = json.dumps({**one._asdict(), "lost": dict(one.lost)})
            write_whole(before / keys[ident], kept, mode=0o600)
    for gone in {path.name for path in before.glob("*.json")} - {*keys.values()}:
        with suppress(OSError):
            (before / gone).unlink()
    return read | fresh


def _key(file: Path) -> str:
    with file.open("rb") as data:
        content = hashlib.file_digest(data, "sha256").hexdigest()
    return f"{content}{ending(file.name)}-{READING}.json"


def _files(path: Path) -> Iterator[Path]:
    """Every file below a folder in a fixed order, hidden ones left out."""
    for folder, names, files in os.walk(path):
        names[:] = sorted(n for n in names if not n.startswith("."))
        yield from (Path(folder) / f for f in sorted(files) if not f.startswith("."))


_TEXTS = ("text", "content", "contents", "page_content", "body")
_IDS = ("id", "_id", "docid", "doc_id")
"""As BEIR, Pyserini and LangChain call them; the first that a row has counts."""


def _from_row(row: Row) -> Document:
    text = next((row.data[name] for name in _TEXTS if name in row.data), None)
    if not isinstance(text, str):
        raise row.error(f"'text' is {shown(text)}; a document is {{id, title, text}}")
    ident = next((row.data[name] for name in _IDS if name in row.data), None)
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
