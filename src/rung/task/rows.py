"""Reading rows out of JSONL, CSV and Parquet files, with the line each row stands on.

Not for what a row means: that is `examples` and `documents`.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from rung.errors import MissingExtraError, UserError
from rung.task.types import JsonValue
from rung.task.wording import listed, shown


class Row(NamedTuple):
    """One row and where it stands."""

    file: str
    line: int
    """Line in the file, counted from 1; row number for Parquet."""
    data: dict[str, JsonValue]

    def error(self, problem: str) -> UserError:
        """A `UserError` that names this row."""
        return UserError(f"{self.file} line {self.line}: {problem}")


def strict_json(text: str) -> JsonValue:
    """Parse JSON; NaN and Infinity, which JSON does not have, raise `ValueError`."""
    return json.loads(text, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def read_text(path: Path, name: str) -> str:
    """The UTF-8 text of a file, unpacked when it ends in `.gz`."""
    try:
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
    except FileNotFoundError:
        raise UserError(
            f"{name}: no such file; check the path, which is relative to the folder of rung.toml"
        ) from None
    except (OSError, EOFError, zlib.error) as problem:
        raise UserError(f"{name}: cannot be read ({problem})") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        raise UserError(
            f"{name} line {line}: byte 0x{data[problem.start]:02x} is not UTF-8; "
            "save the file as UTF-8"
        ) from None


def read_rows(path: Path, name: str) -> list[Row]:
    """Every row of a `.jsonl`, `.jsonl.gz`, `.csv` or `.parquet` file; never an empty list."""
    kind = "".join(path.suffixes[-2:]).lower() if path.suffix == ".gz" else path.suffix.lower()
    reader = _READERS.get(kind)
    if reader is None:
        raise UserError(
            f"{name}: files ending in {kind!r} are not read; use one of {listed(_READERS)}"
        )
    rows = list(reader(path, name))
    if not rows:
        raise UserError(f"{name}: the file has no rows; add at least one")
    return rows


def _jsonl(path: Path, name: str) -> Iterator[Row]:
    for number, line in enumerate(read_text(path, name).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            data = strict_json(line)
        except ValueError as problem:
            raise UserError(
                f"{name} line {number}: not one JSON object ({problem}): {shown(line)}; "
                "JSONL has one object a line"
            ) from None
        if not isinstance(data, dict):
            raise UserError(
                f"{name} line {number}: {shown(data)} is not a JSON object; "
                "JSONL has one object a line"
            )
        yield Row(name, number, data)


def _csv(path: Path, name: str) -> Iterator[Row]:
    text = read_text(path, name)
    header = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=header.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            if None in cells or None in cells.values():
                raise UserError(
                    f"{name} line {reader.line_num}: the row has not the "
                    f"{len(reader.fieldnames or ())} cells of the header; put text that holds "
                    f"{delimiter!r} in double quotes"
                )
            yield Row(name, reader.line_num, dict(cells))
    except csv.Error as problem:
        raise UserError(
            f"{name} line {reader.line_num + 1}: broken CSV ({problem}); check its quotes"
        ) from None


def _parquet(path: Path, name: str) -> Iterator[Row]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise MissingExtraError(f"reading {name}", "parquet") from None
    try:
        rows = parquet.read_table(path).to_pylist()
    except FileNotFoundError:
        raise UserError(
            f"{name}: no such file; check the path, which is relative to the folder of rung.toml"
        ) from None
    except (OSError, ArrowException) as problem:
        raise UserError(f"{name}: not a readable Parquet file ({problem})") from None
    for number, data in enumerate(rows, start=1):
        yield Row(name, number, {k: _plain(v) for k, v in data.items() if v is not None})


def _plain(value: Any) -> JsonValue:
    """What Parquet can hold and JSON cannot (dates, decimals, bytes) as text."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


_READERS: dict[str, Callable[[Path, str], Iterator[Row]]] = {
    ".jsonl": _jsonl,
    ".jsonl.gz": _jsonl,
    ".csv": _csv,
    ".parquet": _parquet,
}
