"""A climb ends sufficient, insufficient or undecided, says why, and goes no further than needed."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from rung.candidate import Context
from rung.climbing.observer import Observer
from rung.decide.ladder import candidates, plan
from rung.economics.pricing import PriceBook
from rung.errors import UserError
from rung.records.results import CandidateResult
from rung.task.types import ClimbSettings, Target

from .tasks import (
    MODEL,
    by_technique,
    climb,
    fact_task,
    label_task,
    model,
    reading,
    share,
    shots_of,
    then,
    why,
)
from .tasks import ScriptedModel as Model


def test_the_cheapest_that_suffices_is_chosen_with_its_reasons(tmp_path: Path) -> None:
    result = climb(label_task(), tmp_path, model())
    plain = by_technique(result, "prompting")[0]
    assert result.verdict.status == "sufficient" and result.verdict.choice == plain.key
    assert plain.candidate.prompt.shots.kind == "none" and plain.state == "pass"
    assert plain.test and plain.test.value == 1.0 and (plain.test.certified or 0) >= 0.8
    first, *others = why(result)
    assert first.startswith(f"{plain.key} (prompting) reaches accuracy 1.000 on ")
    assert "(target 0.8, confidence 0.95)" in first
    assert sum("shown to be below 0.8" in r for r in others) == 2  # both no-llm candidates
    assert then(result).startswith("Serve it from .rung/winner")
    assert result.finished and result.metric == "accuracy"


def test_it_stops_at_the_first_pass(tmp_path: Path) -> None:
    chat = model()
    result = climb(label_task(), tmp_path, chat)
    states = [r.state for r in result.candidates]
    at = states.index("pass")
    assert states[at + 1 :] == ["planned"] * (len(states) - at - 1) and at < len(states) - 1
    assert all(shots_of(request) == 0 for request in chat.requests)
    assert any("Not tried, expected to cost more" in r for r in why(result))


def test_everything_asks_every_candidate_the_whole_split(tmp_path: Path) -> None:
    task = label_task()
    result = climb(task, tmp_path, model(), everything=True)
    assert all(r.test and r.test.n == len(task.test) for r in result.candidates)
    passed = [r for r in result.candidates if r.state == "pass"]
    assert (
        len(passed) == 3
        and result.verdict.choice == min(passed, key=lambda r: r.monthly_usd or 0.0).key
    )
    assert len(result.verdict.comparisons) == len(result.candidates) - 1
    lead = {c.other: c.difference for c in result.verdict.comparisons}
    assert lead[passed[1].key] == 0.0 and max(lead.values()) > 0.3
    assert result.calls.used == result.calls.exhaustive


def test_a_technique_that_needs_shots_is_found_further_up(tmp_path: Path) -> None:
    chat = model(lambda _, request: shots_of(request) > 0)
    result = climb(label_task(), tmp_path, chat)
    choice = next(r for r in result.candidates if r.key == result.verdict.choice)
    assert choice.candidate.prompt.shots.kind != "none"
    states = {r.candidate.prompt.shots.kind: r.state for r in by_technique(result, "prompting")}
    assert states["none"] == "hopeless"


def test_where_words_tell_no_language_model_is_needed(tmp_path: Path) -> None:
    chat = model()
    result = climb(label_task(telling=True), tmp_path, chat)
    choice = next(r for r in result.candidates if r.key == result.verdict.choice)
    assert choice.technique == "no-llm" and chat.calls == 0 and result.calls.used == 0


def test_retrieval_wins_where_only_documents_know(tmp_path: Path) -> None:
    chat = Model(reading, MODEL, context_window=800)  # the documents do not fit
    result = climb(fact_task(), tmp_path, chat)
    choice = next(r for r in result.candidates if r.key == result.verdict.choice)
    assert choice.technique == "rag"
    prompts = by_technique(result, "prompting")
    states = {r.candidate.prompt.shots.kind: r.state for r in prompts}
    assert states == {"none": "hopeless", "fixed": "skipped", "nearest": "hopeless"}
    probe = next(r for r in result.candidates if r.candidate.is_probe)
    assert probe.state == "probe" and probe.dev and probe.dev.value == 1.0 and not probe.test


def test_nothing_good_enough_is_insufficient_and_names_the_best(tmp_path: Path) -> None:
    result = climb(label_task(), tmp_path, model(share(40)))
    assert result.verdict.status == "insufficient" and result.verdict.choice is None
    assert {r.state for r in result.candidates} <= {"hopeless", "drop"}
    assert len(result.verdict.reasons) == len(result.candidates)
    best = max(result.candidates, key=lambda r: (r.score.value if r.score else None) or 0.0)
    assert then(result).startswith(
        f"Everything tried is shown to be below 0.8; the best was {best.key} with 0.4"
    )
    assert not (tmp_path / "winner").exists()


def test_too_few_examples_are_undecided_and_say_how_many_would_do(tmp_path: Path) -> None:
    result = climb(label_task(test=14), tmp_path, model())
    assert result.verdict.status == "undecided" and result.verdict.choice is None
    asked = by_technique(result, "prompting")
    assert {r.state for r in asked} == {"undecided"} and all(r.forecast for r in asked)
    assert then(result).startswith("Cannot tell on 14 test examples (")
    assert "Chance that" in then(result)
    assert "Add labelled test examples" in then(result)


def test_a_limit_on_cost_or_latency_keeps_a_good_candidate_from_winning(tmp_path: Path) -> None:
    target = Target(metric="accuracy", score=0.8, max_latency_p95_s=0.001)
    result = climb(label_task(target=target), tmp_path, model(latency_s=0.005))
    assert result.verdict.choice is None
    passed = [r for r in result.candidates if r.state == "pass"]
    assert len(passed) == 3 and all("s (p95), at most 0.001 s" in r.reason for r in passed)
    assert result.verdict.status == "insufficient"
    assert any("passes, but takes" in r for r in why(result))
    slow = {c["key"] for c in result.economics["candidates"] if c["too_slow"]}
    assert slow == {r.key for r in passed}, "and is not the cheapest that suffices on the cost page"


def test_probes_are_measured_on_dev_and_never_chosen(tmp_path: Path) -> None:
    gold_only = Model(
        lambda request: reading(request) if len(request.messages) == 2 else "unknown",
        MODEL,
        context_window=800,
    )
    task = fact_task()
    result = climb(task, tmp_path, gold_only, only=("rag",), everything=True)
    probes = [r for r in result.candidates if r.candidate.is_probe]
    assert probes and all(r.state == "probe" and r.test is None for r in probes)
    assert result.verdict.choice not in {r.key for r in probes}
    assert not any(r.key in " ".join(why(result)) for r in probes)


def test_only_keeps_techniques_and_refuses_what_leaves_nothing(tmp_path: Path) -> None:
    result = climb(label_task(), tmp_path, model(), only=("prompting",))
    assert {r.technique for r in result.candidates} == {"prompting"}
    with pytest.raises(UserError, match="--only hybrid leaves nothing to try: this task allows"):
        climb(label_task(), tmp_path, model(), only=("hybrid",))


def test_a_limit_on_what_a_pilot_asks(tmp_path: Path) -> None:
    settings = ClimbSettings(dev_size=8)
    result = climb(label_task(climb=settings), tmp_path, model())
    asked = {r.technique == "no-llm": r.dev.n for r in result.candidates if r.dev}
    assert asked == {False: 8, True: 20}  # no-llm answers cost nothing


def test_wrong_gold_is_refused_before_any_call(tmp_path: Path) -> None:
    task = label_task()
    broken = task.dev[0].model_copy(update={"expected": "oak"})
    chat = model()
    with pytest.raises(UserError, match="1 of 150 gold answers do not score full marks"):
        climb(task.model_copy(update={"dev": (broken, *task.dev[1:])}), tmp_path, chat)
    assert chat.calls == 0


def test_a_scorer_may_be_a_plain_function(tmp_path: Path) -> None:
    def same_letter(expected: object, answer: str) -> float:
        return float(str(expected)[0] == answer[0])

    result = climb(label_task(scorer=same_letter), tmp_path, model())
    assert result.verdict.status == "sufficient" and result.metric == "function"


def test_whoever_listens_hears_of_every_step(tmp_path: Path) -> None:
    class Listening(Observer):
        said: list[str] = []  # noqa: RUF012

        def phase(self, key: str, name: str, total: int) -> None:
            self.said.append(name)

        def result(self, row: CandidateResult) -> None:
            self.said.append(row.state)

    ears = Listening()
    climb(label_task(), tmp_path, model(), ears, only=("prompting",))
    assert ears.said == ["fit", "dev", "test", "latency", "pass"]


def test_no_llm_answers_are_exactly_those_of_the_nearest_neighbours(tmp_path: Path) -> None:
    task = label_task(telling=True)
    result = climb(task, tmp_path, model(), only=("no-llm",), everything=True)
    rows = {r.model: r for r in result.candidates}
    assert rows.keys() == {"no-llm/nearest", "no-llm/linear"}
    for row in rows.values():
        assert row.test and row.test.value == 1.0 and row.test.errors == 0
        assert row.usage.input_tokens == row.usage.output_tokens == 0
    twins = task.model_copy(update={"test": task.train, "dev": task.dev})
    again = climb(twins, tmp_path / "twins", model(), only=("no-llm",), everything=True)
    nearest = next(r for r in again.candidates if r.model == "no-llm/nearest")
    assert nearest.test and nearest.test.value == 1.0  # a training example is its own neighbour


def test_where_calls_are_free_the_shorter_prompt_comes_first() -> None:
    task, chat = label_task(), model()
    found = candidates(task, lambda _: chat, Context())
    free = PriceBook.of((), {}, date(2026, 11, 21), free={m for c in found for m in c.models})
    rungs = plan(task, found, lambda _: chat, free)
    tokens = [r.usage.input_tokens for r in rungs]
    assert tokens == sorted(tokens) and len(set(tokens)) > 2
