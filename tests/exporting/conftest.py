from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rung
from rung.candidate import Candidate, Context, Prompt, Shots
from rung.climbing.tools import ClimbOptions
from rung.models.base import ChatRequest
from scripted import ScriptedEmbedder, ScriptedModel

MODEL, EMBEDDER = "http://localhost:1/v1#reader", "local/all-minilm-l6-v2"
LARGE = "http://localhost:2/v1#large"
TOML = """
[task]
name = "parts & codes"
instruction = 'Give the "code" of the part.'
examples = "examples.jsonl"
documents = "documents.jsonl"
[output]
{output}
[target]
score = 0.5
[models]
try = ["{model}"]
[costs]
input_usd_per_mtok = 1
output_usd_per_mtok = 1
"""
DONE: dict[tuple[str, str, int], Path] = {}
"""Folders that were climbed, to be copied."""
CANDIDATES = {
    "plain": Candidate(model=MODEL),
    "fixed": Candidate(model=MODEL, prompt=Prompt(shots=Shots(kind="fixed", k=2))),
    "nearest": Candidate(
        model=MODEL, prompt=Prompt(shots=Shots(kind="nearest", k=2)), embedder=EMBEDDER
    ),
    "pair": Candidate(model=MODEL, fallback=LARGE),
    "rag": Candidate(model=MODEL, context=Context(kind="retrieved", k=2, search="lexical")),
}


@pytest.fixture
def climbed(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Path]:
    """A folder whose winner is the candidate of that name, answered by a script."""
    monkeypatch.setattr(
        "rung.exchange.exporting.source.open_embedder", lambda *_: ScriptedEmbedder(EMBEDDER)
    )

    def make(kind: str = "plain", output: str = "text = { max_words = 3 }", n: int = 70) -> Path:
        name = (kind, output, n)
        if name in DONE:
            return Path(shutil.copytree(DONE[name], tmp_path / "task"))
        folder = write_task(tmp_path_factory.mktemp("climbed") / "task", output, n)
        task = rung.load_task(folder)
        gold = {e.input_text(): str(e.expected) for e in (*task.train, *task.dev, *task.test)}

        def answer(request: ChatRequest) -> str:
            return gold[request.messages[-1].content.splitlines()[-1]]

        options = ClimbOptions(
            models={MODEL: ScriptedModel(answer, MODEL), LARGE: ScriptedModel(answer, LARGE)},
            embedders={EMBEDDER: ScriptedEmbedder(EMBEDDER)},
            candidates=(CANDIDATES[kind],),
        )
        assert rung.climb(task, options).verdict.status == "sufficient"
        DONE[name] = folder
        return make(*name)

    return make


def write_task(folder: Path, output: str = "text = { max_words = 3 }", n: int = 70) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rung.toml").write_text(TOML.format(output=output, model=MODEL))

    def row(i: int) -> dict[str, Any]:
        expected = "odd" if i % 2 else "even"
        if "labels" not in output:
            expected = f"code-{i * 37}"
        return {"input": f"Which code has part {i} “ü {{{{x}}}}”?", "expected": expected}

    put(folder / "examples.jsonl", [row(i) for i in range(n)])
    documents = [{"id": f"d{i}", "text": f"Part {i} has code-{i * 37}."} for i in range(n)]
    put(folder / "documents.jsonl", documents)
    return folder


def put(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows))


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]
