"""Reading rows out of the files that hold them, with the place each row stands at.

JSONL, JSON, CSV and TSV (also packed by gzip), XLSX, Parquet and Arrow. Not for what a row means:
that is `shapes`, `examples` and `documents`.
"""

import json
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple, NoReturn

from rung.errors import UserError
from rung.task.encoding import MARK, decoded, read_bytes, read_text
from rung.task.faults import Faults, Row
from rung.task.tabular import csv_rows, parquet_rows, xlsx_rows
from rung.task.types import JsonValue
from rung.task.wording import listed, shown

__all__ = ["Row", "Table", "read_rows", "read_table", "read_text", "strict_json"]
SPANS = ("resourceSpans", "scopeSpans", "batches")
"""Keys of traces, which hold rows further down."""
_DEEP = 3
"""How far down in an object of a JSON file its one list of rows is looked for."""


_ESCAPE = re.compile(
    r"\\\\|\\u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|"
    r"(?P<half>\\u[dD][89a-fA-F][\da-fA-F]{2})"
)
"""A backslash, a pair of halves, and half a character alone, as JSON escapes them."""


class Table(NamedTuple):
    """The rows of a file, and a sentence for what was read otherwise than it seems."""

    rows: list[Row]
    notes: tuple[str, ...] = ()


def strict_json(text: str) -> JsonValue:
    """Parse JSON; NaN and Infinity, which JSON does not have, raise `ValueError`.

    Half a character alone is read as U+FFFD.
    """
    return json.loads(_ESCAPE.sub(_whole_escape, text), parse_constant=_refuse_constant)


def _whole_escape(escape: re.Match[str]) -> str:
    return "\\ufffd" if escape["half"] else escape[0]


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def kind_of(path: Path) -> str:
    """The ending that says how a file is read, `.gz` left off."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] == [".gz"]:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def is_rows(path: Path) -> bool:
    """Whether a file is of a kind that holds rows."""
    return kind_of(path) in _READERS


def read_rows(path: Path, name: str) -> list[Row]:
    """As `read_table`, the rows alone."""
    return read_table(path, name).rows


def read_table(path: Path, name: str) -> Table:
    """Every row of a file; never an empty list. Raises `UserError` with all faulty lines."""
    kind = kind_of(path)
    reader = _READERS.get(kind)
    if reader is None:
        hint = _HINTS.get(kind, "")
        raise UserError(
            f"{name}: files ending in {kind!r} are not read{hint}; use one of {listed(_READERS)}"
        )
    notes: list[str] = []
    rows = list(reader(path, name, notes))
    if not rows:
        raise UserError(f"{name}: the file has no rows; add at least one")
    return Table(rows, tuple(f"{name}: {note}" for note in notes))


def _said_text(path: Path, name: str, notes: list[str]) -> str:
    data = read_bytes(path, name)
    if data.startswith(b"PK\x03\x04"):
        raise UserError(f"{name}: is a workbook or an archive; call a workbook .xlsx, or unpack it")
    text, encoding = decoded(data, name)
    if encoding:
        notes.append(f"read as {encoding}")
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise UserError(f"{name} line {line}: holds a zero byte, which is no text; take it out")
    return text


def _json_text(path: Path, name: str, notes: list[str]) -> str:
    """Halves of a character, which programs leave that cut a text in UTF-16, become U+FFFD."""
    said = _said_text(path, name, notes)
    text = _ESCAPE.sub(_whole_escape, said)
    if text != said:
        notes.append("half a character, as of an emoji that was cut, is read as \ufffd")
    return text


def _jsonl(path: Path, name: str, notes: list[str]) -> Iterator[Row]:
    text = _json_text(path, name, notes)
    first = text.lstrip(MARK + " \t\r\n").split("\n", 1)[0].strip()
    if first == "{" or (first.startswith("[") and not _is_list(first)):
        yield from _whole(text, name, notes)
        return
    faults, total = Faults(name), 0
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.removeprefix(MARK)  # two files with marks, joined
        if not line.strip():
            continue
        total += 1
        row = Row(name, number, {})
        try:
            data = json.loads(line)
        except (ValueError, RecursionError) as problem:
            faults.add(
                row.error(
                    f"not one JSON object ({problem}): {shown(line)}; JSONL has one object a line"
                )
            )
            continue
        if not isinstance(data, dict):
            faults.add(
                row.error(f"{shown(data)} is not a JSON object; JSONL has one object a line")
            )
            continue
        yield row._replace(data=data)
    faults.raise_any(total)


def _is_list(line: str) -> bool:
    """Whether a line is a whole JSON list of plain values: a wrong row, no array of rows."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, list) and not all(isinstance(one, dict) for one in value)


def _json(path: Path, name: str, notes: list[str]) -> Iterator[Row]:
    return _whole(_json_text(path, name, notes), name, notes)


def _whole(text: str, name: str, notes: list[str]) -> Iterator[Row]:
    """Rows of one JSON value, or of several that follow one another."""
    values = list(_values(text, name))
    if len(values) == 1:
        listed = _list_of(values[0][1], name, notes)
        rows = [(number, one, "row") for number, one in enumerate(listed, start=1)]
    else:
        rows = [(line, one, "line") for line, one in values]
    faults = Faults(name)
    for number, one, place in rows:
        row = Row(name, number, {}, place)
        if isinstance(one, dict):
            yield row._replace(data=one)
        else:
            faults.add(row.error(f"{shown(one)} is not a JSON object; every row is one"))
    faults.raise_any(len(rows))


