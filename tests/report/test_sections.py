"""Causes, times and learning curves: what they show, and what they leave out."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

from rung.climbing.explaining import DIAGNOSIS_FILE
from rung.climbing.tools import ClimbOptions
from rung.records import Flag
from rung.records.results import State
from rung.report.about import prior
from rung.report.diagnosis import cause_bars
from rung.report.html import render
from rung.report.learning import learning
from rung.report.reading import FinishedRun, read_run
from rung.report.sections import context
from rung.report.timing import timing
from rung.task.types import Facts, Task

from .synthetic import make_diagnosis, make_run, make_task, write_run
from .test_html import embedded


@pytest.fixture(scope="module")
def task() -> Task:
    return make_task()


@pytest.fixture(scope="module")
def run(task: Task) -> FinishedRun:
    result, attempts = make_run(task)
    return FinishedRun(result, tuple(attempts), diagnosis=make_diagnosis(task, result))


def test_causes_come_most_frequent_first_with_what_could_mend_them(
    task: Task, run: FinishedRun
) -> None:
    assert run.diagnosis is not None
    bars = cause_bars(run.diagnosis)
    assert [b.cause.count for b in bars] == [7, 6, 4]
    assert bars[0].width == pytest.approx(320 * 7 / 17, abs=0.1)
    assert bars[0].low < bars[0].width < bars[0].high
    page = html.unescape(render(run, task))
    assert "missing knowledge: 7 of 17 probed failures, 41% (95% interval 25% to 60%)" in page
    assert "no rung of this run" in page and "below the target" in page


def test_examples_know_their_cause(task: Task, run: FinishedRun) -> None:
    data = embedded(render(run, task))
    causes = data["causes"]
    found = [causes[row[6]] for row in data["examples"] if row[6] >= 0]  # type: ignore[operator,index]
    assert sorted(set(map(str, found))) == ["label suspect", "missing knowledge", "wrong format"]
    assert len(found) == 17
    assert all(row[1] == "dev" for row in data["examples"] if row[6] >= 0)  # type: ignore[operator]


def test_a_run_without_a_diagnosis_has_no_causes(task: Task) -> None:
    result, attempts = make_run(task)
    page = render(FinishedRun(result, tuple(attempts)), task)
    assert "Why they fail" not in page and 'name="cause"' not in page
    assert all(row[6] == -1 for row in embedded(page)["examples"])


def test_a_diagnosis_is_read_beside_the_run_and_a_broken_one_is_named(
    task: Task, tmp_path: Path
) -> None:
    result, attempts = make_run(task)
    folder = write_run(tmp_path / "r", result, attempts, make_diagnosis(task, result))
    found = read_run(folder)
    assert found.diagnosis == make_diagnosis(task, result) and DIAGNOSIS_FILE in found.hashes
    (folder / DIAGNOSIS_FILE).write_text("{}")
    broken = read_run(folder)
    assert broken.diagnosis is None
    assert "The causes of failures are left out" in render(broken, task)


def test_answers_that_only_the_probes_asked_for_are_shown_and_change_no_figure(
    task: Task, tmp_path: Path
) -> None:
    result, attempts = make_run(task)
    diagnosis = make_diagnosis(task, result)
    asked_by_climb = [a for a in attempts if a.split == "test" or a.example_id > "msg-0010"]
    folder = write_run(tmp_path / "r", result, asked_by_climb, diagnosis)
    write_run(folder / "probes", result, attempts)
    found, bare = read_run(folder), read_run(write_run(tmp_path / "s", result, asked_by_climb))
    assert {a.candidate for a in found.probed} == {diagnosis.candidate}
    shown = {row[1] for row in embedded(render(found, task))["examples"]}  # type: ignore[index]
    assert "dev" in shown
    extra = len(embedded(render(found, task))["examples"]) - len(
        embedded(render(bare, task))["examples"]
    )
    assert extra == 11  # msg-0000 to msg-0010
    signs = [(s.place, s.n) for s in context(found, task)["failures"].signs]
    assert signs == [(s.place, s.n) for s in context(bare, task)["failures"].signs]


def test_bounds_that_exclude_nothing_are_one_sentence(task: Task, run: FinishedRun) -> None:
    assert run.diagnosis is not None
    free = tuple(b.model_copy(update={"most": 1.0, "high": 1.0}) for b in run.diagnosis.bounds)
    changed = run.diagnosis.model_copy(update={"bounds": free})
    page = render(FinishedRun(run.result, run.attempts, diagnosis=changed), task)
    assert "Nothing proven stands against any rung" in page
    assert "What each rung could reach at most" not in page


def test_hostile_words_of_a_diagnosis_stay_text(task: Task, run: FinishedRun) -> None:
    assert run.diagnosis is not None
    bad = "<script>alert(1)</script>"
    bound = run.diagnosis.bounds[0].model_copy(update={"text": bad, "candidate": bad})
    changed = run.diagnosis.model_copy(update={"note": bad, "bounds": (bound,)})
    page = render(FinishedRun(run.result, run.attempts, diagnosis=changed), task)
    assert bad not in page and page.count("<script") == 3


def test_red_flags_have_a_section_and_a_place_in_the_menu(task: Task, run: FinishedRun) -> None:
    bad = "<script>alert(1)</script>"
    flag = Flag(id="label-noise", severity="warn", figure=0.12, threshold=0.1, text=bad,
                advice="Look at them.", source="a document", examples=("msg-0001",))  # fmt: skip
    flagged = FinishedRun(run.result.model_copy(update={"flags": (flag,)}), run.attempts)
    assert ("red-flags", "Red flags") in context(flagged, task)["sections"]
    page = render(flagged, task)
    assert 'id="red-flags"' in page and "label-noise" in page and bad not in page
    assert "red-flags" not in dict(context(run, task)["sections"])


def test_times_are_those_of_the_attempts(run: FinishedRun) -> None:
    found = timing(run)
    assert found is not None
    by_key = {s.key: s for s in found.rows}
    key = run.result.verdict.choice or ""
    took = sorted(a.answer.latency_s for a in run.attempts if a.candidate == key and a.answer)
    chosen = by_key[key]
    assert chosen.n == len(took) and chosen.chosen and chosen.alone_text == "0.31 s"
    assert list(chosen.at) == sorted(chosen.at) and len(chosen.at) == 5
    median = took[len(took) // 2]
    assert chosen.at[2] == pytest.approx(found.axis.scale.at(median), abs=2)
    untried = next(r for r in run.result.candidates if r.state == "planned")
    assert untried.key not in by_key


def test_too_few_answers_make_no_spread(run: FinishedRun) -> None:
    few = {a.candidate: a for a in run.attempts if a.answer}
    found = timing(FinishedRun(run.result, tuple(few.values())))
    assert found is not None
    assert all(not s.at and s.texts == () for s in found.rows)
    assert {s.alone_text for s in found.rows} == {"0.31 s"}  # what was asked alone is still known
    bare = run.result.model_copy(update={"candidates": ()})
    assert timing(FinishedRun(bare)) is None


def test_a_learning_curve_shows_measured_and_forecast_with_intervals(run: FinishedRun) -> None:
    row = next(r for r in run.result.candidates if r.learning)
    found = learning(run, row, "7")
    assert found is not None
    assert [s.n for s in found.sizes] == [0, 25, 50, 100, 200, 400, 800]
    assert [s.forecast for s in found.sizes] == [False] * 5 + [True] * 2
    assert all(s.low <= s.score <= s.high and s.low < s.high for s in found.sizes)
    assert all(p.ys[0] != p.ys[1] for p in found.plot.points)
    assert "may, if the curve goes on as it went, reach the target (91%)" in found.sizes[5].says
    plain = next(r for r in run.result.candidates if not r.learning)
    assert learning(run, plain, "1") is None
    page = render(run, make_task())
    assert "Would more examples help?" in page and 'id="learning-1"' in page


def test_the_command_is_the_one_that_was_given(task: Task, run: FinishedRun) -> None:
    options = ClimbOptions(budget_usd=5, only=("rag", "hybrid"), learning_curve=True, mode="fast")
    said = (
        "--budget",
        "5",
        "--only",
        "rag",
        "--only",
        "hybrid",
        "--learning-curve",
        "--mode",
        "fast",
    )
    assert options.arguments == said and ClimbOptions().arguments == ()
    others = ClimbOptions(everything=True, diagnose=False)
    assert others.arguments == ("--exhaustive", "--no-diagnose")
    changed = run.result.model_copy(update={"arguments": said})
    shown = context(FinishedRun(changed, run.attempts), task)["about"].command
    assert shown == "rung climb DIR " + " ".join(said)


@pytest.mark.parametrize(
    ("state", "says"),
    [("drop", "overrules what was"), ("planned", "was not measured"), ("skipped", "not measured")],
)
def test_only_what_was_measured_is_overruled(
    task: Task, run: FinishedRun, state: State, says: str
) -> None:
    cited = task.model_copy(update={"facts": Facts(needs_citations=True)})
    rows = [
        row.model_copy(update={"state": state}) if row.technique == "rag" and row.state == "drop"
        else row
        for row in run.result.candidates
    ]  # fmt: skip
    changed = run.result.model_copy(update={"candidates": rows})
    expected = prior(FinishedRun(changed, run.attempts), cited)
    assert expected is not None and expected.expected == "rag" and says in expected.agrees


def test_every_plot_has_a_table_beside_it(task: Task, run: FinishedRun) -> None:
    page = render(run, task)
    for figure in re.findall(r"<figure>.*?</figure>", page, re.S):
        assert '<svg class="plot"' in figure and '<details class="twin"' in figure
        assert "<table>" in figure
