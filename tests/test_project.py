"""The project keeps its own habits: quick to import, light core, small files, whole examples."""

from __future__ import annotations

import ast
import asyncio
import importlib
import json
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import rung
from rung.scorers import grade_gold
from rung.task.load import load_task

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "rung"
FILES = sorted(SOURCE.rglob("*.py"))
HEAVY = {"torch", "transformers", "peft", "openai"}
HEAVY_ROOMS = ("models", "behaviour")
QUICK_S = 0.4
MOST_LINES, MOST_OF_A_FUNCTION = 400, 50
EXAMPLES = sorted(p.parent for p in (ROOT / "examples").rglob("rung.toml"))


def cpu_seconds(code: str) -> float:
    """User and system time of a fresh interpreter, best of three."""
    took = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        took.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(took)


BARE = """
import sys; sys.argv = ["bare", "--help"]
from typing import Annotated
import typer, rich.markdown

def command(
    a: Annotated[str, typer.Argument(help="A.")],
    b: Annotated[str, typer.Option(help="B.")] = "",
    c: Annotated[bool, typer.Option("--see", help="C.")] = False,
    d: Annotated[float, typer.Option(help="D.")] = 0.0,
) -> None:
    "A command."

app = typer.Typer()
for number in range(25):
    app.command(f"command{number}")(command)
app()
"""
SLOW = HEAVY | {"asyncio", "numpy", "pydantic", "tomllib", "tempfile"}
LIGHT = f"import sys; assert not {SLOW!r} & set(sys.modules), {SLOW!r} & set(sys.modules)"
HELP = (
    "import sys, atexit; sys.argv = ['rung', '--help']; "
    f"atexit.register(lambda: exec({LIGHT!r})); from rung.cli.app import main; main()"
)


@pytest.mark.parametrize(
    "code",
    [f"import rung; {LIGHT}", pytest.param(HELP, marks=pytest.mark.lengthy)],
    ids=["import rung", "rung --help"],
)
def test_it_starts_quickly_and_without_torch(code: str) -> None:
    """Within a moment; on a busy machine not much longer than a bare app of that size."""
    took = cpu_seconds(code)
    assert took < QUICK_S or took < 2 * cpu_seconds(BARE)


def test_every_public_name_resolves() -> None:
    assert len(set(rung.__all__)) == len(rung.__all__)
    for name in rung.__all__:
        assert getattr(rung, name) is not None
    assert set(rung.__all__) <= set(dir(rung))
    with pytest.raises(AttributeError, match="no attribute 'clim'"):
        rung.clim  # noqa: B018


@pytest.mark.parametrize("package", sorted(p.parent for p in SOURCE.glob("*/__init__.py")))
def test_every_room_exports_what_it_says(package: Path) -> None:
    module = importlib.import_module(f"rung.{package.name}")
    assert module.__doc__ and module.__doc__.strip()
    for name in getattr(module, "__all__", ()):
        assert getattr(module, name) is not None


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


@pytest.mark.lengthy
def test_heavy_libraries_stay_in_their_rooms() -> None:
    found = {
        str(path.relative_to(SOURCE)): HEAVY & set(imported(path))
        for path in FILES
        if path.relative_to(SOURCE).parts[0] not in HEAVY_ROOMS
    }
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.lengthy
def test_files_and_functions_are_short() -> None:
    long: list[str] = []
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        name = path.relative_to(SOURCE)
        if text.count("\n") >= MOST_LINES:
            long.append(f"{name}: {text.count(chr(10))} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                size = (node.end_lineno or 0) - node.lineno + 1
                if size > MOST_OF_A_FUNCTION:
                    long.append(f"{name}: {node.name} has {size} lines")
    assert long == []


ONE_HOME = {
    r"[\"']\.rung\b(?!-target|/\\n)": ["project.py"],
    r"\bcontext\.kind\b": ["knowledge/contexts/searched.py", "knowledge/contexts/shelf.py"],
    r"\.fallback\b": [
        "candidate.py",
        "records/attempts.py",
        "serve/wire.py",
        "task/types.py",
    ],
}
"""What a file asks, and who asks it: everybody else asks them."""


@pytest.mark.parametrize("pattern", ONE_HOME)
def test_what_has_one_home_is_asked_there(pattern: str) -> None:
    found = [str(p.relative_to(SOURCE)) for p in FILES if re.search(pattern, p.read_text("utf-8"))]
    assert found == ONE_HOME[pattern]


@pytest.mark.lengthy
def test_every_module_says_what_it_is_for() -> None:
    silent = [p for p in FILES if not ast.get_docstring(ast.parse(p.read_text(encoding="utf-8")))]
    assert silent == []


@pytest.mark.lengthy
@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda p: p.name)
def test_every_shipped_example_loads_and_its_gold_gets_full_marks(folder: Path) -> None:
    task = load_task(folder)
    assert task.train and task.dev and task.test and task.name == folder.name
    asyncio.run(grade_gold(task))


def test_there_are_examples() -> None:
    assert {p.name for p in EXAMPLES} >= {
        "ticket-routing",
        "policy-answers",
        "case-notes",
        "handbook-desk",
    }


def test_the_schema_of_the_task_file_is_plain_data() -> None:
    from rung.task.config import json_schema

    assert json.loads(json.dumps(json_schema()))["title"] == "rung.toml"
