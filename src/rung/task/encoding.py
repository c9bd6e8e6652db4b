"""Bytes of a file as text: by its byte order mark, else as UTF-8; anything else is named.

An encoding without a mark is a guess, and a wrong guess spoils letters in silence: it is said with
the command that converts the file, never taken. Not for what the text means.
"""

import codecs
import gzip
import re
import zlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from shlex import quote
from typing import NamedTuple

from rung.errors import UserError
from rung.task.wording import shown

_MARKS = (
    (codecs.BOM_UTF8, "utf-8", "UTF-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le", "UTF-32 LE"),  # before UTF-16: its mark begins alike
    (codecs.BOM_UTF32_BE, "utf-32-be", "UTF-32 BE"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16 LE"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16 BE"),
)
MARK = "\ufeff"
"""The byte order mark once decoded: inside a text, where two files were joined."""
_ESCAPED = re.compile(rb"\x1b\$[@B]")
_HALF_EMPTY = 0.3
"""Share of zero bytes from which a text without a mark is two bytes a letter."""


_WRITTEN = {
    "cp1252": "WINDOWS-1252",
    "cp1251": "WINDOWS-1251",
    "cp1253": "WINDOWS-1253",
    "cp1256": "WINDOWS-1256",
    "cp874": "CP874",
    "shift_jis": "SHIFT-JIS",
    "euc_jp": "EUC-JP",
    "gb18030": "GB18030",
    "big5": "BIG5",
    "euc_kr": "EUC-KR",
}
"""What spreadsheets and exports write besides Unicode, as `iconv` calls it."""
_ALSO = {
    "cp1250": "WINDOWS-1250",
    "cp1254": "WINDOWS-1254",
    "cp1255": "WINDOWS-1255",
    "koi8_r": "KOI8-R",
}
"""Looks too much like the others to be taken unseen."""


_OF_LANGUAGE = {
    **dict.fromkeys(("cs", "hr", "hu", "pl", "ro", "sk", "sl", "sr"), "cp1250"),
    **dict.fromkeys(("be", "bg", "mk", "ru", "uk"), "cp1251"),
    **dict.fromkeys(("et", "lt", "lv"), "cp1257"),
    **{"ar": "cp1256", "el": "cp1253", "fa": "cp1256", "he": "cp1255", "tr": "cp1254"},
    **{"ja": "shift_jis", "ko": "euc_kr", "th": "cp874", "vi": "cp1258", "zh": "gb18030"},
}
"""What browsers take a page of a language for that names no encoding
(https://encoding.spec.whatwg.org, https://html.spec.whatwg.org/multipage/parsing.html)."""
_WIDER = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
}
"""What browsers read a declared encoding as."""
_DECLARED = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?([\w.:-]+)""", re.IGNORECASE)
_LANGUAGE = re.compile(rb"""<html[^>]*\slang\s*=\s*["']?([a-zA-Z]+)""", re.IGNORECASE)
_OUTSIDE_ASCII = re.compile(rb"[\x80-\xff]+")


class Text(NamedTuple):
    """What a file says, and in which encoding it was written where that is not UTF-8."""

    text: str
    encoding: str = ""


class Page(NamedTuple):
    """As `Text`, and whether anything said that it is in this encoding."""

    text: str
    encoding: str
    guessed: bool = False


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
    if _ESCAPED.search(data):
        raise UserError(
            f"{name}: holds the signs by which ISO-2022-JP changes letters; "
            f"{_convert('ISO-2022-JP', name)}"
        )
    try:
        return Text(data.decode("utf-8"))
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        raise UserError(
            f"{name} line {line}: byte 0x{data[problem.start]:02x} is not UTF-8; "
            f"{_fix(data, name, line)}"
        ) from None


def markup_text(data: bytes) -> Page:
    """A page of HTML: by its mark, as UTF-8, as it declares, as its language suggests, or a guess.

    What declares another encoding and reads as UTF-8 is UTF-8: no other text does by chance. Bytes
    that the encoding lacks become U+FFFD.
    """
    for mark, codec, spoken in _MARKS:
        if data.startswith(mark):
            return Page(data.removeprefix(mark).decode(codec, "replace"), spoken)
    wide = _two_bytes(data)
    if wide:
        return Page(data.decode(f"utf-16-{wide}", "replace"), "UTF-16")
    named = _DECLARED.search(data[:4096])
    declared = _codec(named[1].decode("ascii", "replace")) if named else ""
    for codec in (declared if data.isascii() else "", "utf-8", declared):
        with suppress(UnicodeDecodeError):
            if codec:
                return Page(data.decode(codec), codec)
    language = _LANGUAGE.search(data[:4096])
    of_language = _OF_LANGUAGE.get(language[1].decode().lower()) if language else None
    codec = declared or of_language or _guessed(data)
    return Page(data.decode(codec, "replace"), _WRITTEN.get(codec, codec.upper()), not declared)


def _codec(named: str) -> str:
    """Python's name of a declared encoding; empty where there is none (HTML: Latin-1 is 1252)."""
    try:
        codec = codecs.lookup(named).name
        b"<".decode(codec)
    except (LookupError, ValueError):  # no text, or not what a declaration can be read in
        return ""
    return _WIDER.get(codec, codec)


def _guessed(data: bytes) -> str:
    """Western where letters outside ASCII stand alone; else what the text looks like most."""
    runs = _OUTSIDE_ASCII.findall(data)
    if sum(len(run) == 1 for run in runs) * 2 > len(runs):
        return "cp1252"
    return _best(data) or "cp1252"


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


def _fix(data: bytes, name: str, line: int) -> str:
    """Which encoding it looks like, how a line reads in it, and the command that converts it."""
    names = _WRITTEN | _ALSO
    best = _best(data, names)
    if best is None:
        return "save the file as UTF-8"
    known = names[best]
    read = data.split(b"\n", line)[line - 1].decode(best, "replace").strip()
    at = next((place for place, c in enumerate(read) if not c.isascii()), 0)
    sample = shown(read[max(0, at - 20) : at + 40])
    return f"it looks like {known} (it then reads {sample}): {_convert(known, name)}"


def _convert(known: str, name: str) -> str:
    return (
        f"save the file as UTF-8, or convert it: iconv -f {known} -t UTF-8 {quote(name)} > "
        f"{quote(f'utf8-{Path(name).name}')}"
    )


def _best(data: bytes, among: Iterable[str] = _WRITTEN) -> str | None:
    """The likeliest encoding; of those that read as well as another, the Western one."""
    from charset_normalizer import from_bytes

    found = from_bytes(data[:262_144], cp_isolation=list(among))
    best = found.best()
    if best is None:
        return None
    like = [
        one for match in found if match.chaos <= best.chaos for one in match.could_be_from_charset
    ]
    return "cp1252" if "cp1252" in like else str(best.encoding)
