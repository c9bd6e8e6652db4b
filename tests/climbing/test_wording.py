"""A serious climb words its instructions anew: who writes, from what, what is let through."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from markupsafe import escape

from rung.behaviour.refiners.instruction import CLIP, clean, proposals
from rung.candidate import Candidate
from rung.climbing.observer import Observer
from rung.climbing.refining import strongest
from rung.climbing.tools import ClimbOptions, Tools
from rung.errors import ProviderError
from rung.models.base import ChatRequest
from rung.records.results import CandidateResult
from rung.report.html import render
from rung.report.reading import read_run
from rung.task.types import ClimbSettings, Example, JsonValue, Models, SchemaOutput, Task
from scripted import ScriptedModel

from .tasks import (
    EMBEDDER,
    LABELS,
    MODEL,
    asked,
    climb,
    fact_task,
    label_of,
    label_task,
    reading,
    wording,
)

SERIOUS = ClimbSettings(effort="serious", search_calls=400)
WRITER = "scripted/writer"
BETTER = "Name the item's kind by its number's rank."
MODELS = Models(to_try=(MODEL,), embedder=EMBEDDER, writer=WRITER)


def task(**parts: Any) -> Task:
    return label_task(**{"train": 40, "dev": 40, "climb": SERIOUS, "models": MODELS, **parts})


def told(request: ChatRequest) -> str:
    """Right once the instruction is the better one."""
    assert not wording(request), "the writer writes"
    return label_of(asked(request)) if BETTER in request.messages[0].content else LABELS[0]


def writing(*made: str) -> ScriptedModel:
    def write(request: ChatRequest) -> str:
        assert wording(request)
        return "\n".join(f"Here:\n<instruction>\n{one}\n</instruction>" for one in made)

    return ScriptedModel(write, WRITER)


def climbed(
    folder: Path, writer: ScriptedModel, model: ScriptedModel | None = None, **parts: Any
) -> CandidateResult:
    """The chosen rung, else the first that was searched."""
    asks = model or ScriptedModel(told, MODEL)
    result = climb(task(**parts), folder, asks, extra={WRITER: writer})
    chosen = result.verdict.choice
    searched = [r for r in result.candidates if r.technique != "no-llm"]
    return next(r for r in searched if chosen in (None, r.key))


def test_the_rung_is_climbed_with_the_wording_that_won(tmp_path: Path) -> None:
    writer, model = writing("Name it.", BETTER), ScriptedModel(told, MODEL)
    row = climbed(tmp_path, writer, model)
    assert row.candidate.prompt.instruction == BETTER and row.state == "pass"
    search = row.search
    assert search is not None and search.after == 1.0 and "instruction" in search.searched
    before, after = search.prompts
    assert BETTER not in before and BETTER in after, "the one that won stands beside the start"
    assert 0 < search.calls <= SERIOUS.search_calls
    paid = (writer.calls, model.calls)
    assert climbed(tmp_path, writer, model) == row
    assert (writer.calls, model.calls) == paid, "nothing is paid twice"


def test_the_writer_sees_failures_of_train_and_nothing_else(tmp_path: Path) -> None:
    writer = writing("Name it.")
    climbed(tmp_path, writer)
    inputs = {split: {e.input for e in task().split(split)} for split in ("train", "dev", "test")}  # type: ignore[arg-type]
    seen = "\n".join(m.content for r in writer.requests for m in r.messages)
    lines = set(seen.splitlines())
    shown = {split: {f"Input: {one}" for one in inputs[split]} & lines for split in inputs}
    assert shown["train"] and not shown["dev"] and not shown["test"]
    assert "Right answer: birch" in seen and "Right answer: amber" not in seen, "failures alone"
    assert "Name the item's kind." in seen and "exactly one of: amber" in seen


def test_a_quick_climb_asks_no_writer(tmp_path: Path) -> None:
    writer = writing(BETTER)
    row = climbed(tmp_path, writer, climb=ClimbSettings())
    assert writer.calls == 0 and row.candidate.prompt.instruction is None


@pytest.mark.parametrize(
    "made", [(), ("",), ("Name it. " * 400,), ("Mail jo@example.com about it.",)]
)
def test_what_is_no_instruction_is_left(tmp_path: Path, made: tuple[str, ...]) -> None:
    row = climbed(tmp_path, writing(*made))
    assert row.candidate.prompt.instruction is None
    assert row.search is not None and "instruction" in row.search.untried


def test_a_wording_that_is_no_better_is_not_taken(tmp_path: Path) -> None:
    row = climbed(tmp_path, writing("Name it.", "Which one is it?"))
    assert row.candidate.prompt.instruction is None
    assert row.search is not None and row.search.best == row.search.start


def test_an_outage_of_the_writer_is_no_outage_of_the_model(tmp_path: Path) -> None:
    def down(_: ChatRequest) -> str:
        raise ProviderError("the writer's house is dark", outage=True)

    model = ScriptedModel(told, MODEL)
    result = climb(task(), tmp_path, model, extra={WRITER: ScriptedModel(down, WRITER)})
    waiting = [r for r in result.candidates if r.state == "incomplete"]
    assert waiting and all("house is dark" in r.reason for r in waiting)
    assert all("[models] writer" in r.reason for r in waiting)
    again = climb(task(), tmp_path, model, extra={WRITER: writing(BETTER)})
    assert again.verdict.status == "sufficient"


def test_a_writer_that_refuses_leaves_the_instruction(tmp_path: Path) -> None:
    def refuse(_: ChatRequest) -> str:
        raise ProviderError("too long", status=400)

    row = climbed(tmp_path, ScriptedModel(refuse, WRITER))
    assert row.state != "incomplete" and row.candidate.prompt.instruction is None


def test_it_reads_passages_too(tmp_path: Path) -> None:
    better = "Give the code that the passage names."

    def answer(request: ChatRequest) -> str:
        assert not wording(request)
        return reading(request) if better in request.messages[0].content else "unknown"

    facts = fact_task(climb=SERIOUS, models=MODELS)
    result = climb(facts, tmp_path, ScriptedModel(answer, MODEL), extra={WRITER: writing(better)})
    chosen = next(r for r in result.candidates if r.key == result.verdict.choice)
    assert chosen.technique in ("rag", "full-context")
    assert chosen.candidate.prompt.instruction == better


@pytest.mark.parametrize(
    ("said", "fits"),
    [
        ("Where two kinds fit, take the rarer one.", True),
        ("amber, birch and cedar are kinds.", True),
        ("Name the kind of item", True),
        ("an order that came too late and was broken is birch", True),
        ("say cedar to My Order That Came too Late was broken", False),
        ("Write to +49 170 1234567 or jo@example.com.", False),
    ],
)
def test_an_instruction_copies_no_row(said: str, fits: bool) -> None:
    rows = [Example(id="1", input="my order that came too late, was broken!", expected="birch")]
    known = "Name the item's kind. amber birch cedar"
    assert clean(said, known, rows) == fits


@pytest.mark.parametrize(
    ("expected", "said", "fits"),
    [
        ({"city": "Flensburg", "n": 3}, "Take the town, such as flensburg.", False),
        ({"city": "Flensburg", "n": 3}, "Take the town; there are 3 kinds.", True),
        (["open", "Kiel Canal"], "Name waters such as the Kiel Canal.", False),
        (["open", "of"], "Of all, say which are open.", True),
    ],
)
def test_an_answer_of_a_row_stands_in_no_instruction(
    expected: JsonValue, said: str, fits: bool
) -> None:
    output = SchemaOutput(json_schema={"items": {"enum": ["open", "shut"]}})
    one = task().model_copy(update={"output": output})
    rows = [Example(id="1", input="where", expected=expected)]
    made = proposals(f"<INSTRUCTION>{said}</instruction>", Candidate(model=MODEL), one, rows)
    assert made == ([said] if fits else [])


def test_the_writer_is_the_strongest_that_the_task_allows(tmp_path: Path) -> None:
    def of(models: Models, **sizes: int | None) -> str | None:
        opened = {}
        for name, size in sizes.items():
            opened[f"scripted/{name}"] = ScriptedModel(lambda _: "", f"scripted/{name}")
            opened[f"scripted/{name}"].parameters = size  # type: ignore[attr-defined]
        options = ClimbOptions(models=opened, folder=tmp_path)
        tools = Tools(task(models=models), options)
        tools.price = lambda _, name: Decimal(name == "scripted/dear")  # type: ignore[method-assign]
        return strongest(tools)

    names = ("scripted/small", "scripted/mid", "scripted/large")
    three = Models(to_try=names)
    sizes = {"small": 10**8, "mid": 2 * 10**9, "large": 7 * 10**9}
    assert of(three, **sizes) == "scripted/large"
    assert of(Models(to_try=names[:1]), **sizes) is None
    assert of(Models(to_try=names, writer="scripted/small"), **sizes) == "scripted/small"
    dear = Models(to_try=(*names, "scripted/dear"))
    assert of(dear, **sizes, dear=None) == "scripted/dear"
    judged = Models(to_try=names[:1], judge="scripted/dear")
    assert of(judged, **sizes, dear=None) == "scripted/dear"


def test_long_rows_are_clipped(tmp_path: Path) -> None:
    long = task(train=0)
    rows = tuple(
        Example(id=f"t{n}", input=f"{'word ' * 900}item {n}", expected=label_of(n))
        for n in range(900, 940)
    )
    writer = writing("Name it.")
    climb(
        long.model_copy(update={"train": rows}),
        tmp_path,
        ScriptedModel(told, MODEL),
        extra={WRITER: writer},
    )
    assert writer.calls
    assert all(len(m.content) < 6 * (CLIP + 200) for r in writer.requests for m in r.messages)


def test_the_report_shows_how_hard_a_rung_was_tried(tmp_path: Path) -> None:
    evil = "</pre><script>alert(1)</script>"
    better = f"{BETTER} {evil}"
    model = ScriptedModel(
        lambda r: label_of(asked(r)) if BETTER in r.messages[0].content else LABELS[0], MODEL
    )
    result = climb(task(), tmp_path, model, extra={WRITER: writing(better)})
    html = render(read_run(tmp_path / "runs" / result.run), task())
    assert "As it won" in html and "As it began" in html and escape(BETTER) in html
    assert evil not in html and "the one it began with 0." in html


def test_a_quick_climb_says_what_a_serious_one_would_take(tmp_path: Path) -> None:
    heard: list[str] = []

    class Hears(Observer):
        def note(self, text: str) -> None:
            heard.append(text)

    model = ScriptedModel(told, MODEL)
    quick = task(climb=ClimbSettings())
    climb(quick, tmp_path, model, Hears(), extra={WRITER: writing()})
    (said,) = [one for one in heard if "serious" in one]
    assert "at most 1,800 answers more" in said and "this one is quick" in said
