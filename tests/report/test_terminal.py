"""The ladder on any terminal: colours or none, narrow or wide, and plain lines in a log."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from rung.cli.app import make_writable
from rung.cli.live import LiveLadder
from rung.climbing.rows import unmeasured
from rung.decide.ladder import Planned
from rung.records import Attempt, Usage
from rung.report.terminal import ladder_table, show

from .synthetic import SHAPES, make_run, make_task, write_run

COLOUR = re.compile(r"\x1b\[[0-9;]*(?:3[0-8]|4[0-8]|9[0-7])[0-9;]*m")
ESCAPE = "\x1b"


def printed(width: int = 140, **how: object) -> str:
    result, _ = make_run(make_task())
    file = io.StringIO()
    show(result, Console(file=file, width=width, **how))  # type: ignore[arg-type]
    return file.getvalue()


def test_a_terminal_gets_colours_unless_no_color_is_set() -> None:
    coloured = printed(force_terminal=True, color_system="truecolor", _environ={})
    assert COLOUR.search(coloured)
    plain = printed(force_terminal=True, color_system="truecolor", _environ={"NO_COLOR": "1"})
    assert not COLOUR.search(plain)
    for sign in ("▶", "✗", "?", "good enough", "cannot tell"):  # colour alone says nothing
        assert sign in plain


@pytest.mark.parametrize("width", [40, 60, 80, 100, 140])
def test_a_pipe_gets_lines_without_escapes_that_fit(width: int) -> None:
    text = printed(width)
    assert ESCAPE not in text and "\r" not in text
    assert max(len(line) for line in text.splitlines()) <= width
    assert "good enough" in text and "SUFFICIENT" in text


def test_a_wide_terminal_shows_more_the_most_wanted_first() -> None:
    result, _ = make_run(make_task())
    answered = tuple(
        r.model_copy(update={
            split: found.model_copy(update={"errors": 0, "unscored": 0})
            for split in ("dev", "test") if (found := getattr(r, split)) is not None
        })
        for r in result.candidates
    )  # fmt: skip
    heads = {}
    for width in (70, 80, 90, 97, 118, 128, 161, 176):
        console = Console(file=io.StringIO(), width=width)
        table = ladder_table(answered, None, width, 0.85)
        heads[width] = [str(c.header).split()[0] for c in table.columns if str(c.header).strip()]
        console.print(table)
    last = {70: "score", 80: "$/1k", 90: "key", 97: "on", 118: "0", 128: "$/month", 161: "wrong",
            176: "technique"}  # fmt: skip
    for (width, name), before in zip(last.items(), [None, *last], strict=False):
        assert name in heads[width], width
        assert before is None or name not in heads[before], width


def test_a_log_gets_one_line_a_phase_and_no_bar() -> None:
    file = io.StringIO()
    rungs = [
        Planned(candidate=c, usage=Usage(), usd_per_request=0, setup_usd=0, usd_per_month=0)  # type: ignore[arg-type]
        for c, _, _ in SHAPES[:3]
    ]
    with LiveLadder(Console(file=file, width=80), 0.85) as live:
        live.planned(rungs)
        for rung in rungs:
            live.phase(rung.candidate.key, "dev", 20)
            for i in range(20):
                one = Attempt(
                    candidate=rung.candidate.key, split="dev", example_id=str(i), score=i % 2
                )
                live.attempt(one)
            live.tuning(rung.candidate.key, "tuning", 0.5)
            live.result(unmeasured(rung))
    lines = file.getvalue().splitlines()
    assert ESCAPE not in file.getvalue() and "\r" not in file.getvalue()
    assert lines[0] == "3 candidates, cheapest first"
    assert sum(line.startswith("pilot on dev · ") for line in lines) == 3
    assert len(lines) == 7


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_a_stream_that_knows_few_signs_ends_no_report(encoding: str) -> None:
    pipe = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    make_writable(pipe)
    pipe.write("accuracy ≥ 0.8 🙂")
    pipe.flush()
    assert pipe.buffer.getvalue().decode("utf-8") == "accuracy ≥ 0.8 🙂"  # type: ignore[attr-defined]


def test_a_terminal_that_knows_few_signs_shows_marks_instead() -> None:
    class Terminal(io.TextIOWrapper):
        def isatty(self) -> bool:
            return True

    terminal = Terminal(io.BytesIO(), encoding="cp1252")
    make_writable(terminal)
    terminal.write("at least ≥ 0.8, café")
    terminal.flush()
    assert terminal.buffer.getvalue() == b"at least ? 0.8, caf\xe9"  # type: ignore[attr-defined]


@pytest.mark.slow
def test_the_command_writes_plain_lines_into_a_log(tmp_path: Path) -> None:
    result, attempts = make_run(make_task())
    write_run(tmp_path / ".rung" / "runs" / "r", result, attempts)
    environment = {**os.environ, "COLUMNS": "70", "PYTHONIOENCODING": "ascii", "CI": "true"}
    found = subprocess.run(
        [sys.executable, "-m", "rung", "report", str(tmp_path), "--format", "terminal"],
        capture_output=True, check=True, env=environment,
    )  # fmt: skip
    text = found.stdout.decode("utf-8")
    assert ESCAPE not in text and "▶" in text
    assert max(len(line) for line in text.splitlines()) <= 70