def _values(text: str, name: str) -> Iterator[tuple[int, JsonValue]]:
    """Each JSON value of a text with the line it begins at."""
    decoder = json.JSONDecoder()
    at = 0
    while True:
        while at < len(text) and (text[at].isspace() or text[at] == MARK):
            at += 1
        if at >= len(text):
            return
        line = text.count("\n", 0, at) + 1
        try:
            value, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError as problem:
            raise UserError(
                f"{name} line {problem.lineno}: not JSON ({problem.msg}, column {problem.colno}); "
                "correct that line"
            ) from None
        except RecursionError:
            raise UserError(f"{name} line {line}: nested too deeply to be rows") from None
        yield line, value


def _list_of(value: JsonValue, name: str, notes: list[str], deep: int = _DEEP) -> list[JsonValue]:
    """The rows in a JSON value: a list, an object that holds one list of objects, or columns."""
    if isinstance(value, list):
        return value
    if not isinstance(value, dict):
        raise UserError(f"{name}: {shown(value)} holds no rows; a list of objects does")
    columns = _by_columns(value)
    if columns is not None:
        return columns
    lists = {key: one for key, one in value.items() if _holds_objects(one)}
    if len(lists) > 1 and not {"input", "expected", "messages"} & value.keys():
        raise UserError(
            f"{name}: the object holds {len(lists)} lists of rows ({listed(lists)}); put each "
            "into a file of its own, and name the one that is meant"
        )
    if len(lists) == 1 and not {"messages", "conversations", "input", *SPANS} & value.keys():
        key, rows = next(iter(lists.items()))
        rest = [other for other in value if other != key]
        notes.append(f"rows are those of {key!r}" + (f"; left: {listed(rest)}" if rest else ""))
        return list(rows)
    inner = [one for one in value.values() if isinstance(one, dict)]
    if deep and len(inner) == 1 and any(_holds_objects(one) for one in inner[0].values()):
        return _list_of(inner[0], name, notes, deep - 1)
    return [value]


def _holds_objects(value: JsonValue) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, dict) for v in value)


def _by_columns(value: dict[str, JsonValue]) -> list[JsonValue] | None:
    """Rows out of columns, as `DataFrame.to_json` and `Dataset.to_dict` write them."""
    parts = list(value.values())
    if {"columns", "data"} <= value.keys() and isinstance(value["columns"], list):
        return [dict(zip(value["columns"], cells, strict=False)) for cells in value["data"]]
    if len(parts) < 2:
        return None
    if all(isinstance(part, dict) and part.keys() == parts[0].keys() for part in parts):
        numbered = all(key.isdigit() for key in parts[0])
        by_row = len(parts) > len(parts[0]) and not numbered
        if by_row or {"input", "expected"} & set(parts[0]):  # orient="index"
            return [{"id": key, **part} for key, part in value.items()]
        return [{key: part[at] for key, part in value.items()} for at in parts[0]]
    plain = all(isinstance(part, list) and len(part) == len(parts[0]) for part in parts)
    if plain and len(parts[0]) > 1 and not any(_holds_objects(part) for part in parts):
        return [dict(zip(value, cells, strict=True)) for cells in zip(*parts, strict=True)]
    return None


def _csv(path: Path, name: str, notes: list[str]) -> Iterator[Row]:
    tab = kind_of(path) in (".tsv", ".tab")
    return csv_rows(_said_text(path, name, notes), name, notes, "\t" if tab else None)


_READERS: dict[str, Callable[[Path, str, list[str]], Iterator[Row]]] = {
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
    ".json": _json,
    ".csv": _csv,
    ".tsv": _csv,
    ".tab": _csv,
    ".xlsx": xlsx_rows,
    ".parquet": parquet_rows,
    ".arrow": parquet_rows,
}


TABLES = frozenset({".csv", ".tsv", ".tab", ".xlsx"})
"""Files whose cells hold one text each."""
_HINTS = {
    **dict.fromkeys((".xls", ".ods", ".numbers"), "; save it as .xlsx or .csv"),
    ".txt": "; call a table .csv or .tsv",
    ".zip": "; unpack it",
}


_SINCE_1970 = re.compile(r"([12]\d{9})(?:\d{3})?(?:\.\d+)?")
"""A number of ten digits, from 2001 to 2065, or of thirteen."""
_YEAR = re.compile(r"(?:19|20)\d\d")


def stated_day(value: JsonValue) -> float | None:
    """As `day_of`, in a field that somebody named as its date: also seconds or milliseconds since
    1970, and a time that says UTC."""
    since = _SINCE_1970.fullmatch(str(value).strip())
    if since is not None:
        return date(1970, 1, 1).toordinal() + int(since[1]) / 86_400
    return day_of(value.removesuffix(" UTC") if isinstance(value, str) else value)


def day_of(value: JsonValue) -> float | None:
    """A date as a day number: ISO dates and times, or a year; anything else is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return None
    if _YEAR.fullmatch(value.strip()):
        return float(date(int(value), 7, 1).toordinal())
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return moment.toordinal() + (moment.hour * 60 + moment.minute) / 1440
