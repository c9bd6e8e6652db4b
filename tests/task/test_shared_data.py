"""The sample sets beside the project, where they are: every file reads, every gold answer holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rung.scorers import grade_gold
from rung.task.load import load

DATA = Path(__file__).parents[3] / "shared" / "data"
SETS = {
    "snips-intent": 'labels = "labels.txt"',
    "complaints-6": 'labels = "labels.txt"',
    "wikigold-ner": 'schema = { type = "array" }',
    "usaddress-json": 'schema = { type = "object" }',
    "wiki-docs-qa": "text = { max_words = 60 }",
    "wikisql-mini": 'sql = { script_field = "ddl", rows_field = "rows" }',
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.lengthy) if n == "wikisql-mini" else n for n in SETS],
)
async def test_set(tmp_path: Path, name: str) -> None:
    source = DATA / name
    if not source.is_dir():
        pytest.skip("../shared/data is not beside this checkout")
    info = json.loads((source / "task.json").read_text())
    (tmp_path / "labels.txt").write_text("\n".join(info.get("labels", ["-"])))
    files = {"train": "train.jsonl", "test": "test.jsonl"}
    if "knowledge" in info:
        files["documents"] = info["knowledge"]
    paths = "".join(f"{k} = {json.dumps(str(source / v))}\n" for k, v in files.items())
    (tmp_path / "rung.toml").write_text(
        f"[task]\ninstruction = {json.dumps(info['instruction'])}\n{paths}"
        f"[output]\n{SETS[name]}\n[target]\nscore = 0.8\n"
    )
    task, report = load(tmp_path)
    lines = {k: len((source / v).read_text().splitlines()) for k, v in files.items()}
    assert report.test == lines["test"]
    assert report.train + report.dev + len(report.dropped_from_train) == lines["train"]
    assert len(task.documents) == lines.get("documents", 0)
    await grade_gold(task)
