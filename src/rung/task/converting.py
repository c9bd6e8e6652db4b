"""HTML, PDF and DOCX as Markdown, by markitdown (extra `docs`) in a process of its own.

A file may be built to keep its reader busy or to fill the memory, and readers have faults. The
child may compute `CPU_S` seconds for a file and take `MEMORY` bytes, and opens no connection; a
file that exceeds that is named with what it exceeds.
"""

from __future__ import annotations

import io
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rung.errors import MissingExtraError, UserError

CPU_S = 60
WALL_S = 180.0
"""For one file, the start of the child included; a busy machine takes longer than `CPU_S`."""
MEMORY = 1 << 30
"""Bytes beyond what the readers take when they are loaded."""
UNPACKED = 512 << 20
"""Bytes that a DOCX may unzip to."""
PAGES = 5_000
TEXT = 64 << 20
"""Characters of one document."""
CURE = "split it, save it as plain text, or take it out of the folder"
_BLOCKED = ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system", "os.exec")


class TooMuch(Exception):
    """What a file exceeds, in words."""


def convert(files: Sequence[tuple[Path, str]]) -> dict[str, str]:
    """The text of each file by its id. `UserError` for the first that cannot be read."""
    if not files:
        return {}
    if sys.modules.get("markitdown", files) is None or find_spec("markitdown") is None:
        raise MissingExtraError(f"reading {files[0][1]}", "docs")
    paths = [str(Path(p).resolve()) for p in sys.path if p]
    child = subprocess.Popen(
        [sys.executable, "-m", "rung.task.converting"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    reader = threading.Thread(target=_hand_on, args=(child, lines), daemon=True)
    try:
        assert child.stdin is not None
        try:
            child.stdin.write(json.dumps([str(file) for file, _ in files]).encode())
            child.stdin.close()
        except BrokenPipeError:
            pass  # said below
        reader.start()
        return {ident: _text(child, lines, ident) for _, ident in files}
    finally:
        child.kill()
        child.wait()


def _hand_on(child: subprocess.Popen[bytes], lines: queue.SimpleQueue[bytes]) -> None:
    assert child.stdout is not None
    for line in child.stdout:
        lines.put(line)
    lines.put(b"")


def _text(child: subprocess.Popen[bytes], lines: queue.SimpleQueue[bytes], ident: str) -> str:
    try:
        line = lines.get(timeout=WALL_S)
    except queue.Empty:
        raise UserError(f"{ident}: takes more than {WALL_S:g} s to read; {CURE}") from None
    if not line.endswith(b"\n"):
        ended = child.wait()
        busy = ended == -getattr(signal, "SIGXCPU", 0)
        what = f"takes more than {CPU_S} s of computing" if busy else f"its reader died ({ended})"
        raise UserError(f"{ident}: cannot be read ({what}); {CURE}")
    answer: dict[str, str] = json.loads(line)
    if "text" in answer:
        return answer["text"]
    if "exceeds" in answer:
        raise UserError(f"{ident}: is not read ({answer['exceeds']}); {CURE}")
    if "missing" in answer:
        raise MissingExtraError(f"reading {ident}", "docs")
    raise UserError(
        f"{ident}: cannot be read ({answer['problem']}); repair the file or take it out of the "
        "folder"
    )


def _main() -> None:
    """The child: a list of paths on standard input, a line of JSON a file on standard output."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no answer
    paths = json.load(sys.stdin)
    converters = _readers()
    sys.addaudithook(_refuse)
    room = _limits()
    for path in map(Path, paths):
        room()
        out.write(json.dumps(_one(path, converters)) + "\n")
        out.flush()


def _readers() -> Any:
    try:
        from markitdown import converters
    except ImportError:
        return None
    return converters


def _refuse(event: str, _: object) -> None:
    if event in _BLOCKED:
        raise PermissionError("a document may not reach out")


def _limits() -> Any:
    """Sets the limit of memory once; what it returns grants each file its computing time."""
    try:
        import resource
    except ImportError:  # Windows: `WALL_S` alone
        return lambda: None
    try:
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
    except (OSError, ValueError):
        pass  # no /proc: the time is limited still

    def grant() -> None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        until = int(used.ru_utime + used.ru_stime) + CPU_S
        resource.setrlimit(resource.RLIMIT_CPU, (until, resource.RLIM_INFINITY))

    return grant


def _one(path: Path, converters: Any) -> dict[str, str]:
    if converters is None:
        return {"missing": "markitdown"}
    from markitdown import MissingDependencyException, StreamInfo

    kind = path.suffix.lower()
    by_kind = {".pdf": "PdfConverter", ".docx": "DocxConverter"}
    try:
        data = path.read_bytes()
        _check_size(kind, data)
        converter = getattr(converters, by_kind.get(kind, "HtmlConverter"))()
        info = StreamInfo(extension=kind, charset=_charset(data))
        text = str(converter.convert(io.BytesIO(data), info).markdown)
        if len(text) > TEXT:
            raise TooMuch(f"{len(text):,} characters of text, at most {TEXT:,}")
        return {"text": text}
    except MissingDependencyException:
        return {"missing": kind}
    except TooMuch as much:
        return {"exceeds": str(much)}
    except MemoryError:
        return {"exceeds": f"its reader needs more than {MEMORY >> 20} MiB of memory"}
    except Exception as problem:  # its readers raise whatever their libraries raise
        return {"problem": (str(problem) or type(problem).__name__).split("\n")[0]}


def _check_size(kind: str, data: bytes) -> None:
    """What can be known before anything is unpacked."""
    if kind == ".docx":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > UNPACKED:
            raise TooMuch(f"it unzips to {size >> 20:,} MiB, at most {UNPACKED >> 20:,}")
    elif kind == ".pdf":
        from pdfminer.pdfpage import PDFPage

        for pages, _ in enumerate(PDFPage.get_pages(io.BytesIO(data)), 1):
            if pages > PAGES:
                raise TooMuch(f"more than {PAGES:,} pages")


def _charset(data: bytes) -> str:
    """The encoding that an HTML page names in its head; UTF-8 where it names none."""
    named = re.search(rb"charset=[\"']?([\w-]+)", data[:2048])
    return named.group(1).decode() if named else "utf-8"


if __name__ == "__main__":
    _main()
