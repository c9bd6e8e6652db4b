"""A cascade: a model without an LLM answers where it is sure, the prompt answers the rest."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from climbing import tasks
from rung.candidate import Candidate, Prompt, Shots
from rung.climbing.tools import Tools
from rung.models.chain import FEWEST_SURE, sure_from
from rung.solver import Solver, Workshop, fit, load, save
from rung.task.types import ClimbSettings, Example

CASCADE = Candidate(
    model=tasks.MODEL,
    prompt=Prompt(shots=Shots(kind="nearest", k=3)),
    embedder=tasks.EMBEDDER,
    first="no-llm/linear",
)


def fitted(folder: Path, chat: tasks.ScriptedModel, task) -> tuple[Solver, Tools]:
    tools = Tools(task, tasks.options(folder, chat))
    workshop = Workshop(tools.chat, tools.raw, tools.embedder, folder / "adapters")
    return asyncio.run(fit(CASCADE, task, workshop)), tools


def half_telling():
    """Every second input gives its label away; the others only the model knows."""
    task = tasks.label_task(telling=True)

    def mute(row: Example) -> Example:
        number = int(row.id[1:])
        return tasks.example(number) if number % 2 else row

    splits = {s: tuple(map(mute, task.split(s))) for s in ("train", "dev", "test")}
    return task.model_copy(update=splits)


@pytest.mark.lengthy
def test_only_what_the_first_is_not_sure_of_reaches_the_model(tmp_path: Path) -> None:
    chat, task = tasks.model(), half_telling()
    solver, _ = fitted(tmp_path, chat, task)
    assert solver.spec.sure is not None
    answers = [solver.ask(e.input) for e in task.test]
    asked = [a.calls for a in answers]
    assert 0 < sum(asked) < len(asked)
    sure = [a for a in answers if not a.calls]
    assert all((a.confidence or 0) >= solver.spec.sure for a in sure)
    right = [a.value == e.expected for a, e in zip(answers, task.test, strict=True)]
    assert sum(right) / len(right) > 0.9


@pytest.mark.lengthy
def test_what_is_passed_on_costs_both(tmp_path: Path) -> None:
    chat = tasks.model()
    solver, _ = fitted(tmp_path, chat, tasks.label_task())
    unsure = Solver(solver.spec.model_copy(update={"sure": None}), solver.parts)
    answer = unsure.ask("item 3")
    assert answer.calls == 1 and answer.usage.input_tokens > 0 and answer.value == tasks.label_of(3)


@pytest.mark.lengthy
def test_saved_and_opened_it_answers_alike(tmp_path: Path) -> None:
    chat, task = tasks.model(), half_telling()
    solver, tools = fitted(tmp_path, chat, task)
    save(solver, tmp_path / "winner")
    opened = load(tmp_path / "winner", tools.chat, tools.embedder)
    for example in task.test[:20]:
        first, second = solver.ask(example.input), opened.ask(example.input)
        assert (first.value, first.calls > 0) == (second.value, second.calls > 0)


@pytest.mark.lengthy
def test_a_climb_tries_it_when_asked_to(tmp_path: Path) -> None:
    task = half_telling()
    off = tasks.climb(task, tmp_path / "off", tasks.model(), everything=True)
    assert not [r for r in off.candidates if r.candidate.first]
    wanted = task.model_copy(update={"climb": ClimbSettings(seed=0, cascade=True)})
    result = tasks.climb(wanted, tmp_path / "on", tasks.model(), everything=True)
    row = next(r for r in result.candidates if r.candidate.first)
    beside = next(
        r
        for r in result.candidates
        if r.candidate.prompt.shots.kind == "nearest" and not r.candidate.first
    )
    assert row.test and row.test.n == len(task.test)
    assert row.usage.input_tokens < beside.usage.input_tokens


def test_a_cascade_is_another_candidate_and_another_task() -> None:
    plain = CASCADE.model_copy(update={"first": None})
    assert plain.digest != CASCADE.digest
    task = tasks.label_task()
    on = task.model_copy(update={"climb": ClimbSettings(seed=0, cascade=True)})
    assert task.fingerprint() != on.fingerprint()


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=40), st.floats(0.3, 1))
def test_from_the_threshold_on_the_rate_is_kept(judged, target: float) -> None:
    sure = sure_from(judged, target)
    if sure is None:
        return
    kept = [good for confidence, good in judged if confidence >= sure]
    assert len(kept) >= FEWEST_SURE and sum(kept) >= (target - 1e-6) * len(kept)
    # From the least sure of them up: no run of doubtful ones is carried by surer ones.
    for confidence in {c for c, _ in judged if c >= sure}:
        least = [good for c, good in judged if sure <= c <= confidence]
        assert sum(least) >= (target - 1e-6) * len(least)


def test_the_surest_do_not_carry_those_that_are_mostly_wrong() -> None:
    judged = [(0.9, True)] * 20 + [(0.5, True), (0.5, False), (0.5, False)]
    assert sum(good for _, good in judged) / len(judged) > 0.9
    assert sure_from(judged, 0.8) == 0.9


@pytest.mark.parametrize("judged", [[], [(0.9, True)] * 4, [(0.9, False)] * 20])
def test_nothing_is_said_of_few_or_bad_answers(judged) -> None:
    assert sure_from(judged, 0.8) is None
