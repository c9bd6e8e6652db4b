"""`rung report`: every form of the newest run, and what it says where there is none."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import jsonschema
import pytest
from rich.console import Console

from report.synthetic import make_run, make_task, write_run
from rung.cli.show import show_report
from rung.errors import UserError
from rung.report.terminal import show


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two runs; `new` was written last."""
    result, attempts = make_run(make_task())
    runs = tmp_path / ".rung" / "runs"
    for name, age in (("new", 0), ("old", 100)):
        run = write_run(runs / name, result.model_copy(update={"run": name}), attempts)
        os.utime(run / "run.json", (1e9 - age, 1e9 - age))
    return tmp_path


def test_html_is_written_even_when_the_task_can_no_longer_be_read(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show_report(folder, "html")
    out, err = capsys.readouterr()
    assert Path(out.strip()) == folder / ".rung" / "runs" / "new" / "report.html"
    assert "inputs and expected answers are left out" in err and "rung.toml" in err


def test_a_folder_that_is_not_there_is_named_itself(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nope: no such folder"):
        show_report(tmp_path / "nope", "html")


def test_json_is_the_run_and_fits_the_published_schema(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show_report(folder, "json")
    printed = json.loads(capsys.readouterr().out)
    assert printed["run"] == "new"
    show_report(folder, "schema")
    schema = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(printed, schema)
    published = Path(__file__).parents[2] / "docs" / "run.schema.json"
    assert json.loads(published.read_text(encoding="utf-8")) == schema
    for wrong in (
        {"verdict": {"status": "maybe"}},
        {"candidates": [{"key": 1}]},
        {"target": "0.8"},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**printed, **wrong}, schema)


@pytest.mark.parametrize("form", ["terminal", "markdown"])
def test_terminal_and_markdown_name_choice_and_ladder(
    folder: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    show_report(folder, form)
    out = capsys.readouterr().out
    assert "Prompt, 5 nearest" in out and "good enough" in out and "cannot tell" in out


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_the_ladder_fits_terminals_of_every_width(width: int) -> None:
    result, _ = make_run(make_task())
    console = Console(width=width, record=True, force_terminal=False, file=io.StringIO())
    show(result, console)
    text = console.export_text()
    assert max(len(line) for line in text.splitlines()) <= width
    assert "good enough" in text and "cannot tell" in text
    assert ("unscored" in text) == (width >= 100)  # some answers are missing: that comes first
    hashed = result.candidates[0].key.rpartition("~")[2]
    assert (hashed in text) == (width == 160)  # to name a candidate by
    assert ("●" in text) == (width == 160)


def test_wrong_input_is_one_sentence(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="did you mean 'markdown'"):
        show_report(folder, "markdwn")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UserError, match="run `rung climb"):
        show_report(empty, "html")
