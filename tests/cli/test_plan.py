"""`rung plan`: the ladder, what a climb may take and certify; and that it asks nothing."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from report.synthetic import EMBEDDER, make_task
from rung.cli.plan import show_plan
from rung.cli.plan_text import show
from rung.climbing.tools import ClimbOptions
from rung.decide.ladder import too_long
from rung.report.planning import Plan, certification_text, make_plan, setup_lines, training_lines
from rung.task.types import Document, Models, Target, Task
from scripted import ScriptedEmbedder, ScriptedModel


@pytest.fixture
def model() -> ScriptedModel:
    return ScriptedModel(["never asked"], "scripted/m")


def task_of(n_test: int = 60, score: float = 0.8) -> Task:
    return make_task(n_test=n_test).model_copy(
        update={
            "models": Models(to_try=("scripted/m",), embedder=EMBEDDER),
            "target": Target(metric="accuracy", score=score),
        }
    )


def planned(task: Task, model: ScriptedModel) -> Plan:
    options = ClimbOptions(models={"scripted/m": model}, embedders={EMBEDDER: ScriptedEmbedder()})
    return asyncio.run(make_plan(task, options))


def test_a_plan_asks_no_model_and_leaves_no_file(
    model: ScriptedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    planned(task_of().model_copy(update={"root": tmp_path}), model)
    assert model.calls == 0 and model.closed
    assert not list(tmp_path.iterdir())


def test_the_forecast_counts_pilots_and_everything(model: ScriptedModel) -> None:
    task = task_of(n_test=60)
    plan = planned(task, model)
    asking = [c for c in plan.candidates if c.technique != "no-llm"]
    probes = sum(c.probe for c in asking)
    assert probes == 1 and len(plan.candidates) > len(asking)
    assert plan.pilots_only.calls == 40 * len(asking)
    assert plan.everything.calls == 40 * len(asking) + 60 * (len(asking) - probes)
    assert plan.pilots_only.tokens < plan.everything.tokens
    assert plan.pilots_only.usd <= plan.everything.usd
    months = [c.monthly_usd for c in plan.candidates if not c.probe]
    assert months == sorted(months)


def test_it_says_how_many_must_be_right(model: ScriptedModel) -> None:
    from rung.evidence import must_see

    plan = planned(task_of(n_test=60), model)
    alpha = 0.7 * 0.05  # what a candidate gets that is surely good enough by dev
    assert plan.certification.alpha == pytest.approx(alpha)
    needed = must_see(60, 0.8, alpha)
    assert needed is not None
    assert f"With 60 test examples you must see {needed} right" in certification_text(plan)
    small = planned(task_of(n_test=12, score=0.9), model)
    assert "not even all right certifies 0.9" in certification_text(small)


def test_the_text_fits_a_terminal_and_holds_every_candidate(model: ScriptedModel) -> None:
    plan = planned(task_of(), model)
    for width in (70, 120):
        console = Console(width=width, record=True, file=io.StringIO())
        show(plan, console)
        text = console.export_text()
        assert max(len(line) for line in text.splitlines()) <= width
        assert "Everything:" in text and "you must see" in text and "No model was asked" in text
        assert text.count("prompting") >= 3


def test_it_says_what_lies_behind_the_months_and_how_long_training_takes(
    model: ScriptedModel,
) -> None:
    plan = planned(task_of(), model)
    (set_up,) = setup_lines(plan)
    assert set_up.startswith("Set-up, mostly people's time: rag $1,000")
    trained = {"training_tokens": 96_000, "training_seconds": 120.0}
    row = plan.candidates[0].model_copy(update=trained)
    (said,) = training_lines(plan.model_copy(update={"candidates": (row,)}))
    assert said.endswith(
        "96,000 tokens in all epochs, about 2 minutes of computing on this machine (cpu)."
    )


@pytest.mark.parametrize("as_json", [True, False])
def test_the_command_prints_the_plan_of_a_folder(
    as_json: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {"id": str(i), "input": f"message {i} about {i % 7}", "expected": ["a", "b"][i % 2]}
        for i in range(80)
    ]
    (tmp_path / "examples.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    (tmp_path / "rung.toml").write_text(
        '[task]\nname = "t"\ninstruction = "Say a or b."\nexamples = "examples.jsonl"\n'
        '[output]\nlabels = ["a", "b"]\n[target]\nscore = 0.7\n'
        '[models]\ntry = ["http://127.0.0.1:9/v1#m"]\n'
        "[costs]\ninput_usd_per_mtok = 0.1\noutput_usd_per_mtok = 0.2\n"
    )
    show_plan(tmp_path, as_json)
    out = capsys.readouterr().out
    if as_json:
        found = json.loads(out)
        assert found["everything"]["calls"] > 0 and found["candidates"]
    else:
        assert "you must see" in out.replace("\n", " ")
    assert not (tmp_path / ".rung").exists()


def test_documents_that_do_not_fit_into_the_prompt_are_said_with_their_number() -> None:
    """Neither silently left out nor said where they fit."""
    words = tuple(
        Document(id=f"d{n}", text="word " * 800)
        for n in range(8)  # 32,000 characters
    )
    task = task_of().model_copy(update={"documents": words})

    def notes(window: int) -> list[str]:
        asked = ScriptedModel(["never asked"], "scripted/m", context_window=window)
        plan = planned(task, asked)
        tried = any("all documents" in row.description for row in plan.candidates)
        said = [note for note in plan.notes if note.startswith("All documents")]
        assert tried == (not said)
        return said

    assert notes(8192) == [
        "All documents in the prompt are not tried on scripted/m: they have about 8,000 tokens, "
        "and 60% of its window of 8,192 is 4,915."
    ]
    assert notes(128_000) == []
    server = too_long(task, "http://localhost:1/v1#m", 8192) or ""
    assert server.endswith('[models.settings."http://localhost:1/v1#m"] context_window states a '
                           "larger one.")  # fmt: skip
    assert too_long(task.model_copy(update={"documents": ()}), "scripted/m", 8) is None
