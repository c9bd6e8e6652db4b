"""`rung jobs` says what was ordered, and what is wrong with what was asked of it."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from rung.behaviour.trainers.hosted import JobFile
from rung.cli.app import app
from rung.errors import UserError


def order(folder: Path, **parts: object) -> None:
    place = folder / ".rung" / "hosted" / "rung-1"
    place.mkdir(parents=True)
    plain = {"tag": "rung-1", "provider": "together", "base": "b", "stage": "running", "job": "j"}
    (place / "job.json").write_text(JobFile.model_validate({**plain, **parts}).model_dump_json())


def test_jobs_are_listed_with_what_they_cost(tmp_path: Path) -> None:
    order(tmp_path, stage="done", model="u/m", usd="1.25")
    said = CliRunner().invoke(app, ["jobs", str(tmp_path)]).output
    assert said == "rung-1  together/b  done  job j  answers as together/u/m  $1.25\n"
    (plain,) = json.loads(CliRunner().invoke(app, ["jobs", str(tmp_path), "--json"]).output)
    assert plain["usd"] == "1.25" and plain["job"] == "j"


def test_an_unknown_price_is_not_zero(tmp_path: Path) -> None:
    order(tmp_path)
    assert "expected cost not known" in CliRunner().invoke(app, ["jobs", str(tmp_path)]).output


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    caught = CliRunner().invoke(app, ["jobs", str(tmp_path / "x")]).exception
    assert isinstance(caught, UserError) and "x: no such folder" in str(caught)


def test_an_unknown_order_cannot_be_cancelled(tmp_path: Path) -> None:
    (tmp_path / "rung.toml").touch()
    caught = CliRunner().invoke(app, ["jobs", str(tmp_path), "--cancel", "rung-2"]).exception
    assert isinstance(caught, UserError) and "no job was ordered under 'rung-2'" in str(caught)
