"""The label head: what it is fitted on, what it mends, and where it is refused."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from climbing.tasks import EMBEDDER, LABELS, MODEL, asked, fact_task, label_of, label_task
from rung.behaviour.label_head import fit_head
from rung.candidate import Candidate, Prompt, Shots
from rung.errors import UserError
from rung.models.base import ChatRequest
from rung.models.metered import Metered
from rung.solver import Solver, Workshop, fit
from rung.task.types import Task
from scripted import ScriptedEmbedder, ScriptedModel

HEAD = Prompt(max_output_tokens=8, head=True)


def leaning(request: ChatRequest) -> list[float]:
    """Knows the label, and likes the first one better whatever it reads."""
    label = label_of(asked(request))
    return [-5.0 * (name != label) + 9.0 * (at == 0) for at, name in enumerate(LABELS)]


def fitted(prompt: Prompt, task: Task, model: ScriptedModel, folder: Path) -> Solver:
    shop = Workshop(
        lambda _: model, lambda _: model, lambda _: Metered(ScriptedEmbedder(EMBEDDER)), folder
    )
    embedder = EMBEDDER if prompt.shots.chosen_by_input else None
    candidate = Candidate(model=MODEL, prompt=prompt, embedder=embedder)
    return asyncio.run(fit(candidate, task, shop))


@pytest.mark.lengthy
def test_it_takes_back_what_a_model_leans_to(tmp_path: Path) -> None:
    task = label_task(telling=True)
    model = ScriptedModel([], MODEL, logprobs=leaning, constrains=True)
    model._answers = lambda request: LABELS[int(np.argmax(leaning(request)))]
    solver = fitted(HEAD, task, model, tmp_path)
    said = [solver.ask(e.input).value for e in task.dev]
    assert said == [e.expected for e in task.dev]
    assert all(r.scored and r.choices == LABELS for r in model.requests)
    plain = fitted(HEAD.model_copy(update={"head": False}), task, model, tmp_path)
    assert {plain.ask(e.input).value for e in task.dev} == {LABELS[0]}


@pytest.mark.lengthy
@pytest.mark.parametrize("kind", ["fixed", "nearest"])
def test_a_row_is_not_shown_among_its_own_shots(kind: str, tmp_path: Path) -> None:
    model = ScriptedModel(lambda _: LABELS[0], MODEL, logprobs=leaning)
    shots = Shots.model_validate({"kind": kind, "k": 4})
    task = label_task(telling=True)
    fitted(HEAD.model_copy(update={"shots": shots}), task, model, tmp_path)
    assert model.calls == len(task.train)
    for request in model.requests:
        *shown, last = [m.content for m in request.messages if m.role == "user"]
        assert last not in shown
        assert len(shown) == (4 if kind == "nearest" else 4 - (last in first_four(task)))


def first_four(task: Task) -> list[str]:
    from rung.behaviour.shots import in_turn

    return [e.input_text() for e in in_turn(task, 4)]


def test_it_is_refused_where_nothing_tells_or_nothing_is_chosen(tmp_path: Path) -> None:
    silent = ScriptedModel(lambda _: LABELS[0], MODEL)
    with pytest.raises(UserError, match="does not tell the log-probabilities"):
        fitted(HEAD, label_task(), silent, tmp_path)
    assert silent.calls == 0
    told = ScriptedModel(lambda _: LABELS[0], MODEL, logprobs=leaning)
    with pytest.raises(UserError, match="no list of labels"):
        fitted(HEAD, fact_task(), told, tmp_path)
    one = label_task().model_copy(
        update={"train": tuple(e for e in label_task().train if e.expected == LABELS[0])}
    )
    with pytest.raises(UserError, match="two labels or more"):
        fitted(HEAD, one, told, tmp_path)


def test_two_labels_and_single_rows(tmp_path: Path) -> None:
    head = fit_head([[0.0, -3.0], [-3.0, 0.0]], ["a", "b"], 0)
    told = head.predict(np.asarray([[0.0, -3.0], [-3.0, 0.0]], dtype=np.float32), ["", ""])
    assert [label for label, _ in told] == ["a", "b"]
    assert all(0.5 < sure < 1 for _, sure in told)
