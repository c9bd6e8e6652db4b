"""Do the tests notice a wrong sign? Mutants of time, money and interval arithmetic.

    python benchmarks/mutation.py [--room evidence ...] [--sample 40] [--slice 0/4] [--list]

One operator, comparison or number is changed in a copy of the source, and the fast tests that run
its line go until the first failure, the quickest first: a mutant that none of them kills is
printed. Which tests run a line is measured once a room (`pip install coverage`); a line outside
functions is given every test that runs its file, one that no test runs is printed as such. What
cannot change an answer (a tolerance, a number of draws) may survive; the rest wants a test.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = {
    "evidence": ["tests/evidence"],
    "economics": ["tests/economics"],
    "measure": ["tests/measure", "tests/ports"],
    "solver": ["tests/solver", "tests/ports"],
}
OTHER: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
LIMIT_S = 120
QUIET = ["-x", "-q", "-m", "not slow", "-p", "no:cacheprovider", "--no-header"]


@dataclass(frozen=True)
class Mutant:
    """One change of one place."""

    file: Path
    place: int
    """Counted in the order in which `places` walks the file."""
    line: int
    statement: int
    """The line on which its statement begins."""
    outside: bool
    """Of every function: it runs once, at import."""
    says: str


def places(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """Every node that can be changed, and what it becomes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp) and type(node.op) in OTHER:
            if isinstance(node, ast.BinOp) and _is_text(node):
                continue
            yield node, f"{type(node.op).__name__} → {OTHER[type(node.op)].__name__}"
        elif isinstance(node, ast.Compare) and type(node.ops[0]) in OTHER:
            yield node, f"{type(node.ops[0]).__name__} → {OTHER[type(node.ops[0])].__name__}"
        elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
            yield node, f"{node.value} → {node.value + 1}"


def _is_text(node: ast.BinOp) -> bool:
    """A sum of texts, or the `|` of types."""
    return any(
        isinstance(side, ast.JoinedStr)
        or (isinstance(side, ast.Constant) and isinstance(side.value, str))
        for side in (node.left, node.right)
    )


def mutants(room: str) -> list[Mutant]:
    """Every mutant of a room."""
    drawn = []
    for file in sorted((ROOT / "src" / "rung" / room).rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        functions = {
            id(inner)
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            for statement in node.body
            for inner in ast.walk(statement)
        }
        starts: dict[int, int] = {}
        for node in ast.walk(tree):  # outer statements come first, inner ones overwrite them
            if isinstance(node, ast.stmt):
                starts |= {id(inner): node.lineno for inner in ast.walk(node)}
        for place, (node, says) in enumerate(places(tree)):
            line = getattr(node, "lineno", 0)
            drawn.append(
                Mutant(file, place, line, starts[id(node)], id(node) not in functions, says)
            )
    return drawn


def mutated(mutant: Mutant) -> str:
    """The file's source with the change."""
    tree = ast.parse(mutant.file.read_text(encoding="utf-8"))
    node = [node for node, _ in places(tree)][mutant.place]
    if isinstance(node, ast.Constant):
        node.value += 1  # type: ignore[operator]
    elif isinstance(node, ast.Compare):
        node.ops[0] = OTHER[type(node.ops[0])]()  # type: ignore[assignment]
    else:
        node.op = OTHER[type(node.op)]()  # type: ignore[attr-defined]
    return ast.unparse(tree)


class Coverage:
    """A pytest plugin: which test runs which line, and how long each takes."""

    def __init__(self, source: Path) -> None:
        import coverage

        self.lines: dict[str, list[str]] = {}
        self.seconds: dict[str, float] = {}
        self._run = coverage.Coverage(data_file=None, source=[str(source / "rung")])

    def pytest_sessionstart(self) -> None:
        self._run.start()

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._run.switch_context(item.nodeid)
        began = time.perf_counter()
        yield
        self.seconds[item.nodeid] = time.perf_counter() - began
        self._run.switch_context("")

    def pytest_sessionfinish(self) -> None:
        self._run.stop()
        data = self._run.get_data()
        for file in data.measured_files():
            for line, tests in data.contexts_by_lineno(file).items():
                self.lines[f"{file}:{line}"] = [test for test in tests if test]


class Only:
    """A pytest plugin: some of the tests, in that order."""

    def __init__(self, wanted: list[str]) -> None:
        self._place = {test: place for place, test in enumerate(wanted)}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        kept = [item for item in items if item.nodeid in self._place]
        items[:] = sorted(kept, key=lambda item: self._place[item.nodeid])


def covered(source: Path, tests: list[str]) -> dict[str, list[str]]:
    """The tests that run each `file:line` of the copied source, the quickest first."""
    out = source / "lines.json"
    code = f"""
import json, pytest, sys
sys.path[:0] = [{str(source)!r}, {str(ROOT / "benchmarks")!r}]
import mutation
from pathlib import Path
plugin = mutation.Coverage(Path({str(source)!r}))
assert pytest.main([*mutation.QUIET, *{tests!r}], plugins=[plugin]) == 0, "a test fails unmutated"
Path({str(out)!r}).write_text(json.dumps([plugin.lines, plugin.seconds]))
"""
    environment = {**os.environ, "PYTHONPATH": str(source)}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, env=environment)
    lines, seconds = json.loads(out.read_text())
    return {line: sorted(set(those), key=seconds.__getitem__) for line, those in lines.items()}


