"""`rung audit`: what it prints, the copies it writes, what it refuses. No embedder is needed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from report.synthetic import make_run, make_task, write_run
from rung.cli.audit import audit
from rung.climbing.ledger import TestLedger
from rung.errors import UserError
from rung.records import Flag
from rung.report.html import render
from rung.report.markdown import markdown
from rung.report.reading import read_run
from rung.report.witnessed import witnesses

TOML = """[task]
name = "queues"
instruction = "Route it."
examples = "rows.jsonl"
[output]
labels = ["billing", "shipping"]
[target]
score = 0.8
[models]
try = ["openai/gpt-4.1-mini"]
embedder = "no-such-folder"
"""
MAIL = "jo@firm.example"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [
        {
            "id": f"r{i}",
            "input": f"{chr(97 + i % 26) * 9} {i * 7919} about {'a bill' if i % 2 else 'a box'}",
            "expected": "billing" if i % 2 else "shipping",
        }
        for i in range(60)
    ]
    rows[7]["input"] = f"write to {MAIL}"
    rows.append({**rows[3], "id": "again"})
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "rung.toml").write_text(TOML)
    return tmp_path


def test_json_is_one_object_with_every_check(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    audit(folder, as_json=True)
    found = json.loads(capsys.readouterr().out)
    flags = {flag["id"]: flag for flag in found["flags"]}
    assert flags["personal-data"]["severity"] == "warn"  # the model is hosted
    assert flags["personal-data"]["examples"] == ["r7"]
    assert set(flags["personal-data"]) == set(Flag.model_fields)
    skipped = {check["id"]: check["skipped"] for check in found["checked"]}
    assert "no-such-folder" in skipped["label-noise"] and skipped["leakage"] == ""
    assert found["ceiling"] is None and found["sizes"] == {"examples": 61}
    assert MAIL not in json.dumps(found)


def test_the_table_says_figure_advice_and_source(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    audit(folder)
    out = " ".join(capsys.readouterr().out.split())
    assert "too-few-test-examples" in out and "exact binomial test" in out
    assert "Not checked: label-noise" in out and MAIL not in out


def test_a_model_without_a_price_is_audited(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toml = (folder / "rung.toml").read_text()
    own = toml.replace("openai/gpt-4.1-mini", "http://localhost:8000/v1#mine")
    (folder / "rung.toml").write_text(own)
    audit(folder, as_json=True)
    flags = {flag["id"]: flag for flag in json.loads(capsys.readouterr().out)["flags"]}
    assert flags["personal-data"]["severity"] == "info"  # it stays on this machine


def test_copies_are_written_beside_and_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (folder / "rows.jsonl").read_bytes()
    audit(folder, fix=True, redact=True)
    copy = folder / ".rung" / "cleaned"
    rows = (copy / "examples.jsonl").read_text()
    assert MAIL not in rows and '"again"' not in rows and "[email]" in rows
    assert (folder / "rows.jsonl").read_bytes() == before
    assert "1 example taken out" in capsys.readouterr().out
    with pytest.raises(UserError, match="--fix or --redact"):
        audit(folder, out=folder / "x")


FLAG = Flag(
    id="label-noise",
    severity="warn",
    figure=0.12,
    threshold=0.1,
    source="A <b>document</b>",
    text="12 labels look wrong <script>alert(1)</script>.",
    advice="Look at them.",
    examples=("<img src=x>", "e2"),
)


def test_every_form_of_the_report_shows_the_flags(tmp_path: Path) -> None:
    task = make_task()
    result, attempts = make_run(task)
    for flags in ((FLAG,), ()):
        run = write_run(tmp_path, result.model_copy(update={"flags": flags}), attempts)
        page = render(read_run(run), task)
        assert ('<section id="red-flags">' in page) is bool(flags)
        assert ('href="#red-flags"' in page) is bool(flags)
        assert "<script>alert(1)" not in page and "<img src=x>" not in page
        said = markdown(result.model_copy(update={"flags": flags}))
        assert ("label-noise" in said) is bool(flags) and "<script>" not in said
    assert "&lt;img src=x&gt;, e2" in render(read_run(_with_flag(tmp_path, result, attempts)), task)


def _with_flag(folder: Path, result: object, attempts: object) -> Path:
    return write_run(folder, result.model_copy(update={"flags": (FLAG,)}), attempts)  # type: ignore[attr-defined,arg-type]


def test_witnesses_are_the_candidates_of_the_newest_run_of_this_very_task(tmp_path: Path) -> None:
    task = make_task().model_copy(update={"root": tmp_path})
    result, attempts = make_run(task)
    assert witnesses(task) == []
    write_run(tmp_path / ".rung" / "runs" / "r", result, attempts)
    heard = {witness.key: witness for witness in witnesses(task)}
    tested = {e.id for e in task.test}
    asked = {row.key for row in result.candidates if any(a.candidate == row.key for a in attempts)}
    probes = {row.key for row in result.candidates if row.candidate.is_probe}
    assert set(heard) == asked - probes and probes & asked
    one = next(row for row in result.candidates if row.key in heard)
    assert heard[one.key].technique == one.technique
    everything = {a.example_id for a in attempts if a.candidate == one.key}
    assert everything & tested and set(heard[one.key].attempts) == everything - tested
    TestLedger(tmp_path / ".rung", task, ()).show()
    assert {k for w in witnesses(task) if w.key == one.key for k in w.attempts} == everything
    other = task.model_copy(update={"instruction": "Another job."})
    assert witnesses(other) == []
