"""Whole climbs on the embedded models."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import time
from pathlib import Path

import pytest

import rung
from rung.models.fetch import model_folder
from serve.upstream import endpoint

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
MACHINE_USD_PER_HOUR = 0.0816
"""Of the machine that local models are priced at where `[costs]` names none."""
LOCAL, EMBEDDER = "local/smollm2-135m-instruct", "local/all-minilm-l6-v2"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        model_folder(LOCAL) is None or model_folder(EMBEDDER) is None,
        reason="the embedded models are not on this machine: run `rung models fetch`",
    ),
]


@pytest.fixture
def routing(tmp_path: Path) -> Path:
    """The shipped ticket-routing, cut small."""
    folder = tmp_path / "ticket-routing"
    shutil.copytree(
        EXAMPLES / "aarlund" / "ticket-routing", folder, ignore=shutil.ignore_patterns(".rung")
    )
    file = folder / "rung.toml"
    text = re.sub(r"(?m)^score = .*", "score = 0.4", file.read_text())
    text = re.sub(r"(?m)^max_latency_p95_s = .*", "", text)
    cut = "\n[climb]\ndev_size = 10\ntest_size = 40\ntrain_size = 60\nepochs = 1\n"
    file.write_text(text[: text.index("[climb]")] + cut)
    return folder


def test_a_climb_ends_with_a_winner_that_answers_as_measured(routing: Path) -> None:
    result = rung.climb(routing)
    assert result.finished and result.verdict.status == "sufficient"
    key = result.verdict.choice
    task = rung.load_task(routing)
    inputs = {e.id: e.input for e in (*task.dev, *task.test)}
    run = routing / ".rung" / "runs" / result.run / "attempts.jsonl"
    rows = [json.loads(line) for line in run.read_text().splitlines()]
    said = {a["example_id"]: a["answer"]["text"] for a in rows if a["candidate"] == key}
    winner = rung.open_winner(routing)
    assert len(said) >= 20 and {i: winner.ask(inputs[i]).text for i in said} == said


def test_a_prompt_on_the_embedded_model_is_measured_then_costs_nothing(routing: Path) -> None:
    nearest = rung.Candidate(
        model=LOCAL,
        prompt=rung.Prompt(
            shots=rung.Shots(kind="nearest", k=3), contract=False, max_output_tokens=12
        ),
        embedder=EMBEDDER,
    )
    options = rung.ClimbOptions(candidates=(nearest,))
    first = rung.climb(routing, options)
    (row,) = first.candidates
    assert row.dev and row.test and row.dev.n == 10 and row.test.n >= 10
    assert first.calls.made >= first.calls.used == row.dev.n + row.test.n
    assert row.test.errors == row.test.unscored == 0
    assert row.state in ("pass", "drop", "undecided") and (row.cost_per_request_usd or 0) > 0
    began = time.monotonic()
    second = rung.climb(routing, options)
    assert time.monotonic() - began < 10
    assert second.calls.made == 0 and second.verdict == first.verdict


def test_what_the_embedded_model_is_unsure_of_goes_to_an_endpoint(routing: Path) -> None:
    """The confidence of a real model, a threshold of its own, and two ways to price a call."""
    rows = map(json.loads, (routing / "examples.jsonl").read_text().splitlines())
    known = {row["input"]: row["expected"] for row in rows}

    def answer(turn: str) -> str:
        return next(label for text, label in known.items() if text in turn)

    with endpoint(answer) as address:
        large = f"{address}#large"
        file = routing / "rung.toml"
        text = file.read_text().replace("dev_size = 10", "dev_size = 30\nfallback = true")
        text = text.replace("score = 0.4", "score = 0.7")
        text = text.replace(f'try = ["{LOCAL}"]', f'try = ["{LOCAL}", "{large}"]')
        file.write_text(text + "\n[costs]\ninput_usd_per_mtok = 1\noutput_usd_per_mtok = 1\n")
        task = rung.load_task(routing)
        pair = rung.Candidate(
            model=LOCAL,
            prompt=rung.Prompt(
                shots=rung.Shots(kind="nearest", k=5), contract=False, max_output_tokens=12
            ),
            embedder=EMBEDDER,
            fallback=large,
        )
        result = rung.climb(task, rung.ClimbOptions(candidates=(pair,)))
        (row,) = result.candidates
        assert row.test and 0 < row.test.details["fell_back"] < 1, row
        kept = [
            json.loads(line)
            for line in (routing / ".rung" / "runs" / result.run / "attempts.jsonl")
            .read_text()
            .splitlines()
        ]
        for attempt in kept:
            said = attempt["answer"]
            own, *further = said["by_call"]
            assert own["model"] == LOCAL and own["usage"]["seconds"] > 0
            hosted = sum(12e-6 for call in further if call["model"] == large)
            machine = own["usage"]["seconds"] * MACHINE_USD_PER_HOUR / 3600
            assert attempt["cost_usd"] == pytest.approx(hosted + machine)
            assert (said["fallback"] == "unsure") == bool(further)
            assert said["model"] == (large if further else LOCAL)
        stood = [a for a in kept if a["split"] == "dev" and not a["answer"]["fallback"]]
        assert sum(a["score"] for a in stood) >= 0.7 * len(stood) >= 0.7 * 5


def test_the_task_in_code_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = importlib.util.spec_from_file_location("in_code", EXAMPLES / "in_code.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    result = module.main(tmp_path)
    out = capsys.readouterr().out.splitlines()
    assert result.verdict.status == "sufficient"
    assert out[0] == f"sufficient {result.verdict.choice}" and out[-1].startswith("battery ")
