"""Errors are not wrong answers, money is not overspent, and running again goes on."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest

from rung.errors import ProviderError, StoreError
from rung.models.base import ChatReply, ChatRequest
from rung.task.types import Target
from scripted import ScriptedModel

from .conftest import USD_PER_TOKEN
from .tasks import MODEL, by_technique, climb, comparable, knowing, label_task, model, then

ONLY = ("prompting",)
TIMED = 21


def lines(folder: Path) -> list[dict[str, object]]:
    (run,) = (folder / "runs").iterdir()
    return [json.loads(line) for line in (run / "attempts.jsonl").read_text().splitlines()]


def failing(status: int | None, *numbers: int, outage: bool = False):
    """A model that fails on those items."""

    def fail(_: int, request: ChatRequest) -> ProviderError | None:
        number = int(request.messages[-1].content.split()[1])
        error = ProviderError(f"refused {number}", status=status, outage=outage)
        return error if number in numbers else None

    return model(fail=fail)


def test_again_makes_no_call_and_says_the_same(tmp_path: Path) -> None:
    task, again = label_task(), model()
    first = climb(task, tmp_path, model())
    second = climb(task, tmp_path, again)
    assert first.calls.made > 0 and second.calls.made == 0 and again.calls == 0
    assert second.calls.used == first.calls.used
    assert comparable(second) == {**comparable(first), "spent_usd": 0.0}


def test_the_cache_answers_where_the_run_is_gone(tmp_path: Path) -> None:
    task, again = label_task(), model()
    first = climb(task, tmp_path, model())
    (run,) = (tmp_path / "runs").iterdir()
    (run / "attempts.jsonl").unlink()
    second = climb(task, tmp_path, again)
    assert again.calls == second.calls.made == 0
    assert second.calls.cached == second.calls.used > 0
    assert second.verdict == first.verdict


def test_a_line_cut_by_a_kill_is_dropped_and_asked_of_the_cache(tmp_path: Path) -> None:
    task, again = label_task(), model()
    first = climb(task, tmp_path, model())
    (run,) = (tmp_path / "runs").iterdir()
    whole = (run / "attempts.jsonl").read_bytes()
    (run / "attempts.jsonl").write_bytes(whole[:-40])
    second = climb(task, tmp_path, again)
    assert again.calls == 0 and second.verdict == first.verdict
    ids = [(a["candidate"], a["split"], a["example_id"]) for a in lines(tmp_path)]
    assert len(ids) == len(set(ids)) >= whole.count(b"\n") - 1


def test_calls_that_can_never_succeed_count_zero_in_a_column_of_their_own(tmp_path: Path) -> None:
    task = label_task()
    refused = [int(e.id[1:]) for e in task.test[:10]]
    result = climb(task, tmp_path, failing(400, *refused), only=ONLY, everything=True)
    plain = by_technique(result, "prompting")[0]
    assert plain.test and (plain.test.refused, plain.test.wrong, plain.test.errors) == (10, 0, 0)
    assert plain.test.n == 100 and plain.test.value == pytest.approx(0.9)
    assert plain.state == "pass"
    chat = model()
    assert climb(task, tmp_path, chat, only=ONLY, everything=True).verdict == result.verdict
    assert chat.calls == 0


def test_a_passing_glitch_leaves_the_candidate_open_and_only_it_is_asked_again(
    tmp_path: Path,
) -> None:
    task = label_task()
    lost = [int(e.id[1:]) for e in task.test[:3]]
    first = climb(task, tmp_path, failing(500, *lost), only=ONLY, everything=True)
    plain = by_technique(first, "prompting")[0]
    assert plain.state == "incomplete" and plain.reason == "3 answers are missing: run again"
    assert plain.test and plain.test.errors == 3 and plain.test.n == 97 and plain.test.wrong == 0
    assert plain.test.value == 1.0
    assert first.verdict.status == "undecided" and first.verdict.choice is None
    assert "run the same command again" in then(first)
    chat = model()
    second = climb(task, tmp_path, chat, only=ONLY, everything=True)
    assert second.verdict.status == "sufficient"
    rungs = len(by_technique(second, "prompting"))
    assert chat.calls == rungs * (3 + TIMED)


def test_errors_on_dev_do_not_hide_a_good_candidate(tmp_path: Path) -> None:
    task = label_task()
    every = [int(e.id[1:]) for e in task.dev]
    for folder, status in (("final", 400), ("glitch", 500)):
        result = climb(task, tmp_path / folder, failing(status, *every[:2]), only=ONLY)
        assert result.verdict.status == "sufficient", status
        row = by_technique(result, "prompting")[0]
        lost = row.dev and (row.dev.refused, row.dev.errors)
        assert lost == ((2, 0) if folder == "final" else (0, 2))
        assert row.latency_p95_s is not None


def test_an_outage_leaves_the_verdict_undecided(tmp_path: Path) -> None:
    task = label_task()
    down = model(fail=lambda *_: ProviderError("no connection", outage=True))
    result = climb(task, tmp_path, down)
    assert result.verdict.status == "undecided" and result.verdict.choice is None
    asked = by_technique(result, "prompting")
    assert {r.state for r in asked} == {"incomplete"}
    assert all(r.reason == "no connection" and r.score is None for r in asked)
    assert down.calls <= len(task.dev)  # the other candidates of the model need not find out again
    assert climb(task, tmp_path, model()).verdict.status == "sufficient"


def test_an_outage_in_the_middle_keeps_what_was_answered(tmp_path: Path) -> None:
    task = label_task()
    dying = model(
        fail=lambda n, _: ProviderError("gone", outage=True) if n >= 50 else None,
    )
    assert climb(task, tmp_path, dying, only=ONLY).verdict.status == "undecided"
    kept = len(lines(tmp_path))
    assert kept >= 40
    chat = model()
    second = climb(task, tmp_path, chat, only=ONLY)
    assert second.verdict.status == "sufficient"
    assert chat.calls == second.calls.used - kept + TIMED


def test_what_no_scorer_can_judge_is_unscored_not_wrong(tmp_path: Path) -> None:
    def moody(expected: object, answer: str) -> float:
        if answer != expected:
            raise ValueError("cannot tell")
        return 1.0

    task = label_task(scorer=moody)
    missed = {int(e.id[1:]) for e in task.test[:4]}
    result = climb(task, tmp_path, model(lambda n, _: n not in missed), only=ONLY, everything=True)
    plain = by_technique(result, "prompting")[0]
    assert plain.test and (plain.test.unscored, plain.test.wrong, plain.test.errors) == (4, 0, 0)
    assert plain.test.value == 1.0 and plain.state == "incomplete"
    assert result.verdict.status == "undecided"


class Slow(ScriptedModel):
    """Answers one after the other, so that some calls are in flight when the budget ends."""

    async def reply(self, request: ChatRequest) -> ChatReply:
        await asyncio.sleep(0.001 * (1 + len(self.requests) % 7))
        return await super().reply(request)


def test_the_budget_stops_before_the_money_is_spent_and_loses_nothing(tmp_path: Path) -> None:
    task, chat = label_task(max_output_tokens=12), Slow(knowing(), MODEL)
    stopped = climb(task, tmp_path, chat, only=ONLY, budget_usd=0.05)
    with sqlite3.connect(tmp_path / "cache.sqlite") as cache:
        replies = [json.loads(r) for (r,) in cache.execute("SELECT reply FROM calls")]
    spent = sum(r["usage"]["input_tokens"] + r["usage"]["output_tokens"] for r in replies)
    assert Decimal(spent) * USD_PER_TOKEN <= Decimal("0.05")
    assert len(replies) == chat.calls > 5  # calls in flight when it ended were paid for, and kept
    (run,) = (tmp_path / "runs").iterdir()
    said = json.loads((run / "run.json").read_text())
    assert said["verdict"]["status"] == "undecided" and said["verdict"]["stopped"] == "budget"
    assert said["spent_usd"] == pytest.approx(float(spent * USD_PER_TOKEN))
    assert then(stopped).startswith("Raise the budget and run again: $0.04")
    open_row, *rest = stopped.candidates
    assert open_row.state == "incomplete" and {r.state for r in rest} == {"planned"}
    assert open_row.reason == f"the budget ran out; {len(replies)} answers are kept"
    again = model()
    result = climb(task, tmp_path, again, only=ONLY, budget_usd=50)
    assert result.verdict.status == "sufficient"
    assert again.calls == result.calls.used - len(replies) + TIMED


def test_timing_is_paid_out_of_the_budget_too(tmp_path: Path) -> None:
    task = label_task(max_output_tokens=12)
    whole = climb(task, tmp_path / "whole", model(), only=ONLY)
    part = climb(task, tmp_path / "part", model(), only=ONLY, budget_usd=whole.spent_usd * 0.9)
    assert part.verdict.choice == whole.verdict.choice and part.verdict.stopped == "budget"
    assert part.candidates[0].latency_p95_s is None and (tmp_path / "part/winner").exists()


def test_a_limit_on_latency_holds_where_the_budget_left_no_timing(tmp_path: Path) -> None:
    target = Target(metric="accuracy", score=0.8, max_latency_p95_s=60.0)
    task = label_task(target=target, max_output_tokens=12)
    whole = climb(task, tmp_path / "whole", model(), only=ONLY)
    part = climb(task, tmp_path / "part", model(), only=ONLY, budget_usd=whole.spent_usd * 0.9)
    assert whole.verdict.status == "sufficient" and part.verdict.status == "undecided"
    assert part.candidates[0].state == "incomplete" and part.candidates[0].test


def test_what_suffices_is_named_though_the_budget_ran_out_behind_it(tmp_path: Path) -> None:
    task = label_task(max_output_tokens=12)
    whole = climb(task, tmp_path / "whole", model(), only=ONLY, everything=True)
    budget = whole.spent_usd * 0.6
    found = climb(task, tmp_path / "part", model(), only=ONLY, everything=True, budget_usd=budget)
    assert found.verdict.status == "sufficient" and found.verdict.stopped == "budget"
    assert {r.state for r in found.candidates} & {"incomplete", "planned"}


def test_a_cached_climb_needs_no_budget(tmp_path: Path) -> None:
    task = label_task(max_output_tokens=12)
    first = climb(task, tmp_path, model())
    assert climb(task, tmp_path, model(), budget_usd=0.0).verdict == first.verdict


def test_a_changed_task_or_scorer_is_another_run(tmp_path: Path) -> None:
    task = label_task(max_output_tokens=12)
    climb(task, tmp_path, model())
    chat = model()
    climb(task.model_copy(update={"instruction": "Say which."}), tmp_path, chat)
    assert chat.calls > 0 and len(list((tmp_path / "runs").iterdir())) == 2


def test_a_broken_run_file_is_one_sentence(tmp_path: Path) -> None:
    task = label_task(max_output_tokens=12)
    climb(task, tmp_path, model())
    (run,) = (tmp_path / "runs").iterdir()
    (run / "run.json").write_text('{"run": ')
    with pytest.raises(StoreError, match="delete it and run again"):
        climb(task, tmp_path, model())
