"""A run as a folder that another machine opens: with data or without, and no path of this one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from report.synthetic import make_run, make_task, write_run
from rung.cli.app import app
from rung.exchange.exporting import export
from rung.task.load import load_task
from rung.ui.app import create_app
from rung.ui.site import Site


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A project whose examples lie outside its folder, and whose model lies on this machine."""
    task = make_task()
    rows = [e.model_dump(mode="json", include={"id", "input", "expected"})
            for split in ("train", "dev", "test") for e in task.split(split)]  # fmt: skip
    (tmp_path / "tickets.csv.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    folder = tmp_path / "tickets"
    folder.mkdir()
    (folder / "rung.toml").write_text(
        f'[task]\ninstruction = "Route it."  # ours\nexamples = "../tickets.csv.jsonl"\n'
        f"[output]\nlabels = {json.dumps(sorted({str(r['expected']) for r in rows}))}\n"
        f'[target]\nscore = 0.8\n[models]\ntry = ["{tmp_path}/models/own"]\n'
    )
    result, attempts = make_run(task)
    noted = result.model_copy(update={"notes": (f"read from {folder}/x of {tmp_path}/models/own",)})
    write_run(folder / ".rung/runs/new", noted, attempts)
    return folder


def everything(folder: Path) -> str:
    return "\n".join(
        f"{path.relative_to(folder)}\n{path.read_text(errors='replace')}"
        for path in sorted(folder.rglob("*")) if path.is_file()
    )  # fmt: skip


def test_files_that_are_named_and_not_there_yet(home: Path) -> None:
    config = home / "rung.toml"
    config.write_text(
        config.read_text().replace(
            "[output]", 'drafted = "d.jsonl"\ncorrections = "c.jsonl"\n[output]'
        )
    )
    files = {path.name for path in Path(export(home, "bundle").folder).rglob("*")}
    assert "rung.toml" in files and not files & {"d.jsonl", "c.jsonl"}


def test_with_the_data_it_opens_on_another_machine(home: Path, tmp_path: Path) -> None:
    done = export(home, "bundle")
    there = tmp_path / "elsewhere/machine"
    shutil.copytree(done.folder, there)
    text = everything(there)
    shutil.rmtree(home)
    (tmp_path / "tickets.csv.jsonl").unlink()
    assert str(tmp_path) not in text and "# ours" in text
    assert len(load_task(there).train) > 0
    client = TestClient(create_app(Site([there])), base_url="http://127.0.0.1")
    page = client.get("/p/machine/runs/new")
    assert page.status_code == 200 and str(tmp_path) not in page.text
    shown = CliRunner().invoke(app, ["report", str(there)])
    assert shown.exit_code == 0, shown.output
    assert str(tmp_path / "tickets") not in (there / ".rung/runs/new/report.html").read_text()


def test_without_the_data_nobodys_words_are_in_it(home: Path, tmp_path: Path) -> None:
    done = export(home, "bundle", tmp_path / "out", with_data=False)
    folder = Path(done.folder)
    text = everything(folder)
    task = load_task(home)
    for example in (*task.train, *task.dev, *task.test):
        assert example.input_text() not in text
    lines = (folder / ".rung/runs/new/attempts.jsonl").read_text().splitlines()
    assert lines and not any((json.loads(line)["answer"] or {}).get("text") for line in lines)
    assert not (folder / "rung.toml").exists() and str(tmp_path) not in text
    was = json.loads((home / ".rung/runs/new/run.json").read_text())
    now = json.loads((folder / ".rung/runs/new/run.json").read_text())
    for before, after in zip(was["candidates"], now["candidates"], strict=True):
        assert before["test"] == after["test"] and before["key"] == after["key"]
    shown = CliRunner().invoke(app, ["report", str(folder), "--format", "markdown"])
    assert shown.exit_code == 0 and "| candidate |" in shown.output
    client = TestClient(create_app(Site([folder])), base_url="http://127.0.0.1")
    assert client.get("/p/out/runs/new").status_code == 200


def test_personal_data_that_the_audit_saw_is_told(home: Path) -> None:
    path = home / ".rung/runs/new/run.json"
    plain = json.loads(path.read_text())
    flag = {"id": "personal-data", "severity": "warn", "text": "so", "advice": "take them out"}
    plain["flags"] = [{**flag, "figure": 3, "counts": {"an e-mail address": 3}}]
    path.write_text(json.dumps(plain))
    notes = export(home, "bundle").notes
    assert any("3 texts hold personal data (3 with an e-mail address)" in note for note in notes)
