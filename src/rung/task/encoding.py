"""Bytes of a file as text: by its byte order mark, else as UTF-8; anything else is named.

An encoding without a mark is a guess, and a wrong guess spoils letters in silence: it is said with
the command that converts the file, never taken. Not for what the text means.
"""

from __future__ import annotations

import codecs
import gzip
import zlib
from pathlib import Path
from shlex import quote
from typing import NamedTuple

from rung.errors import UserError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8", "UTF-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le", "UTF-32 LE"),  # before UTF-16: its mark begins alike
    (codecs.BOM_UTF32_BE, "utf-32-be", "UTF-32 BE"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16 LE"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16 BE"),
)
MARK = "\ufeff"
"""The byte order mark once decoded: inside a text, where two files were joined."""
_HALF_EMPTY = 0.3
"""Share of zero bytes from which a text without a mark is two bytes a letter."""


_WRITTEN = {
    "cp1252": "WINDOWS-1252",
    "cp1251": "WINDOWS-1251",
    "cp1253": "WINDOWS-1253",
    "shift_jis": "SHIFT-JIS",
    "euc_jp": "EUC-JP",
    "gb18030": "GB18030",
    "big5": "BIG5",
    "euc_kr": "EUC-KR",
}
"""What spreadsheets and exports write besides Unicode, as `iconv` calls it."""


class Text(NamedTuple):
    """What a file says, and in which encoding it was written where that is not UTF-8."""

    text: str
    encoding: str = ""


def read_bytes(path: Path, name: str) -> bytes:
    """The bytes of a file, unpacked when it ends in `.gz`; `UserError` where it cannot be read."""
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if path.suffix.lower() == ".gz" else data
    except FileNotFoundError:
        raise UserError(
            f"{name}: no such file; check the path, which is relative to the folder of rung.toml"
        ) from None
    except (OSError, EOFError, zlib.error) as problem:
        raise UserError(f"{name}: cannot be read ({problem})") from None


def decoded(data: bytes, name: str) -> Text:
    """The text by its mark, else as UTF-8; `UserError` with line, byte and the likely encoding."""
    for mark, codec, spoken in _MARKS:
        if data.startswith(mark):
            return _by_mark(data.removeprefix(mark), codec, spoken, name)
    wide = _two_bytes(data)
    if wide:
        return _by_mark(data, f"utf-16-{wide}", f"UTF-16 {wide.upper()} without a mark", name)
    try:
        return Text(data.decode("utf-8"))
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        raise UserError(
            f"{name} line {line}: byte 0x{data[problem.start]:02x} is not UTF-8; {_fix(data, name)}"
        ) from None


def read_text(path: Path, name: str) -> str:
    """The text of a file, unpacked when it ends in `.gz`."""
    return decoded(read_bytes(path, name), name).text


def _by_mark(data: bytes, codec: str, spoken: str, name: str) -> Text:
    try:
        return Text(data.decode(codec), "" if codec == "utf-8" else spoken)
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        raise UserError(
            f"{name} line {line}: the file begins as {spoken}, but byte "
            f"0x{data[problem.start]:02x} is none; save it as UTF-8"
        ) from None


def _two_bytes(data: bytes) -> str:
    """`le` or `be` where every second byte of a text is zero, as in UTF-16 of Latin letters."""
    head = data[:4096]
    if len(head) < 4 or len(data) % 2:
        return ""
    even, odd = head[::2].count(0) / len(head), head[1::2].count(0) / len(head)
    if max(even, odd) < _HALF_EMPTY or min(even, odd) > 0.01:
        return ""
    return "le" if odd > even else "be"


def _fix(data: bytes, name: str) -> str:
    """Which encoding it looks like, and the command that makes UTF-8 of it."""
    from charset_normalizer import from_bytes

    best = from_bytes(data[:262_144], cp_isolation=list(_WRITTEN)).best()
    if best is None:
        return "save the file as UTF-8"
    known = _WRITTEN[best.encoding]
    return (
        f"it looks like {known}: save the file as UTF-8, or convert it: "
        f"iconv -f {known} -t UTF-8 {quote(name)} > {quote(f'utf8-{Path(name).name}')}"
    )
