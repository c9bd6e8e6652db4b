"""Fallbacks on the ladder: planned when asked for, measured, priced, resumed, chosen."""

from __future__ import annotations

import asyncio
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import rung
from rung.candidate import Candidate
from rung.cli.plan_text import show
from rung.climbing.climber import Climber
from rung.climbing.observer import Observer
from rung.errors import ProviderError, UserError
from rung.models.base import ChatRequest
from rung.records.results import CandidateResult, RunResult
from rung.report.planning import make_plan
from rung.report.words import name_and_model
from rung.task.types import ClimbSettings, Models, Target, Task
from scripted import ScriptedModel

from . import tasks
from .conftest import price_by_token

LARGE = "scripted/large"
USD = {tasks.MODEL: Decimal("0.0001"), LARGE: Decimal("0.001")}
KNOWN = 70
"""Percent of the items that the small model knows, and is sure of."""


@pytest.fixture(autouse=True)
def priced(monkeypatch: pytest.MonkeyPatch) -> None:
    """The large model costs ten times as much for a token."""
    free = {f"no-llm/{name}": Decimal(0) for name in ("linear", "nearest")}
    price_by_token(monkeypatch, {**USD, **free})


def task_of(**climb: Any) -> Task:
    return tasks.label_task(
        models=Models(to_try=(tasks.MODEL, LARGE), embedder=tasks.EMBEDDER),
        climb=ClimbSettings(**{"seed": 0, "fallback": True, **climb}),
        target=Target(metric="accuracy", score=0.85),
    )


def small(**how: Any) -> ScriptedModel:
    right = tasks.share(KNOWN)

    def confidence(request: ChatRequest) -> float:
        return 0.9 if right(tasks.asked(request), request) else 0.4

    return tasks.model(right, confidence=confidence, **how)


def large(**how: Any) -> ScriptedModel:
    return ScriptedModel(tasks.knowing(), LARGE, **how)


def climb(
    task: Task, folder: Path, one: ScriptedModel, two: ScriptedModel, **how: Any
) -> RunResult:
    return tasks.climb(task, folder, one, extra={LARGE: two}, **how)


def pair(result: RunResult) -> CandidateResult:
    (row,) = (r for r in result.candidates if r.candidate.fallback)
    return row


def test_it_is_planned_when_asked_for(tmp_path: Path) -> None:
    off = climb(task_of(fallback=False), tmp_path / "off", small(), large(), everything=True)
    assert not [r for r in off.candidates if r.candidate.fallback]
    row = pair(climb(task_of(), tmp_path / "on", small(), large(), everything=True))
    assert row.candidate.models == (tasks.MODEL, LARGE)
    assert row.candidate.prompt.shots.kind == "nearest"
    assert name_and_model(row.candidate) == ("Prompt, 5 nearest examples, else large", "m")


def test_documents_give_it_a_second_place(tmp_path: Path) -> None:
    task = tasks.fact_task(
        models=Models(to_try=(tasks.MODEL, LARGE, "scripted/third"), embedder=tasks.EMBEDDER),
        climb=ClimbSettings(fallback=True),
    )
    models = {LARGE: large(), "scripted/third": ScriptedModel([], "scripted/third")}
    found = [
        c for c in _planned(task, tmp_path, models) if c.fallback is not None and not c.is_probe
    ]
    pairs = {(c.model, c.fallback) for c in found}
    assert pairs == {
        (tasks.MODEL, LARGE),
        (tasks.MODEL, "scripted/third"),
        (LARGE, "scripted/third"),
    }
    assert sorted(c.technique for c in found) == ["prompting"] * 3 + ["rag"] * 3


def _planned(task: Task, folder: Path, models: dict[str, ScriptedModel]) -> list[Candidate]:
    async def plan() -> list[Candidate]:
        climber = Climber(task, tasks.options(folder, small(), extra=models), Observer())
        try:
            return [p.candidate for p in await climber.plan()]
        finally:
            await climber.tools.aclose()

    return asyncio.run(plan())


def test_one_model_has_nothing_to_fall_back_to(tmp_path: Path) -> None:
    task = task_of().model_copy(update={"models": Models(to_try=(tasks.MODEL,))})
    with pytest.raises(UserError, match="needs a second model to fall back to"):
        climb(task, tmp_path, small(), large())


def test_it_is_the_cheapest_that_suffices_and_is_priced_call_by_call(tmp_path: Path) -> None:
    result = climb(task_of(), tmp_path, small(), large(), everything=True)
    row = pair(result)
    alone = {
        r.model: r
        for r in result.candidates
        if r.candidate.prompt == row.candidate.prompt and r is not row
    }
    weak, strong = alone[tasks.MODEL], alone[LARGE]
    assert weak.state == "drop" and strong.state == row.state == "pass"
    assert row.test and row.test.value == 1.0
    share = row.test.details["fell_back"]
    assert 0.2 < share < 0.4
    costs = [r.cost_per_request_usd or 0.0 for r in (weak, row, strong)]
    assert costs == sorted(costs)
    kept = [a for a in _attempts(tmp_path) if a["candidate"] == row.key]
    for attempt in kept:
        each = [
            USD[c["model"]] * (c["usage"]["input_tokens"] + c["usage"]["output_tokens"])
            for c in attempt["answer"]["by_call"]
        ]
        assert attempt["cost_usd"] == pytest.approx(float(sum(each)))
    assert costs[1] == pytest.approx(
        sum(a["cost_usd"] for a in kept if a["split"] == "test") / row.test.n
    )


