"""A fallback: a further model is asked what the first has no valid or no sure answer to."""

from __future__ import annotations

import asyncio
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from climbing import tasks
from rung.candidate import Candidate, Prompt, Shots, Weights
from rung.climbing.tools import Tools
from rung.economics.pricing import PriceBook
from rung.errors import ProviderError, UserError
from rung.models.base import Adapter, ChatReply, ChatRequest
from rung.models.chain import passed_on, resolved
from rung.records import Answer, ModelUsage, Usage
from rung.solver import CircuitBreaker, Solver, Workshop, fit, load, save
from rung.solver.solver import Parts, SolverSpec
from rung.task.types import LabelsOutput, Models, Task
from scripted import Script, ScriptedModel

LARGE = "scripted/large"
PLAIN = Candidate(model=tasks.MODEL, fallback=LARGE)
NEAREST = Candidate(
    model=tasks.MODEL,
    prompt=Prompt(shots=Shots(kind="nearest", k=3)),
    embedder=tasks.EMBEDDER,
    fallback=LARGE,
)
BUSY = ProviderError("busy", status=503)
TOO_LONG = ProviderError("too long", status=400)


def large(**how: Any) -> ScriptedModel:
    """A second model that knows everything."""
    return ScriptedModel(tasks.knowing(), LARGE, **how)


def small(percent: int = 60, **how: Any) -> ScriptedModel:
    """A first model that is sure exactly where it is right."""
    right = tasks.share(percent)

    def confidence(request: ChatRequest) -> float:
        return 0.9 if right(tasks.asked(request), request) else 0.4

    return tasks.model(right, confidence=confidence, **how)


def fitted(
    folder: Path, chat: ScriptedModel, other: ScriptedModel, task: Task, candidate: Candidate
) -> tuple[Solver, Tools]:
    tools = Tools(task, tasks.options(folder, chat, extra={LARGE: other}))
    workshop = Workshop(tools.chat, tools.raw, tools.embedder, folder / "adapters")
    return asyncio.run(fit(candidate, task, workshop)), tools


def scripted(
    said: Script,
    then: Script,
    below: float | None = None,
    adapter: Adapter | None = None,
    **how: Any,
) -> Solver:
    """A solver whose two models say these things, one after the other."""
    spec = SolverSpec(
        candidate=PLAIN.model_copy(
            update={"weights": Weights(kind="lora") if adapter else Weights()}
        ),
        task="items",
        instruction="Name the item's kind.",
        output=LabelsOutput(labels=tasks.LABELS),
        unsure_below=below,
    )
    chat = ScriptedModel(said, tasks.MODEL, confidence=lambda _: 0.5, **how)
    return Solver(spec, Parts(chat=chat, other=ScriptedModel(then, LARGE), adapter=adapter))


@pytest.mark.lengthy
def test_what_the_first_is_unsure_of_goes_on_with_the_same_messages(tmp_path: Path) -> None:
    task, one, two = tasks.label_task(), small(), large()
    solver, _ = fitted(tmp_path, one, two, task, NEAREST)
    assert solver.spec.unsure_below == 0.9
    assert two.calls == 0 and one.calls == len(task.dev)  # the threshold is the first's alone
    one.requests.clear()
    answers = [solver.ask(e.input) for e in task.test]
    went_on = [a for a in answers if a.fallback]
    assert {a.fallback for a in went_on} == {"unsure"} and 0 < len(went_on) < len(answers)
    assert all(a.model == (LARGE if a.fallback else tasks.MODEL) for a in answers)
    assert all(a.calls == (2 if a.fallback else 1) for a in answers)
    assert [a.value for a in answers] == [e.expected for e in task.test]
    sent = [r.messages for r in one.requests]
    assert all(r.messages in sent for r in two.requests)
    assert all(tasks.shots_of(r) == 3 for r in two.requests)


def test_the_threshold_asks_what_the_pilot_asks(tmp_path: Path) -> None:
    task, one = tasks.label_task(), small()
    solver, tools = fitted(tmp_path, one, large(), task, NEAREST)
    alone = Solver(
        solver.spec.model_copy(update={"candidate": NEAREST.model_copy(update={"fallback": None})}),
        type(solver.parts)(**{**vars(solver.parts), "other": None}),
    )
    before = one.calls
    for example in task.dev:
        alone.ask(example.input)
    assert one.calls == before and tools.counter.cached == len(task.dev)


