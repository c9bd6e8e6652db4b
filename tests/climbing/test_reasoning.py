"""Prompts that ask for steps first: on the ladder when asked for, and paid for what they write."""

from __future__ import annotations

from pathlib import Path

from rung.behaviour.messages import REASONING, ROOM_TO_THINK
from rung.models.base import ChatRequest
from rung.report.words import name_and_model
from rung.task.types import ClimbSettings, Models, Task
from scripted import ScriptedModel

from . import tasks


def steps(request: ChatRequest) -> str:
    """Knows the answer only after some steps."""
    truth = tasks.label_of(tasks.asked(request))
    if REASONING in request.messages[0].content:
        assert request.choices is None, "a label alone leaves no room for steps"
        return f"It glows, so it is no tree.\nAnswer: {truth}"
    return tasks.LABELS[(tasks.LABELS.index(truth) + 1) % 3]


def asked_for(task: Task, **climb: object) -> Task:
    return task.model_copy(update={"climb": ClimbSettings(seed=0, reasoning=True, **climb)})


def test_what_needs_steps_is_solved_by_the_prompt_that_asks_for_them(tmp_path: Path) -> None:
    model = ScriptedModel(steps, tasks.MODEL)
    task = tasks.label_task()
    result = tasks.climb(asked_for(task), tmp_path, model)
    row = next(r for r in result.candidates if r.candidate.prompt.reasoning)
    assert result.verdict.choice == row.key
    assert name_and_model(row.candidate)[0] == "Prompt, no examples, step by step"
    prompts = {r.key.partition("~")[0]: r for r in tasks.by_technique(result, "prompting")}
    plain = prompts["scripted:m"]
    assert row.usage.output_tokens > plain.usage.output_tokens
    room = row.candidate.prompt.max_output_tokens - plain.candidate.prompt.max_output_tokens
    assert room == ROOM_TO_THINK
    assert row.expected_cost_per_request_usd >= plain.expected_cost_per_request_usd


def test_it_is_tried_only_when_asked_for_and_changes_nothing_else(tmp_path: Path) -> None:
    task = tasks.label_task()
    off = tasks.climb(task, tmp_path / "off", tasks.model(), everything=True)
    assert not [r for r in off.candidates if r.candidate.prompt.reasoning]
    on = tasks.climb(asked_for(task), tmp_path / "on", tasks.model(), everything=True)
    more = {r.key for r in on.candidates} - {r.key for r in off.candidates}
    assert [k.partition("~")[0] for k in more] == ["scripted:m+reasoning"]
    assert task.fingerprint() != asked_for(task).fingerprint()


def test_with_documents_it_reads_too(tmp_path: Path) -> None:
    model = ScriptedModel(tasks.reading, tasks.MODEL)
    result = tasks.climb(asked_for(tasks.fact_task()), tmp_path, model, everything=True)
    found = [r.technique for r in result.candidates if r.candidate.prompt.reasoning]
    assert sorted(found) == ["prompting", "rag"]


def test_a_fallback_stands_behind_the_plain_prompt(tmp_path: Path) -> None:
    models = Models(to_try=(tasks.MODEL, "scripted/large"), embedder=tasks.EMBEDDER)
    task = asked_for(tasks.label_task(models=models), fallback=True)
    large = ScriptedModel(tasks.knowing(), "scripted/large")
    result = tasks.climb(
        task, tmp_path, tasks.model(), extra={"scripted/large": large}, everything=True
    )
    pairs = [r for r in result.candidates if r.candidate.fallback]
    assert pairs and not any(r.candidate.prompt.reasoning for r in pairs)
