"""Documents that are no plain text, read (extra `docs`) in a process of its own.

A file may be built to keep its reader busy or to fill the memory, and readers have faults. The
child may compute `CPU_S` seconds for a file and take `MEMORY` bytes, and opens no connection; a
file that exceeds that is named with what it exceeds.
"""

import io
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import zipfile
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rung.errors import MissingExtraError, UserError
from rung.task.readers import READERS, Read, TooMuch

CPU_S = 60
WALL_S = 180.0
"""For one file, the start of the child included; a busy machine takes longer than `CPU_S`."""
MEMORY = 1 << 30
"""Bytes beyond what the readers take when they are loaded."""
UNPACKED = 512 << 20
"""Bytes that an Office file or a book may unzip to."""
TEXT = 64 << 20
"""Characters of one document."""
CURE = "split it, save it as plain text, or take it out of the folder"
_BLOCKED = ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system", "os.exec")


MOST_PROBLEMS = 10
"""Files that cannot be read before the others are not tried."""

File = tuple[Path, str]


def convert(files: Sequence[File]) -> dict[str, Read]:
    """What each file says by its id. `UserError` with all those that cannot be read."""
    if not files:
        return {}
    if sys.modules.get("markitdown", files) is None or find_spec("markitdown") is None:
        raise MissingExtraError(f"reading {files[0][1]}", "docs")
    by_name: dict[str, Read] = {}
    problems: list[str] = []
    left = list(files)
    while left and len(problems) < MOST_PROBLEMS:
        left = _in_a_child(left, by_name, problems)
    if problems:
        more = f"; {len(left)} more were not tried" if left else ""
        raise UserError("; ".join(problems) + more)
    return by_name


def _in_a_child(files: Sequence[File], by_name: dict[str, Read], problems: list[str]) -> list[File]:
    """Reads files until the child is done, or dies over one; those that it did not come to."""
    paths = [str(Path(p).resolve()) for p in sys.path if p]
    child = subprocess.Popen(
        [sys.executable, "-m", "rung.task.converting", str(CPU_S), str(MEMORY)],
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
        for at, (_, ident) in enumerate(files, start=1):
            try:
                by_name[ident] = _read(child, lines, ident)
            except _Gone as gone:
                problems.append(str(gone))
                return list(files[at:])
            except MissingExtraError:
                raise
            except UserError as problem:
                problems.append(str(problem))
        return []
    finally:
        child.kill()
        child.wait()


class _Gone(Exception):
    """The child died, or does not answer."""


def _hand_on(child: subprocess.Popen[bytes], lines: queue.SimpleQueue[bytes]) -> None:
    assert child.stdout is not None
    for line in child.stdout:
        lines.put(line)
    lines.put(b"")


def _read(child: subprocess.Popen[bytes], lines: queue.SimpleQueue[bytes], ident: str) -> Read:
    try:
        line = lines.get(timeout=WALL_S)
    except queue.Empty:
        raise _Gone(f"{ident}: takes more than {WALL_S:g} s to read; {CURE}") from None
    if not line.endswith(b"\n"):
        ended = child.wait()
        busy = ended == -getattr(signal, "SIGXCPU", 0)
        what = f"takes more than {CPU_S} s of computing" if busy else f"its reader died ({ended})"
        raise _Gone(f"{ident}: cannot be read ({what}); {CURE}")
    answer: dict[str, Any] = json.loads(line)
    if "text" in answer:
        return Read(answer["text"], answer["title"], Counter(answer["lost"]))
    if "exceeds" in answer:
        raise UserError(f"{ident}: is not read ({answer['exceeds']}); {CURE}")
    if "missing" in answer:
        raise MissingExtraError(f"reading {ident}", "docs")
    raise UserError(
        f"{ident}: cannot be read ({answer['problem']}); repair the file or take it out of the "
        "folder"
    )


def _main() -> None:
    """The child, told its limits: paths on standard input, a line of JSON a file on its output."""
    cpu_s, memory = map(int, sys.argv[1:])
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no answer
    paths = json.load(sys.stdin)
    _load()
    sys.addaudithook(_refuse)
    room = _limits(cpu_s, memory)
    for path in map(Path, paths):
        room()
        out.write(json.dumps(_one(path, memory)) + "\n")
        out.flush()


def _load() -> None:
    """Import what reading takes before the limits hold; what is missing is said for its files."""
    for name in ("markitdown.converters", "mammoth", "openpyxl", "pdfplumber", "pptx"):
        with suppress(ImportError):
            import_module(name)


def _refuse(event: str, _: object) -> None:
    if event in _BLOCKED:
        raise PermissionError("a document may not reach out")


def _limits(cpu_s: int, memory: int) -> Any:
    """Sets the limit of memory once; what it returns grants each file its computing time."""
    try:
        import resource
    except ImportError:  # Windows: `WALL_S` alone
        return lambda: None
    try:
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + memory, size + memory))
    except (OSError, ValueError):
        pass  # no /proc: the time is limited still

    def grant() -> None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        until = int(used.ru_utime + used.ru_stime) + cpu_s
        resource.setrlimit(resource.RLIMIT_CPU, (until, resource.RLIM_INFINITY))

    return grant


def _one(path: Path, memory: int) -> dict[str, Any]:
    try:
        data = path.read_bytes()
        _check_size(data)
        read = READERS[path.suffix.lower()](data)
        if len(read.text) > TEXT:
            raise TooMuch(f"{len(read.text):,} characters of text, at most {TEXT:,}")
        # A lone half of a surrogate pair, which a broken file may hold, is no text.
        text = read.text.encode("utf-8", "replace").decode()
        return {"text": text, "title": read.title, "lost": read.lost}
    except (ImportError, _missing()):
        return {"missing": path.suffix}
    except TooMuch as much:
        return {"exceeds": str(much)}
    except MemoryError:
        return {"exceeds": f"its reader needs more than {memory >> 20} MiB of memory"}
    except RecursionError:
        return {"exceeds": "it is nested too deeply"}
    except Exception as problem:  # its readers raise whatever their libraries raise
        return {"problem": (str(problem) or type(problem).__name__).split("\n")[0][:200]}


def _missing() -> type[Exception]:
    from markitdown import MissingDependencyException

    kind: type[Exception] = MissingDependencyException
    return kind


def _check_size(data: bytes) -> None:
    """What can be known before anything is unpacked."""
    if data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > UNPACKED:
            raise TooMuch(f"it unzips to {size >> 20:,} MiB, at most {UNPACKED >> 20:,}")


if __name__ == "__main__":
    _main()