def test_an_answer_that_stays_invalid_is_repaired_and_then_passed_on(tmp_path: Path) -> None:
    task = tasks.fact_task()
    wordy = ScriptedModel(lambda _: "one two three four five", tasks.MODEL)
    two = ScriptedModel(lambda _: "code-1", LARGE)
    solver, _ = fitted(tmp_path, wordy, two, task, PLAIN)
    assert solver.spec.unsure_below is None
    answer = solver.ask(task.test[0].input)
    assert (answer.value, answer.fallback, answer.calls) == ("code-1", "invalid", 3)
    assert [c.model for c in answer.by_call] == [tasks.MODEL, tasks.MODEL, LARGE]
    assert two.requests[0].messages == wordy.requests[-2].messages  # without the repair's turns


def test_a_refusal_is_passed_on(tmp_path: Path) -> None:
    class Refusing(ScriptedModel):
        async def reply(self, request: ChatRequest) -> ChatReply:
            reply = await super().reply(request)
            return reply.model_copy(update={"finish": "refused"})

    task, one = tasks.label_task(), Refusing(lambda _: "no", tasks.MODEL)
    solver, _ = fitted(tmp_path, one, large(), task, PLAIN)
    answer = solver.ask(task.test[0].input)
    assert answer.valid and answer.fallback == "refused" and answer.calls == 2


def test_an_unsure_answer_stands_where_the_fallback_has_no_valid_one() -> None:
    solver = scripted(["amber"], ["a tree", "a tree"], below=0.9)
    answer = solver.ask("item 1")
    assert (answer.value, answer.model, answer.fallback) == ("amber", tasks.MODEL, "unsure")
    assert answer.calls == 3 and len(answer.by_call) == 3


def test_two_invalid_answers_are_an_invalid_answer() -> None:
    answer = scripted(["?", "?"], ["a tree", "a tree"]).ask("item 1")
    assert not answer.valid and answer.model == LARGE and answer.fallback == "invalid"


def test_a_first_that_is_never_right_enough_is_not_tried(tmp_path: Path) -> None:
    task, two = tasks.label_task(), large()
    unknowing = tasks.model(tasks.share(30), confidence=lambda _: 0.9)
    with pytest.raises(UserError, match=f"{LARGE} would be asked everything"):
        fitted(tmp_path, unknowing, two, task, PLAIN)
    assert two.calls == 0


@pytest.mark.parametrize("names", [("no-llm/linear", LARGE), (LARGE, LARGE)])
def test_only_two_language_models_make_a_pair(tmp_path: Path, names: tuple[str, str]) -> None:
    candidate = Candidate(model=names[0], fallback=names[1], embedder=tasks.EMBEDDER)
    with pytest.raises(UserError, match="name two different language models"):
        fitted(tmp_path, small(), large(), tasks.label_task(), candidate)


def test_a_threshold_is_not_chosen_on_what_happened_to_be_answered(tmp_path: Path) -> None:
    task = tasks.label_task()
    with pytest.raises(ProviderError, match="busy"):
        fitted(tmp_path / "a", small(fail={3: BUSY}), large(), task, PLAIN)
    solver, _ = fitted(tmp_path / "b", small(fail={3: TOO_LONG}), large(), task, PLAIN)
    assert solver.spec.unsure_below == 0.9


def test_saved_and_opened_it_answers_alike(tmp_path: Path) -> None:
    task = tasks.label_task()
    solver, tools = fitted(tmp_path, small(), large(), task, NEAREST)
    kept = save(solver, tmp_path / "winner")
    opened = load(tmp_path / "winner", tools.chat, tools.embedder)
    assert opened.spec == solver.spec and opened.models == (tasks.MODEL, LARGE)
    for example in task.test[:20]:
        first, second = solver.ask(example.input), opened.ask(example.input)
        assert (first.value, first.model, first.fallback) == (
            second.value,
            second.model,
            second.fallback,
        )
    other = solver.spec.model_copy(update={"unsure_below": 0.5})
    assert save(Solver(other, solver.parts), tmp_path / "other") != kept


def test_an_adapter_stays_with_the_model_it_was_trained_for() -> None:
    adapter = Adapter(path="/a", digest="d")
    solver = scripted(["?", "?"], ["amber"], adapter=adapter)
    assert solver.ask("item 1").value == "amber"
    sent = [r.adapter for m in (solver.parts.chat, solver.parts.other) for r in m.requests]  # type: ignore[union-attr]
    assert sent == [adapter, adapter, None]


