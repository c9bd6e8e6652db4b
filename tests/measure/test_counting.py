"""What is counted while measuring: calls, money, runs without an answer, answers that agree."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from rung.errors import BudgetExceeded, ProviderError
from rung.measure.cache import Cache
from rung.measure.metered_model import Budget, Counter, MeteredModel
from rung.measure.runner import GIVEN_UP_AFTER, Runner
from rung.measure.store import RunStore
from rung.models.replies import UnreadableReply
from rung.records import Attempt, Usage
from rung.scorers import Score
from scripted import ScriptedModel
from solver.test_contract import KINDS, Bench

from .test_cache_and_budget import ask, attempt


def by_second(usage: Usage) -> Decimal:
    return Decimal(str(usage.seconds)) + usage.input_tokens + usage.output_tokens


def metered(inner: ScriptedModel, folder: Path, budget: Budget, counter: Counter) -> MeteredModel:
    return MeteredModel(inner, Cache(folder / "c.sqlite"), budget, by_second, counter)


def test_only_calls_in_flight_are_waited_for() -> None:
    async def both() -> None:
        budget = Budget(Decimal(10), spent=Decimal(8))
        budget.reserve(Decimal(1))
        with pytest.raises(BudgetExceeded):  # what is spent alone stands in the way
            await asyncio.wait_for(budget.set_aside(Decimal(3)), 1)
        budget = Budget(Decimal(10), spent=Decimal(5))
        budget.reserve(Decimal(4))
        waiting = asyncio.create_task(budget.set_aside(Decimal(3)))
        await asyncio.sleep(0)
        assert not waiting.done()
        budget.settle(Decimal(4), Decimal(1))
        await asyncio.wait_for(waiting, 1)
        assert (budget.spent, budget.reserved) == (6, 3)

    asyncio.run(both())


def test_a_model_reckons_with_no_pace_that_nobody_told_it(tmp_path: Path) -> None:
    budget = Budget(Decimal(40))
    model = metered(ScriptedModel(lambda _: "hi"), tmp_path, budget, Counter())
    assert asyncio.run(model.reply(ask(max_tokens=30))).text == "hi"


def test_nothing_is_set_aside_without_a_limit(tmp_path: Path) -> None:
    budget, seen = Budget(None), list[Decimal]()
    inner = ScriptedModel(lambda _: str(seen.append(budget.reserved)))
    asyncio.run(metered(inner, tmp_path, budget, Counter()).reply(ask()))
    assert seen == [0]


def test_what_is_paid_aside_or_thrown_away_is_spent_and_counted(tmp_path: Path) -> None:
    lost = UnreadableReply("no JSON", Usage(input_tokens=5))
    inner = ScriptedModel(lambda _: "hi", fail={0: lost})
    inner.aside = [Usage(input_tokens=2)]  # type: ignore[attr-defined]
    budget, counter = Budget(None), Counter()
    model = metered(inner, tmp_path, budget, counter)
    with pytest.raises(UnreadableReply):
        asyncio.run(model.reply(ask()))
    assert (budget.spent, counter.made) == (5 + 2, 1)
    asyncio.run(model.reply(ask()))
    assert counter.made == 2


class Halves:
    """Scores 1 where the answer is right, and tells a detail of right ones alone."""

    version = "halves"

    async def score(self, example, answer):  # type: ignore[no-untyped-def]
        right = answer.value == example.expected
        return Score(value=float(right), details={"wide": 1.0} if right else {})


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(KINDS["prompt"], tmp_path)


def runner_of(bench: Bench, store: RunStore) -> Runner:
    return Runner(bench.task, Halves(), store, lambda usage, _: Decimal(usage.output_tokens))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RunStore]:
    opened = RunStore(tmp_path / "run")
    yield opened
    opened.close()


def repeated(bench: Bench, times: int, replies: list[str]) -> None:
    climb = bench.task.climb.model_copy(update={"repeats": times})
    bench.task = bench.task.model_copy(update={"climb": climb})
    bench.chat._answers = lambda request: replies[request.seed]


def test_repeats_are_averaged_and_their_agreement_is_told(bench: Bench, store: RunStore) -> None:
    example = bench.task.dev[0]
    repeated(bench, 3, [str(example.expected), "code-0", str(example.expected)])
    solver = bench.fit()
    (measured,) = asyncio.run(runner_of(bench, store).attempts(solver, [example], "dev"))
    assert measured.score == pytest.approx(2 / 3) == measured.details["wide"]
    assert measured.details["agreement"] == pytest.approx(2 / 3)
    assert [r.seed for r in bench.chat.requests] == [0, 1, 2]


def test_an_answer_alone_agrees_with_nobody(bench: Bench, store: RunStore) -> None:
    solver = bench.fit()
    (one,) = asyncio.run(runner_of(bench, store).attempts(solver, bench.task.dev[:1], "dev"))
    assert "agreement" not in one.details and "fell_back" not in one.details


def test_a_label_model_is_asked_once_however_often_others_are(
    tmp_path: Path, store: RunStore
) -> None:
    bench = Bench(KINDS["nearest"], tmp_path)
    climb = bench.task.climb.model_copy(update={"repeats": 3})
    bench.task = bench.task.model_copy(update={"climb": climb})
    solver = bench.fit()
    (one,) = asyncio.run(runner_of(bench, store).attempts(solver, bench.task.dev[:1], "dev"))
    assert one.score is not None and "agreement" not in one.details


def test_a_probe_is_asked_with_the_first_seed(bench: Bench, store: RunStore) -> None:
    solver, runner = bench.fit(), runner_of(bench, store)
    asyncio.run(runner.probe(solver, bench.task.dev[0], "why"))
    assert [r.seed for r in bench.chat.requests] == [0]


def test_an_example_is_given_up_after_three_runs_without_an_answer_where_others_have_one(
    bench: Bench, tmp_path: Path
) -> None:
    assert GIVEN_UP_AFTER == 3
    lost, fine = bench.task.dev[:2]
    solver = bench.fit()

    def busy(_: int, request: object) -> ProviderError | None:
        asked = str(request)
        return ProviderError("busy", status=503) if lost.input_text() in asked else None

    def run(examples) -> list[Attempt]:  # type: ignore[no-untyped-def]
        opened = RunStore(tmp_path / "run")
        try:
            return asyncio.run(runner_of(bench, opened).attempts(solver, examples, "dev"))
        finally:
            opened.close()

    bench.chat._fail = busy
    for _ in range(4):  # alone, it is the server that may be away
        (alone,) = run([lost])
        assert not alone.error_is_final
    (given_up, answered) = run([lost, fine])
    assert answered.answer is not None
    (given_up,) = run([lost])
    assert given_up.error_is_final and given_up.error == "given up after 6 runs: busy"


def test_runs_without_an_answer_are_counted_example_by_example(tmp_path: Path) -> None:
    failed = [attempt(n, answer=None, score=None, error="busy") for n in (1, 2)]
    for runs in (1, 2, 3):
        store = RunStore(tmp_path)
        assert store.note_failure(failed[0]) == runs
        store.close()
    store = RunStore(tmp_path)
    assert store.note_failure(failed[1]) == 1
    assert not store.has_answered("c")
    store.add(attempt(3))
    assert store.has_answered("c") and not store.has_answered("d")
    on_disk = (tmp_path / "attempts.jsonl").read_bytes()
    assert on_disk.count(b"\n") == 1, "an attempt is on the disk when it is kept"
    store.close()


def test_only_a_damaged_file_is_written_anew(tmp_path: Path) -> None:
    file = tmp_path / "attempts.jsonl"
    store = RunStore(tmp_path)
    for number in range(3):
        store.add(attempt(number))
    store.close()
    whole, place = file.read_bytes(), file.stat().st_ino
    RunStore(tmp_path).close()
    assert file.stat().st_ino == place
    for damaged in (b"no json\n" + whole, whole + b'{"half', whole + b"\n"):
        file.write_bytes(damaged)
        RunStore(tmp_path).close()
        assert file.read_bytes() == whole


def test_thirty_two_are_asked_at_once(bench: Bench, store: RunStore) -> None:
    bench.chat._latency_s = 0.02
    solver, examples = bench.fit(), [*bench.task.train, *bench.task.dev]
    asyncio.run(runner_of(bench, store).attempts(solver, examples, "dev"))
    assert len(examples) > 40 and bench.chat.most_at_once == 32
