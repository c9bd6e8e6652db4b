"""Rows of tables: CSV and TSV as spreadsheets write them, XLSX, Parquet and Arrow."""

import csv
import io
import itertools
import json
import re
import sys
import zipfile
from collections.abc import Iterator, Sequence
from datetime import datetime, time
from pathlib import Path
from typing import Any

from rung.errors import MissingExtraError, UserError
from rung.task.columns import folded
from rung.task.encoding import MARK
from rung.task.faults import Faults, Row
from rung.task.types import JsonValue
from rung.task.wording import listed

_DELIMITERS = ",;\t|"
_LOOKED_AT = 50
"""Records that the separator is found by."""
_SEPARATOR = re.compile(r'"?sep=(.)"?\r?\n', re.IGNORECASE)
"""The line by which Excel is told the separator."""
_ERRORS = ("#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!")
"""What a spreadsheet shows where a formula failed: no value."""
UNSAVED = re.compile(rb"(?:</f>|<f[^>]*/>)\s*(?:<v\s*/>|<v></v>)?\s*</c>")
"""A formula of a workbook whose result nobody saved."""


def csv_rows(text: str, name: str, notes: list[str], delimiter: str | None = None) -> Iterator[Row]:
    """Rows under the header of a CSV text; rows without any text are skipped."""
    csv.field_size_limit(sys.maxsize)  # a cell may be a whole document
    line, separator = 1, _SEPARATOR.match(text)
    if separator:
        text, delimiter, line = text[separator.end() :], separator[1], 2
    delimiter = delimiter or delimiter_of(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    faults, total = Faults(name), 0
    header: list[str] = []
    repeated = 0
    for number, cells in _records(reader, name, line):
        if not any(map(_text, cells)):
            continue
        if not header:
            header = _header(cells, name)
            continue
        names = [cell.strip(MARK + " ") for cell in cells]
        if names[: len(header)] == header[: len(names)] and len(names) >= sum(map(bool, header)):
            repeated += 1  # two files with headers, joined
            continue
        total += 1
        row = Row(name, number, {})
        _refuse_title(header, cells, row)
        if len(cells) < len(header) or any(cell.strip() for cell in cells[len(header) :]):
            faults.add(
                row.error(
                    f"the row has not the {len(header)} cells of the header; put text that holds "
                    f"{delimiter!r} in double quotes"
                )
            )
            continue
        yield row._replace(data=_named(header, cells))
    if repeated:
        notes.append(f"{repeated} repeated header lines skipped")
    faults.raise_any(total)


def _records(reader: Any, name: str, first: int) -> Iterator[tuple[int, list[str]]]:
    """Each record with the line it begins at."""
    while True:
        line = reader.line_num + first
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as problem:
            raise UserError(
                f"{name} line {line}: broken CSV ({problem}); check its quotes"
            ) from None
        yield line, cells


def delimiter_of(text: str) -> str:
    """The separator that cuts the header and cuts most of the first records like it."""

    def fit(delimiter: str) -> tuple[bool, float, int]:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        try:
            head = [len(cells) for cells in itertools.islice(reader, _LOOKED_AT) if any(cells)]
        except csv.Error:
            return False, 0.0, 0
        if not head or head[0] < 2:
            return False, 0.0, 0
        return True, sum(n == head[0] for n in head) / len(head), head[0]

    return max(_DELIMITERS, key=fit)


def _header(cells: Sequence[str], name: str) -> list[str]:
    header = [cell.strip(MARK + " \t") for cell in cells]
    known: dict[str, str] = {}
    for one in filter(None, header):
        if folded(one) in known:
            other = known[folded(one)]
            both = repr(one) if other == one else f"{other!r} and {one!r}, which are one name here"
            raise UserError(f"{name}: two columns are called {both}; give each its own name")
        known[folded(one)] = one
    return header


def _refuse_title(header: Sequence[str], cells: Sequence[Any], row: Row) -> None:
    """Raise `UserError` where a sheet's title stands above its header."""
    names = [one for one in header if one]
    if header[0] and len(names) == 1 and sum(map(bool, map(_text, cells))) > 1:
        raise UserError(
            f"{row.file}: the first {row.place} holds {names[0]!r} alone, and {row.place} "
            f"{row.line} fills more columns; take out what stands above the names of the columns"
        )


def _text(cell: Any) -> str:
    return "" if cell is None else str(cell).strip(MARK + " \t\r\n")


def _named(header: Sequence[str], cells: Sequence[JsonValue]) -> dict[str, JsonValue]:
    """Cells by the name of their column; a column without a name counts where it holds text."""
    return {
        title or f"column {index}": cell
        for index, (title, cell) in enumerate(zip(header, cells, strict=False), start=1)
        if title or (str(cell).strip() if cell is not None else "")
    }


def xlsx_rows(path: Path, name: str, notes: list[str]) -> Iterator[Row]:
    """Rows under the first filled line of a workbook's first filled sheet."""
    try:
        import openpyxl
    except ImportError:
        raise MissingExtraError(f"reading {name}", "xlsx") from None
    if not path.is_file():
        raise UserError(
            f"{name}: no such file; check the path, which is relative to the folder of rung.toml"
        )
    try:
        merged, unsaved = _looked_ahead(path)
        book = openpyxl.load_workbook(path, read_only=not merged, data_only=True)
        shown = [s for s in book.worksheets if s.sheet_state == "visible"] or book.worksheets
        sheets = {s.title: _merged(s) for s in shown}
        hidden = [s.title for s in book.worksheets if s not in shown]
        book.close()
    except Exception as problem:  # its readers raise whatever zip and XML raise
        why = (str(problem) or type(problem).__name__).split("\n")[0]
        raise UserError(f"{name}: not a readable workbook ({why}); save it as .xlsx") from None
    filled = {
        title: rows for title, rows in sheets.items() if any(_filled(cells) for cells in rows)
    }
    if not filled:
        return
    tables = [title for title, rows in filled.items() if sum(map(_filled, rows)) > 1]
    title = tables[0] if tables else next(iter(filled))
    rows, left = filled.pop(title), [*filled, *hidden]
    if left:
        notes.append(f"sheet {title!r} is read; left: {listed(left)}")
    if unsaved:
        raise UserError(
            f"{name}: {unsaved} formulas were never computed; open the workbook in a spreadsheet "
            "program and save it"
        )
    header: list[str] = []
    for number, cells in enumerate(rows, start=1):
        if not _filled(cells):
            continue
        if not header:
            header = _header(["" if cell is None else str(cell) for cell in cells], name)
            continue
        _refuse_title(header, cells, Row(name, number, {}, "row"))
        yield Row(name, number, _named(header, [_cell(cell) for cell in cells]), "row")


def _looked_ahead(path: Path) -> tuple[bool, int]:
    """Whether cells are merged, which only a slower reading tells; formulas without a result."""
    merged, unsaved = False, 0
    with zipfile.ZipFile(path) as archive:
        for part in archive.namelist():
            sheet = archive.read(part) if part.startswith("xl/worksheets/sheet") else b""
            merged |= b"<mergeCell " in sheet
            unsaved += len(UNSAVED.findall(sheet))
    return merged, unsaved


def _merged(sheet: Any) -> list[list[Any]]:
    """The cells of a sheet; one merged over several rows stands in each of them."""
    rows = [list(cells) for cells in sheet.iter_rows(values_only=True)]
    for span in sheet.merged_cells.ranges if hasattr(sheet, "merged_cells") else ():
        for row in range(span.min_row, span.max_row):
            rows[row][span.min_col - 1] = rows[span.min_row - 1][span.min_col - 1]
    return rows


def _filled(cells: Sequence[Any]) -> bool:
    return any(map(_text, cells))


def _cell(value: Any) -> JsonValue:
    if value is None or value in _ERRORS:
        return ""
    if isinstance(value, datetime):
        midnight = value.time() == time(0)
        return value.date().isoformat() if midnight else value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return plain(value)


def parquet_rows(path: Path, name: str, notes: list[str]) -> Iterator[Row]:
    """Rows of a Parquet or Arrow file; class numbers of Hugging Face's `ClassLabel` as names."""
    try:
        from pyarrow import ArrowException, ipc, parquet
    except ImportError:
        raise MissingExtraError(f"reading {name}", "parquet") from None
    try:
        if path.suffix == ".arrow":
            with path.open("rb") as file:
                table = ipc.open_stream(file).read_all()
        else:
            table = parquet.read_table(path)
    except FileNotFoundError:
        raise UserError(
            f"{name}: no such file; check the path, which is relative to the folder of rung.toml"
        ) from None
    except (OSError, ArrowException) as problem:
        raise UserError(f"{name}: not a readable Parquet file ({problem})") from None
    features = features_of(table.schema.metadata or {})
    media = [key for key, one in features.items() if _type(one) in ("Image", "Audio", "Video")]
    if media:
        raise UserError(
            f"{name}: the columns {listed(media)} hold {_type(features[media[0]]).lower()}s, and "
            "Rung reads text only; take the columns out where the answers do not need them"
        )
    classes = {key: names for key, one in features.items() if (names := _classes(one))}
    for key, names in classes.items():
        notes.append(f"the classes of {key!r} are read by name: {listed(names)}")
    for number, data in enumerate(table.to_pylist(), start=1):
        row = {k: plain(v) for k, v in data.items() if v is not None}
        yield Row(name, number, {k: _class(v, classes.get(k)) for k, v in row.items()}, "row")


def features_of(metadata: dict[bytes, bytes]) -> dict[str, Any]:
    """The columns as Hugging Face describes them in a table's metadata; empty without."""
    try:
        header = json.loads(metadata.get(b"huggingface", b"{}"))
    except ValueError:
        return {}
    features = header.get("info", {}).get("features", {}) if isinstance(header, dict) else {}
    return features if isinstance(features, dict) else {}


def _type(feature: Any) -> str:
    return str(feature.get("_type", "")) if isinstance(feature, dict) else ""


def _classes(feature: Any) -> list[str]:
    """The names of a class column, or of a list of classes."""
    if isinstance(feature, list):
        return _classes(feature[0]) if feature else []
    if not isinstance(feature, dict):
        return []
    if _type(feature) in ("Sequence", "List", "LargeList"):
        return _classes(feature.get("feature"))
    names = feature.get("names") if _type(feature) == "ClassLabel" else None
    return [str(name) for name in names] if isinstance(names, list) else []


def _class(value: JsonValue, names: Sequence[str] | None) -> JsonValue:
    if not names:
        return value
    if isinstance(value, list):
        return [_class(one, names) for one in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return names[value] if 0 <= value < len(names) else None  # -1: not labelled
    return value


def plain(value: Any) -> JsonValue:
    """What a table can hold and JSON cannot (dates, decimals, bytes) as text."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