def wanted(mutant: Mutant, source: Path, lines: dict[str, list[str]]) -> list[str]:
    """The tests that a mutant meets."""
    file = str(source / mutant.file.relative_to(ROOT / "src"))
    if not mutant.outside:
        return lines.get(f"{file}:{mutant.line}") or lines.get(f"{file}:{mutant.statement}", [])
    every = [those for line, those in lines.items() if line.startswith(f"{file}:")]
    return list(dict.fromkeys(test for those in every for test in those))


def fate(mutant: Mutant, source: Path, tests: list[str]) -> str:
    """How a mutant ends that is put into the copy: in a fork, so that nothing is imported twice."""
    target = source / mutant.file.relative_to(ROOT / "src")
    before = target.read_text(encoding="utf-8")
    target.write_text(mutated(mutant), encoding="utf-8")
    for compiled in target.parent.glob(f"__pycache__/{target.stem}.*"):
        compiled.unlink()
    child = os.fork()
    if child == 0:
        _run_and_exit(source, tests)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(child, signal.SIGKILL))
    signal.alarm(LIMIT_S)
    try:
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    finally:
        signal.alarm(0)
        target.write_text(before, encoding="utf-8")
    return {0: "survived", -signal.SIGKILL: "timeout"}.get(status, "killed")


def _run_and_exit(source: Path, tests: list[str]) -> None:
    quiet = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(quiet, stream)
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(source))
    os.environ["PYTHONPATH"] = str(source)
    os.chdir(ROOT)
    code = 1
    try:
        files = sorted({test.partition("::")[0] for test in tests})
        code = int(pytest.main([*QUIET, *files], plugins=[Only(tests)]))
    finally:
        os._exit(code)


def main() -> None:
    """Draw a sample of each room's mutants and print the survivors."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--room", nargs="*", default=list(ROOMS), choices=list(ROOMS))
    parser.add_argument("--file", help="only of files whose path ends so")
    parser.add_argument("--sample", type=int, default=40, help="mutants of a room; 0: all")
    parser.add_argument("--slice", default="0/1", help="i/n: every n-th mutant from the i-th")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--list", action="store_true", help="say what there is and run nothing")
    given = parser.parse_args()
    _warm_up()
    for room in given.room:
        every = [m for m in mutants(room) if not given.file or str(m.file).endswith(given.file)]
        first, step = map(int, given.slice.split("/"))
        drawn = every[first::step]
        if given.sample:
            drawn = random.Random(given.seed).sample(drawn, min(given.sample, len(drawn)))
        print(f"{room}: {len(every)} mutants, {len(drawn)} drawn", flush=True)
        if not given.list:
            with tempfile.TemporaryDirectory() as work:
                _try_all(drawn, ROOMS[room], Path(work) / "src")


def _try_all(drawn: list[Mutant], tests: list[str], source: Path) -> None:
    shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
    lines = covered(source, tests)
    ends: Counter[str] = Counter()
    for mutant in sorted(drawn, key=lambda m: (str(m.file), m.line)):
        met = wanted(mutant, source, lines)
        end = fate(mutant, source, met) if met else "not run"
        ends[end] += 1
        if end in ("survived", "not run"):
            print(
                f"  {mutant.file.relative_to(ROOT)}:{mutant.line}: {mutant.says} {end}", flush=True
            )
    print("  " + ", ".join(f"{n} {name}" for name, n in ends.items()), flush=True)


def _warm_up() -> None:
    """Import what every fork needs and no mutant changes."""
    for name in ("hypothesis", "numpy", "pydantic", "scipy.optimize", "scipy.stats"):
        import_module(name)


if __name__ == "__main__":
    main()
