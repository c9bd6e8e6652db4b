"""The page as text: what the first screen says, where figures come from, what cannot break it."""

from __future__ import annotations

import html
import json
import re
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest

from rung.candidate import Candidate
from rung.errors import StoreError
from rung.project import ProjectFolder
from rung.records import Answer, Attempt, Flag, Passage
from rung.records.results import Calls, Reason, RunResult, Verdict
from rung.report.html import render, write_report
from rung.report.reading import FinishedRun, read_run
from rung.task.types import Example, LabelsOutput, Target, Task

from .synthetic import SHAPES, attempt, make_run, make_task, write_run


class Reader(HTMLParser):
    """Elements with their attributes, and the text of the first screen."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.verdict: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "section":
            self._inside = dict(attrs).get("id") == "verdict"

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.verdict.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    return reader


@pytest.fixture(scope="module")
def task() -> Task:
    return make_task()


@pytest.fixture(scope="module")
def page(task: Task) -> str:
    result, attempts = make_run(task)
    return render(FinishedRun(result, tuple(attempts)), task)


def test_the_first_screen_answers_five_questions(task: Task, page: str) -> None:
    result, _ = make_run(task)
    chosen = next(r for r in result.candidates if r.key == result.verdict.choice)
    assert chosen.test is not None and chosen.test.certified is not None
    said = " ".join("\n".join(read(page).verdict).split())
    assert "Prompt, 5 nearest examples on smollm2-135m-instruct" in said  # what to do
    assert f"accuracy {chosen.test.value:.2f}" in said  # how good
    assert "or more certified" in said and "with 95% confidence" in said  # how sure
    assert f"What it costs a month ${chosen.monthly_usd:.2f}" in said  # what it costs a month
    assert "What would change it" in said and "Target: above" in said  # what would change it
    assert "Fine-tuned costs" in said and "on 118 common examples" in said


def test_where_the_first_rung_suffices_the_next_technique_is_priced_as_expected() -> None:
    task = make_task()
    shapes = [(c, "pass" if i == 3 else "planned", p) for i, (c, _, p) in enumerate(SHAPES[:8])]
    result, attempts = make_run(task, shapes=shapes)  # type: ignore[arg-type]
    page = render(FinishedRun(result, tuple(attempts)), task)
    said = " ".join("\n".join(read(page).verdict).split())
    assert "The first one tried is good enough: accuracy 0.9" in said
    # 42,000 requests at $0.000004, and $1,000 of setting up RAG over 12 months
    expected = "RAG, 3 retrieved passages is expected to cost $83.50 a month."
    assert "The next technique was not tried: No language model" in said
    assert "RAG, 3 retrieved passages ($83.50); Fine-tuned ($416.83)" in said
    again = result.model_copy(update={"candidates": result.candidates[3:]})
    said = " ".join(read(render(FinishedRun(again, tuple(attempts)), task)).verdict)
    assert expected in " ".join(said.split())


def test_a_candidate_that_costs_the_same_is_named(task: Task) -> None:
    result, attempts = make_run(task)
    rows = tuple(
        r.model_copy(update={"monthly_usd": 0.319}) if r.state == "pass" else r
        for r in result.candidates
    )
    run = FinishedRun(result.model_copy(update={"candidates": rows}), tuple(attempts))
    said = " ".join("\n".join(read(render(run, task)).verdict).split())
    assert "Cost: Fine-tuned is good enough too, for $0.32 a month; of costs within 1%" in said


def test_the_sections_stand_in_the_order_of_the_questions(task: Task) -> None:
    result, attempts = make_run(task)
    flag = Flag(id="f", severity="warn", text="See `rung audit`, or ` alone.", advice="Do `a <b>`.",
                source="a document")  # fmt: skip
    run = FinishedRun(result.model_copy(update={"flags": (flag,)}), tuple(attempts))
    page = render(run, task)
    found = [a["id"] for t, a in read(page).elements if t == "section"]
    assert found == ["verdict", "ladder", "money", "compared", "failures", "training", "timing",
                     "prior", "red-flags", "flags", "examples", "repeat"]  # fmt: skip
    menu = [
        a["href"] for t, a in read(page).elements if t == "a" and a.get("href", "").startswith("#")
    ]  # type: ignore[union-attr]
    assert menu[1:] == [f"#{name}" for name in found[1:]]
    assert "Do <code>a &lt;b&gt;</code>." in page  # a command is code, and escaped
    assert "See `rung audit`, or ` alone." in html.unescape(page)


def test_an_answer_says_which_of_several_models_gave_it(task: Task) -> None:
    two = Candidate(model="local/small", fallback="local/large")
    result, attempts = make_run(task, shapes=[(two, "pass", 0.9), SHAPES[3]])
    said = {"model": "local/large", "fallback": "unsure"}
    attempts = [
        a.model_copy(update={"answer": a.answer.model_copy(update=said)})
        if a.answer and i % 2
        else a
        for i, a in enumerate(attempts)
    ]
    data = embedded(render(FinishedRun(result, tuple(attempts)), task))
    by = "answered by large; passed on: the first model was not sure"
    place = data["texts"].index(by)  # type: ignore[arg-type]
    told = [row[5] for row in data["examples"]]  # type: ignore[index]
    assert any(a and a[0] and a[0][-1] == place and len(a[0]) == 11 for a in told)  # type: ignore[index]
    assert all(not a[1] or len(a[1]) <= 10 for a in told)  # type: ignore[index]


def test_the_page_is_self_contained(page: str) -> None:
    elements = read(page).elements
    for tag, attributes in elements:
        for name in ("src", "srcset", "poster", "action", "data"):
            assert name not in attributes, (tag, attributes)
        assert not any(name.startswith("on") for name in attributes), attributes
        assert "style" not in attributes, (tag, attributes)
        if tag == "link":
            assert attributes["href"] == "data:,"
    outside = [a["href"] for t, a in elements if t == "a" and not (a["href"] or "").startswith("#")]
    assert all((href or "").startswith("https://") for href in outside)
    policy = next(a["content"] for t, a in elements if a.get("http-equiv")) or ""
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy
    assert policy.count("sha256-") == 3
    assert len(page.encode()) < 2_000_000


def test_every_figure_says_where_it_comes_from_and_has_a_table(page: str) -> None:
    elements = read(page).elements
    facts = [(t, a) for t, a in elements if "fact" in (a.get("class") or "").split()]
    assert len(facts) > 80
    assert all(a.get("title") for t, a in facts if t == "span")
    plots = page.count('<svg class="plot"')
    assert plots == 4  # quality, volume, the loss of one training, its learning curve
    assert page.count('<details class="twin"') >= plots
    assert "Price: AWS EC2 m7g.large" in html.unescape(page)


def test_dev_and_test_and_three_kinds_of_failure_are_told_apart(page: str) -> None:
    for word in ("Wrong", "Errors", "Unscored", "dev", "probe, never shipped", "not tried"):
        assert word in page
    assert "158 / 160" in page  # calls used of exhaustive, by candidate


def test_without_the_task_there_are_answers_but_no_inputs(task: Task) -> None:
    result, attempts = make_run(task)
    page = render(FinishedRun(result, tuple(attempts)), None)
    data = embedded(page)
    assert all(row[2] == -1 and row[3] == -1 for row in data["examples"])
    assert "Shown without the task" in page


def test_a_run_that_measured_nothing_still_renders(task: Task) -> None:
    result, _ = make_run(task)
    bare = RunResult(
        run="r", task="t", fingerprint="f", metric="accuracy", target=0.8, confidence=0.95,
        verdict=Verdict(status="undecided", next_step="Run again."), candidates=(),
        calls=Calls(), sizes={"train": 0, "dev": 0, "test": 0},
    )  # fmt: skip
    page = render(FinishedRun(bare), None)
    assert "The data cannot tell what reaches accuracy 0.8" in page and "Not finished" in page
    planned = tuple(
        r.model_copy(update={"state": "planned", "dev": None, "test": None, "monthly_usd": None,
                             "cost_per_request_usd": None, "training": {}})
        for r in result.candidates
    )  # fmt: skip
    page = render(FinishedRun(bare.model_copy(update={"candidates": planned})), task)
    assert "not tried" in page


def test_free_models_and_no_workload_do_not_break_the_plots(task: Task) -> None:
    result, attempts = make_run(task)
    free = tuple(
        r.model_copy(update={"cost_per_request_usd": 0.0, "monthly_usd": 0.0, "setup_usd": 0.0})
        for r in result.candidates
    )
    free_attempts = tuple(a.model_copy(update={"cost_usd": 0.0}) for a in attempts)
    changed = result.model_copy(update={"candidates": free, "workload": {}, "prices": {}})
    page = render(FinishedRun(changed, free_attempts), task)
    assert "The run kept no prices" in page and "NaN" not in page and "nan" not in words(page)


def words(page: str) -> set[str]:
    return set(re.findall(r"[a-z]+", page.lower()))


def test_an_insufficient_run_says_what_is_certified_already(task: Task) -> None:
    shapes = [(c, "drop" if s == "pass" else s, p) for c, s, p in SHAPES]
    result, attempts = make_run(task, shapes=shapes)  # type: ignore[arg-type]
    page = render(FinishedRun(result, tuple(attempts)), task)
    said = " ".join("\n".join(read(page).verdict).split())
    assert "Nothing tried is likely to reach accuracy 0.85" in said
    assert "or less is certified already" in said and "best so far" in said


HOSTILE = (
    "<script>alert(1)</script>",
    "</script><script>alert(2)</script><!--",
    '"><img src=x onerror=alert(3)>',
    "{{ 7 * 7 }}{% raw %}",
    "bell\x07 null\x00 escape\x1b[31m next\x85",
    "right-to-left \u202e override \u2066 isolate",
    "שלום عالم 👨‍👩‍👧 \u2028 line",
    "x" * 1_000_000,
)


def hostile_run() -> tuple[RunResult, list[Attempt], Task]:
    """Every text that comes from outside is hostile."""
    examples = tuple(
        Example(id=f"{i}{text[:40]}", input=text, expected=text, context_ids=(text[:200],))
        for i, text in enumerate(HOSTILE)
    )
    task = make_task().model_copy(
        update={
            "name": HOSTILE[0] + HOSTILE[5], "test": examples, "dev": examples[:2],
            "output": LabelsOutput(labels=HOSTILE[:6]),
            "target": Target(metric="accuracy", score=0.5),
        }
    )  # fmt: skip
    candidate = Candidate(model=f"http://host/v1#{HOSTILE[2]}")
    shapes = [*SHAPES[:4], (candidate, "drop", 0.2)]
    result, attempts = make_run(task, shapes=shapes)  # type: ignore[arg-type]
    passage = Passage(document_id=HOSTILE[1], title=HOSTILE[2], text=HOSTILE[4] + HOSTILE[7])
    changed = [
        a.model_copy(update={"answer": Answer(text=HOSTILE[i % 8], passages=(passage,) * 2,
                                              problem=HOSTILE[1], valid=False, citations=(0, 7))})
        if a.error is None
        else a.model_copy(update={"error": HOSTILE[1]})
        for i, a in enumerate(attempts)
    ]  # fmt: skip
    verdict = result.verdict.model_copy(
        update={
            "reasons": tuple(map(said, HOSTILE[:6])),
            "next_step": said(HOSTILE[1] + HOSTILE[5]),
        }
    )
    return result.model_copy(update={"notes": HOSTILE[:6], "verdict": verdict}), changed, task


def said(text: str) -> Reason:
    return Reason(kind="said", figures={"text": text})


def embedded(page: str) -> dict[str, list[list[object]]]:
    """The JSON that the page carries."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert found is not None
    data: dict[str, list[list[object]]] = json.loads(found[1])
    return data


