"""Do the tests notice a wrong sign? Mutants of time, money and interval arithmetic.

    python benchmarks/mutation.py [--room evidence ...] [--sample 40] [--seed 0] [--list]

One operator, comparison or number is changed in a copy of the source, and the tests of the room
run until the first failure: a mutant that none of them kills is printed. Only lines are mutated
that the room's fast tests run. What cannot change an answer (a tolerance, a number of draws) may
survive; the rest wants a test.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOMS = {
    "evidence": ["tests/evidence"],
    "economics": ["tests/economics"],
    "measure": ["tests/measure"],
    "solver": ["tests/solver"],
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
LIMIT_S = 300
KILLED_BY_TIME = "timeout"


@dataclass(frozen=True)
class Mutant:
    """One change of one place."""

    file: Path
    place: int
    """Counted in the order in which `places` walks the file."""
    line: int
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
    found = []
    for file in sorted((ROOT / "src" / "rung" / room).rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for place, (node, says) in enumerate(places(tree)):
            found.append(Mutant(file, place, getattr(node, "lineno", 0), says))
    return found


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


def fate(mutant: Mutant, source: Path, tests: list[str]) -> str:
    """`killed`, `survived` or `timeout`, of the mutant put into a copy of the source."""
    target = source / mutant.file.relative_to(ROOT / "src")
    before = target.read_text(encoding="utf-8")
    target.write_text(mutated(mutant), encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-x",
        "-q",
        "-m",
        "not slow",
        "-p",
        "no:cacheprovider",
    ]
    environment = {**os.environ, "PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            [*command, *tests], cwd=ROOT, env=environment, capture_output=True, timeout=LIMIT_S
        )
    except subprocess.TimeoutExpired:
        return KILLED_BY_TIME
    finally:
        target.write_text(before, encoding="utf-8")
    return "survived" if done.returncode == 0 else "killed"


def main() -> None:
    """Draw a sample of each room's mutants and print the survivors."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--room", nargs="*", default=list(ROOMS), choices=list(ROOMS))
    parser.add_argument("--file", help="only of files whose path ends so")
    parser.add_argument("--tests", nargs="*", help="instead of the room's own")
    parser.add_argument("--sample", type=int, default=40, help="mutants of a room")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--list", action="store_true", help="say what there is and run nothing")
    given = parser.parse_args()
    for room in given.room:
        every = [m for m in mutants(room) if not given.file or str(m.file).endswith(given.file)]
        drawn = random.Random(given.seed).sample(every, min(given.sample, len(every)))
        print(f"{room}: {len(every)} mutants, {len(drawn)} drawn", flush=True)
        if given.list:
            continue
        counts = {"killed": 0, "survived": 0, KILLED_BY_TIME: 0}
        with tempfile.TemporaryDirectory() as work:
            source = Path(work) / "src"
            shutil.copytree(ROOT / "src", source)
            for mutant in sorted(drawn, key=lambda m: (str(m.file), m.line)):
                ended = fate(mutant, source, given.tests or ROOMS[room])
                counts[ended] += 1
                if ended == "survived":
                    print(
                        f"  {mutant.file.relative_to(ROOT)}:{mutant.line}: {mutant.says}",
                        flush=True,
                    )
        print("  " + ", ".join(f"{n} {name}" for name, n in counts.items()), flush=True)


if __name__ == "__main__":
    main()
