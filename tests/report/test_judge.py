"""What a report says of a judge's scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rung.climbing.judging import FILE, Calibration
from rung.report.about import flags
from rung.report.reading import FinishedRun

from .synthetic import make_run, make_task

MARKS = (1.0, 0.0) * 20


def said(tmp_path: Path, version: str, metric: str = "judge", **parts: Any) -> str:
    task = make_task().model_copy(update={"root": tmp_path})
    run, attempts = make_run(task)
    folder = tmp_path / ".rung"
    folder.mkdir(exist_ok=True)
    kept = Calibration(**{"version": "v1", "human": MARKS, "judge": MARKS, **parts})
    (folder / FILE).write_text(kept.model_dump_json())
    update = {"metric": metric, "versions": {"scorer": version}}
    result = run.model_copy(update=update)
    return "\n".join(flags(FinishedRun(result, tuple(attempts)), task))


def test_agreement_and_corrected_scores_with_intervals(tmp_path: Path) -> None:
    text = said(tmp_path, "v1")
    assert "on 40 answers that people marked it gives the same mark to 100% [91%, 100%]" in text
    assert "as people would mark it, going by the judge's errors (Rogan and Gladen)" in text


def test_a_graded_judge_is_corrected_too(tmp_path: Path) -> None:
    text = said(tmp_path, "v1", judge=tuple(0.5 * (mark + 0.5) for mark in MARKS))
    assert "(prediction-powered, as if" in text


def test_marks_of_another_judge_and_too_few_correct_nothing(tmp_path: Path) -> None:
    assert "Judge:" not in said(tmp_path, "v2")
    assert "Judge:" not in said(tmp_path, "v1", metric="accuracy")
    few = said(tmp_path, "v1", human=MARKS[:4], judge=MARKS[:4])
    assert "only 4 answers are marked" in few and "as people would mark it" not in few