def test_hostile_texts_stay_texts() -> None:
    result, attempts, task = hostile_run()
    page = render(FinishedRun(result, tuple(attempts)), task)
    elements = read(page).elements
    assert [t for t, _ in elements].count("script") == 3
    assert not any(t == "img" for t, _ in elements)
    assert not any(name.startswith("on") for _, a in elements for name in a)
    for hidden in "\x00\x07\x1b\x85\u202e\u2066":
        assert hidden not in page
    assert "⟨U+202E⟩" in page and "{{ 7 * 7 }}{% raw %}" in html.unescape(page)
    assert "of 1,000,000 characters cut" in page
    assert len(page.encode()) < 2_000_000
    assert any("שלום عالم 👨‍👩‍👧" in str(text) for text in embedded(page)["texts"])


def test_the_file_is_written_whole_or_not_at_all(task: Task, tmp_path: Path) -> None:
    result, attempts = make_run(task)
    folder = write_run(tmp_path / ".rung" / "runs" / "r1", result, attempts)
    path = write_report(ProjectFolder(tmp_path).newest_run(), task)
    assert path == folder / "report.html"
    assert {p.name for p in folder.iterdir()} == {"run.json", "attempts.jsonl", "report.html"}
    before = path.read_bytes()
    (folder / "run.json").write_text("{}")
    with pytest.raises(StoreError, match="cannot be read"):
        write_report(folder, task)
    assert path.read_bytes() == before


def test_a_line_that_a_kill_cut_short_is_counted_and_left_out(task: Task, tmp_path: Path) -> None:
    result, attempts = make_run(task)
    folder = write_run(tmp_path / "r1", result, attempts)
    with (folder / "attempts.jsonl").open("a") as file:
        file.write('{"candidate": "no')
    run = read_run(folder)
    assert run.unreadable == 1 and len(run.attempts) == len(attempts)
    assert "1 recorded attempts could not be read" in render(run, task)


@pytest.mark.slow
def test_5000_examples_with_8_candidates_take_under_5_s_and_10_mb(tmp_path: Path) -> None:
    import random

    task = make_task(n_dev=5000, n_test=40)
    draw = random.Random(1)
    result, _ = make_run(make_task())
    shapes = SHAPES[:8]
    attempts = [
        attempt(candidate, "dev", e, chance, draw)
        for candidate, _, chance in shapes
        for e in task.dev
    ]
    folder = write_run(tmp_path / "r", result, attempts)
    started = time.perf_counter()
    path = write_report(folder, task)
    took = time.perf_counter() - started
    assert took < 5, took
    assert path.stat().st_size < 10_000_000
    assert len(embedded(path.read_text())["examples"]) == 5000