def test_chosen_it_says_how_many_requests_go_on_and_is_saved(tmp_path: Path) -> None:
    one, two = small(), large()
    only = tuple(c for c in _planned(task_of(), tmp_path / "p", {LARGE: two}) if c.fallback)
    result = climb(task_of(), tmp_path / "r", one, two, candidates=only)
    row = pair(result)
    assert result.verdict.choice == row.key and row.test
    share = f"{row.test.details['fell_back']:.0%}"
    assert tasks.why(result)[1] == f"{share} of its test requests went on to scripted:large."
    spec = json.loads((tmp_path / "r" / "winner" / "solver.json").read_text())
    assert spec["candidate"]["fallback"] == LARGE and spec["unsure_below"] == 0.9
    (measured,) = result.economics["candidates"]
    (other,) = measured["also"]
    kept = [a["answer"] for a in _attempts(tmp_path / "r") if a["split"] == "test"]
    assert measured["requests"] == len(kept) and other["model"] == LARGE
    assert other["requests"] == sum(a["model"] == LARGE for a in kept) > 0
    read = [sum(c["usage"]["input_tokens"] for c in a["by_call"]) for a in kept]
    both = measured["usage"]["input_tokens"] + other["usage"]["input_tokens"]
    assert both == sum(read)


def test_again_makes_no_call_and_says_the_same(tmp_path: Path) -> None:
    task, one, two = task_of(), small(), large()
    result = climb(task, tmp_path, one, two, everything=True)
    again = climb(task, tmp_path, fresh := small(), other := large(), everything=True)
    assert fresh.calls == other.calls == again.calls.made == 0
    assert tasks.comparable(again) == {**tasks.comparable(result), "spent_usd": 0.0}


def test_resumed_after_an_outage_it_says_what_it_says_at_once(tmp_path: Path) -> None:
    task = task_of()
    whole = climb(task, tmp_path / "whole", small(), large(), everything=True)
    gone = ProviderError("large is gone", outage=True)

    def fails(number: int, _: ChatRequest) -> ProviderError | None:
        return gone if number >= 5 else None

    broken = climb(task, tmp_path / "cut", small(), large(fail=fails), everything=True)
    states = {r.candidate.models: r.state for r in broken.candidates}
    assert states[(tasks.MODEL, LARGE)] == "incomplete"
    # The outage is the large one's: the small one's own rungs were all tried.
    mine = [r for r in broken.candidates if r.candidate.models == (tasks.MODEL,)]
    assert mine and all(r.state in ("drop", "hopeless", "undecided") for r in mine)
    resumed = climb(task, tmp_path / "cut", small(), large(), everything=True)
    assert _facts(resumed) == _facts(whole)


def _facts(result: RunResult) -> list[Any]:
    return [(r.key, r.state, r.dev, r.test, r.cost_per_request_usd) for r in result.candidates]


def _attempts(folder: Path) -> list[dict[str, Any]]:
    (run,) = (folder / "runs").iterdir()
    return [json.loads(line) for line in (run / "attempts.jsonl").read_text().splitlines()]


def test_a_failed_model_is_an_error_and_never_scored(tmp_path: Path) -> None:
    task = task_of()
    busy = ProviderError("busy", status=503)

    def fails(_: int, request: ChatRequest) -> ProviderError | None:
        return busy if tasks.asked(request) >= 60 else None

    result = climb(task, tmp_path, small(fail=fails), large(), everything=True)
    row = pair(result)
    assert row.state == "incomplete" and row.test and row.test.errors > 0
    assert not [
        a for a in _attempts(tmp_path) if a["answer"] and a["answer"]["fallback"] == "outage"
    ]


def test_what_a_budget_ends_is_paid_once(tmp_path: Path) -> None:
    task, one = task_of(), small()
    only = (rung.Candidate(model=tasks.MODEL, fallback=LARGE),)
    part = climb(task, tmp_path, one, large(), candidates=only, budget_usd=0.02)
    assert part.verdict.stopped == "budget" and pair(part).state == "incomplete"
    assert 0 < one.calls < len(task.dev)
    again = small()
    whole = climb(task, tmp_path, again, large(), candidates=only)
    assert pair(whole).state == "pass"
    rest = again.requests[: len(task.dev) - one.calls]  # of the pilot; the test split follows
    assert not {r.messages for r in one.requests} & {r.messages for r in rest}


def test_the_plan_says_what_it_assumes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = tasks.options(tmp_path, small(), extra={LARGE: large()})
    plan = asyncio.run(make_plan(task_of(), options))
    assert {c.passed_on for c in plan.candidates} == {None, 0.5}
    costs = {(c.model, c.passed_on): c.cost_per_request_usd for c in plan.candidates}
    assert costs[tasks.MODEL, 0.5] > costs[tasks.MODEL, None]
    out = io.StringIO()
    show(plan, Console(file=out, width=200))
    assert (
        "Cascades are assumed to pass 50% of the requests on to their last model" in out.getvalue()
    )
    asking = [c for c in plan.candidates if c.technique != "no-llm"]
    assert plan.pilots_only.calls == 20 * len(asking) + 10


def test_it_is_open_to_hand_made_candidates(tmp_path: Path) -> None:
    result = climb(
        task_of(fallback=False),
        tmp_path,
        small(),
        large(),
        candidates=(rung.Candidate(model=tasks.MODEL, fallback=LARGE),),
    )
    assert pair(result).state == "pass"