@pytest.mark.lengthy
def test_a_linear_head_may_stand_before_both(tmp_path: Path) -> None:
    task = tasks.label_task()
    candidate = NEAREST.model_copy(update={"first": "no-llm/linear"})
    solver, _ = fitted(tmp_path, small(), large(), task, candidate)
    assert solver.models == ("no-llm/linear", tasks.MODEL, LARGE)
    unsure = Solver(solver.spec.model_copy(update={"sure": None}), solver.parts)
    answers = [unsure.ask(e.input) for e in task.test[:20]]
    asked = {tuple(c.model for c in a.by_call) for a in answers}
    assert asked == {("no-llm/linear", tasks.MODEL), ("no-llm/linear", tasks.MODEL, LARGE)}


# An outage is no answer: a climb sees the error, a server may be answered by the other model.


@pytest.mark.parametrize("error", [BUSY, ProviderError("gone", outage=True)])
def test_an_outage_of_the_first_is_answered_for_servers_only(error: ProviderError) -> None:
    solver = scripted(["amber"], ["birch"], fail=lambda *_: error)
    with pytest.raises(ProviderError):
        solver.ask("item 1")
    answer = asyncio.run(solver.answer("item 1", breaker=CircuitBreaker(5)))
    assert (answer.value, answer.model, answer.fallback) == ("birch", LARGE, "outage")
    assert [c.model for c in answer.by_call] == [LARGE] and answer.calls == 1


def test_a_first_that_hangs_is_not_waited_for() -> None:
    solver = scripted(["amber"], ["birch"], latency_s=60)
    answer = asyncio.run(solver.answer("item 1", breaker=CircuitBreaker(0.05)))
    assert (answer.value, answer.fallback) == ("birch", "outage")


def test_an_outage_of_the_fallback_leaves_an_unsure_answer_and_no_invalid_one() -> None:
    unsure = scripted(["amber"], [], below=0.9)
    with pytest.raises(ProviderError):
        unsure.ask("item 1")
    answer = asyncio.run(
        scripted(["amber"], [], below=0.9).answer("item 1", breaker=CircuitBreaker(5))
    )
    assert (answer.value, answer.model, answer.fallback) == ("amber", tasks.MODEL, "outage")
    with pytest.raises(ProviderError):
        asyncio.run(scripted(["?", "?"], []).answer("item 1", breaker=CircuitBreaker(5)))


def test_a_request_that_is_refused_for_good_is_no_outage() -> None:
    solver = scripted(["amber"], ["birch"], fail=lambda *_: TOO_LONG)
    with pytest.raises(ProviderError, match="too long"):
        asyncio.run(solver.answer("item 1", breaker=CircuitBreaker(5)))


def test_a_model_that_is_down_rests_and_is_tried_again() -> None:
    """Three requests in a row wait for it, then one in thirty seconds."""
    now, asked, down = [0.0], [], [True]

    def fail(*_: object) -> ProviderError | None:
        asked.append(now[0])
        return BUSY if down[0] else None

    solver = scripted(lambda _: "amber", lambda _: "birch", fail=fail)
    breaker = CircuitBreaker(5, clock=lambda: now[0])
    for second in range(65):
        now[0] = float(second)
        answer = asyncio.run(solver.answer("item 1", breaker=breaker))
        assert (answer.value, answer.fallback) == ("birch", "outage")
    assert asked == [0, 1, 2, 32, 62]
    down[0], now[0] = False, 92.0
    for second in (92.0, 92.1):
        now[0] = second
        answer = asyncio.run(solver.answer("item 1", breaker=breaker))
        assert (answer.value, answer.fallback) == ("amber", None)
    assert asked[5:] == [92.0, 92.1]


def test_failures_between_answers_bring_no_rest() -> None:
    breaker = CircuitBreaker(5, clock=lambda: 0.0)
    for _ in range(5):
        breaker.failed()
        breaker.failed()
        breaker.answered()
    assert not breaker.is_open()


def test_what_other_servers_found_counts_where_nothing_newer_is_known_here() -> None:
    now = [100.0]
    breaker = CircuitBreaker(5, clock=lambda: now[0])
    breaker.told(20.0)
    assert breaker.is_open() and breaker.found == 0, "what was heard is not told on"
    breaker.told(0.0)  # it is there again: the next request tries it
    assert not breaker.is_open()
    breaker.answered()
    breaker.told(20.0)
    assert not breaker.is_open(), "it has just answered here"
    now[0] += 6
    breaker.told(20.0)
    assert breaker.is_open()
    now[0] += 21
    assert not breaker.is_open() and breaker.is_open()  # one tries, the others wait


def test_what_was_found_here_is_told_and_not_undone_by_others() -> None:
    now = [100.0]
    breaker = CircuitBreaker(5, clock=lambda: now[0])
    for _ in range(3):
        assert breaker.found == 0 and not breaker.recovered
        breaker.failed()
    assert breaker.found == 30
    breaker.told(0.0)
    breaker.told(90.0)
    assert breaker.found == 30 and breaker.is_open()
    breaker.answered()
    assert breaker.found == 0 and breaker.recovered and not breaker.is_open()
    breaker.failed()
    assert not breaker.recovered


# Money.

tokens = st.builds(
    lambda read, cached, written, seconds: Usage(
        input_tokens=read + cached,
        cache_read_tokens=cached,
        output_tokens=written,
        seconds=seconds,
    ),
    st.integers(0, 300_000),
    st.integers(0, 1000),
    st.integers(0, 5000),
    st.floats(0, 30),
)
BOOK = PriceBook.of(
    ["local/smollm2-135m-instruct", "openai/gpt-4.1-mini", "anthropic/claude-sonnet-4-5"],
    {},
    date(2026, 11, 21),
)
calls = st.lists(st.builds(ModelUsage, model=st.sampled_from(sorted(BOOK.rates)), usage=tokens))


def answered(by_call: list[ModelUsage], **more: Any) -> Answer:
    total = sum((c.usage for c in by_call), Usage())
    return Answer(text="a", value="a", usage=total, by_call=tuple(by_call), **more)


@given(calls, calls)
def test_an_answer_costs_the_sum_of_its_calls_each_at_its_own_price(
    one: list[ModelUsage], two: list[ModelUsage]
) -> None:
    both = resolved(answered(one), answered(two), "unsure")
    expected = sum((BOOK.rates[c.model].price(c.usage) for c in (*one, *two)), Decimal(0))
    assert both.by_call == (*one, *two)
    assert both.usd(BOOK.price, "openai/gpt-4.1-mini") == (
        expected if one or two else BOOK.price(both.usage, "openai/gpt-4.1-mini")
    )


@given(tokens)
def test_an_answer_of_an_older_file_is_priced_at_the_candidates_model(usage: Usage) -> None:
    old = Answer.model_validate_json(
        Answer(text="a", usage=usage).model_dump_json(exclude={"by_call", "model", "fallback"})
    )
    assert old.usd(BOOK.price, "openai/gpt-4.1-mini") == BOOK.price(usage, "openai/gpt-4.1-mini")


def test_what_a_solver_says_of_usage_adds_up(tmp_path: Path) -> None:
    task, one, two = tasks.label_task(), small(), large()
    solver, _ = fitted(tmp_path, one, two, task, NEAREST)
    for example in task.test[:30]:
        answer = solver.ask(example.input)
        assert sum((c.usage for c in answer.by_call), Usage()) == answer.usage


@pytest.mark.parametrize(
    ("answer", "below", "why"),
    [
        (Answer(text="", finish="refused", valid=False), 0.5, "refused"),
        (Answer(text="", valid=False), None, "invalid"),
        (Answer(text="a", confidence=0.4), 0.5, "unsure"),
        (Answer(text="a"), 0.5, None),
        (Answer(text="a", confidence=0.5), 0.5, None),
        (Answer(text="a", confidence=0.1), None, None),
    ],
)
def test_why_an_answer_is_passed_on(answer: Answer, below: float | None, why: str | None) -> None:
    assert passed_on(answer, below) == why


def test_a_fallback_is_another_candidate_and_in_its_key() -> None:
    pair = Candidate(model="openai/small", fallback="http://localhost:1/v1#large")
    assert pair.key.startswith("openai:small+else-large@localhost:1~")
    assert pair.digest != Candidate(model="openai/small").digest
    task = tasks.label_task(models=Models(to_try=(tasks.MODEL, LARGE)))
    climb = task.climb.model_copy(update={"fallback": True})
    assert task.model_copy(update={"climb": climb}).fingerprint() != task.fingerprint()
