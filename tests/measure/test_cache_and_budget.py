"""Answered calls are kept at once, equal calls are made once, money is set aside before it goes."""

from __future__ import annotations

import asyncio
import sqlite3
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.errors import BudgetExceeded, ProviderError, StoreError
from rung.measure.budget import Budget
from rung.measure.cache import Cache, CachedEmbedder
from rung.measure.metered_model import Counter, MeteredModel
from rung.measure.store import RunStore
from rung.models.base import Adapter, ChatReply, ChatRequest, Message
from rung.models.metered import Metered
from rung.records import Answer, Attempt, Usage
from scripted import ScriptedEmbedder, ScriptedModel


def ask(text: str = "hello", **parts: object) -> ChatRequest:
    return ChatRequest(messages=(Message(role="user", content=text),), **parts)  # type: ignore[arg-type]


def metered(
    inner: ScriptedModel, cache: Cache, limit: str | None = None
) -> tuple[MeteredModel, Budget, Counter]:
    budget, counter = Budget(None if limit is None else Decimal(limit)), Counter()

    def price(usage: Usage) -> Decimal:
        return Decimal(usage.input_tokens + usage.output_tokens)

    return MeteredModel(inner, cache, budget, price, counter), budget, counter


def test_a_call_is_kept_before_it_is_returned_and_never_made_again(tmp_path: Path) -> None:
    inner, cache = ScriptedModel(lambda _: "hi"), Cache(tmp_path / "c.sqlite")
    model, budget, counter = metered(inner, cache)
    first = asyncio.run(model.reply(ask()))
    other = Cache(tmp_path / "c.sqlite")  # another process sees it at once
    assert other.get(ask().cache_key(inner.identity)) and not first.cached
    again = asyncio.run(metered(inner, other)[0].reply(ask()))
    assert again == first.model_copy(update={"cached": True})
    assert inner.calls == 1 and counter.made == 1 and budget.spent == 2


def test_equal_calls_at_once_are_made_once(tmp_path: Path) -> None:
    inner = ScriptedModel(lambda _: "hi", latency_s=0.01)
    model, _, counter = metered(inner, Cache(tmp_path / "c.sqlite"))

    async def many() -> list[ChatReply]:
        return await asyncio.gather(*(model.reply(ask()) for _ in range(9)))

    replies = asyncio.run(many())
    assert inner.calls == counter.made == 1 and len({r.text for r in replies}) == 1


def test_a_failed_call_is_not_kept(tmp_path: Path) -> None:
    inner = ScriptedModel(lambda _: "hi", fail={0: ProviderError("busy", status=503)})
    model, budget, _ = metered(inner, Cache(tmp_path / "c.sqlite"), "100")
    with pytest.raises(ProviderError):
        asyncio.run(model.reply(ask()))
    assert budget.spent == budget.reserved == 0
    assert asyncio.run(model.reply(ask())).text == "hi" and inner.calls == 2


def test_whatever_can_change_an_answer_is_in_the_key(tmp_path: Path) -> None:
    plain = ask()
    others = [
        ask("other"),
        ask(max_tokens=5),
        ask(temperature=0.5),
        ask(seed=1),
        ask(choices=("a", "b")),
        ask(json_schema={"type": "object"}),
        ask(adapter=Adapter(path="/here", digest="d")),
    ]
    keys = {r.cache_key("m") for r in (plain, *others)} | {plain.cache_key("other model")}
    assert len(keys) == 2 + len(others)
    moved = ask(adapter=Adapter(path="/elsewhere", digest="d"))
    assert moved.cache_key("m") == others[-1].cache_key("m")


@given(
    prices=st.lists(st.integers(1, 9), min_size=1, max_size=30),
    limit=st.integers(0, 60),
    shares=st.lists(st.floats(0, 1), min_size=30, max_size=30),
)
def test_a_budget_is_never_overspent(prices: list[int], limit: int, shares: list[float]) -> None:
    budget = Budget(Decimal(limit))
    refused = 0
    for price, part in zip(prices, shares, strict=False):
        try:
            budget.reserve(Decimal(price))
        except BudgetExceeded:
            refused += 1
            assert budget.spent + price > limit
        else:
            budget.settle(Decimal(price), Decimal(price) * Decimal(str(round(part, 3))))
    assert budget.spent <= limit and budget.reserved == 0
    assert refused or budget.spent <= sum(prices)


def test_calls_in_flight_count_against_the_budget(tmp_path: Path) -> None:
    inner = ScriptedModel(lambda _: "hi", latency_s=0.01)
    model, budget, _ = metered(inner, Cache(tmp_path / "c.sqlite"), "30")

    most = 0

    async def one(number: int) -> object:
        nonlocal most
        waiting = asyncio.ensure_future(model.reply(ask(f"n{number}", max_tokens=9)))
        await asyncio.sleep(0)
        most = max(most, int(budget.spent + budget.reserved))
        return await waiting

    async def many() -> list[object]:
        return list(await asyncio.gather(*map(one, range(20)), return_exceptions=True))

    ended = asyncio.run(many())
    # Each may cost ten and costs two: they wait for what others leave, until ten are not there.
    assert sum(isinstance(e, BudgetExceeded) for e in ended) == 9
    assert inner.calls == 11 and budget.spent == 22 and most <= 30 and budget.reserved == 0


def test_fresh_calls_are_made_anew_and_paid_for(tmp_path: Path) -> None:
    inner = ScriptedModel(lambda _: "hi")
    model, budget, counter = metered(inner, Cache(tmp_path / "c.sqlite"))
    asyncio.run(model.reply(ask()))
    model.fresh = True
    assert not asyncio.run(model.reply(ask())).cached
    assert inner.calls == counter.made == 2 and budget.spent == 4


def test_texts_are_embedded_once_and_keep_their_seconds(tmp_path: Path) -> None:
    inner, cache = ScriptedEmbedder(), Cache(tmp_path / "c.sqlite")
    embedder = CachedEmbedder(Metered(inner), cache)
    first, seconds = asyncio.run(embedder.embed_metered(["a", "b", "a"]))
    again, same = asyncio.run(embedder.embed_metered(["b", "a"]))
    assert inner.texts == ["a", "b"]
    assert np.array_equal(first[[1, 0]], again) and [seconds[1], seconds[0]] == same
    assert np.array_equal(first[0], first[2])
    embedder.fresh = True
    asyncio.run(embedder.embed_metered(["a"]))
    assert inner.texts == ["a", "b", "a"]


def test_no_texts_need_no_vectors(tmp_path: Path) -> None:
    embedder = CachedEmbedder(Metered(ScriptedEmbedder()), Cache(tmp_path / "c.sqlite"))
    vectors, seconds = asyncio.run(embedder.embed_metered([]))
    assert vectors.shape == (0, 0) and seconds == []


def test_a_cache_that_cannot_be_opened_or_read_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "c.sqlite").write_text("this is no database, only a long enough text" * 30)
    with pytest.raises(StoreError, match=r"c\.sqlite could not be opened \(.*\): free disk space"):
        Cache(tmp_path / "c.sqlite")
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="could not be opened"):
        Cache(tmp_path / "file" / "c.sqlite")


def test_a_write_that_fails_says_what_to_do(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "c.sqlite")
    with sqlite3.connect(tmp_path / "c.sqlite") as other:
        other.execute("DROP TABLE calls")
    reply = ChatReply(text="hi", usage=Usage())
    with pytest.raises(StoreError, match=r"could not be written .* answered calls are kept"):
        cache.put("k", "m", reply)


def attempt(number: int, **parts: object) -> Attempt:
    plain = {"candidate": "c", "split": "test", "example_id": f"e{number}", "score": 1.0}
    return Attempt(**{**plain, "answer": Answer(text="x"), **parts})  # type: ignore[arg-type]


def test_attempts_are_read_back_and_failed_ones_asked_again(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store.add(attempt(1))
    store.add(attempt(2, answer=None, score=None, error="no", error_is_final=True))
    store.add(attempt(3, answer=None, score=None, error="busy"))
    store.close()
    again = RunStore(tmp_path)
    assert [k[2] for k in again.attempts] == ["e1", "e2"]
    again.close()
    assert (tmp_path / "attempts.jsonl").read_text().count("\n") == 2


@given(cut=st.integers(0, 400))
def test_a_file_cut_anywhere_loses_at_most_its_last_line(cut: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        store = RunStore(Path(folder))
        for number in range(5):
            store.add(attempt(number))
        store.close()
        path = Path(folder) / "attempts.jsonl"
        whole = path.read_bytes()
        left = whole[: max(0, len(whole) - cut)]
        path.write_bytes(left)
        again = RunStore(Path(folder))
        assert len(again.attempts) == left.count(b"\n")
        again.add(attempt(9))
        again.close()
        assert len(RunStore(Path(folder)).attempts) == left.count(b"\n") + 1


def test_a_file_of_a_run_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = RunStore(tmp_path)
    store.write("run.json", "old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(StoreError, match=r"\(No space left on device\): free disk space"):
        store.write("run.json", "new")
    assert (tmp_path / "run.json").read_text() == "old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["attempts.jsonl", "run.json"]


class Timed(ScriptedModel):
    """Says that each answer took so many seconds of the machine."""

    def __init__(self, seconds: list[float]) -> None:
        super().__init__(lambda _: "hi")
        self._seconds = iter(seconds)

    async def reply(self, request: ChatRequest) -> ChatReply:
        reply = await super().reply(request)
        usage = reply.usage.model_copy(update={"seconds": next(self._seconds)})
        return reply.model_copy(update={"usage": usage})


def test_a_budget_reckons_with_the_slowest_pace_seen(tmp_path: Path) -> None:
    """A model priced by its time: what the next call may cost follows what the last ones took."""
    inner, budget = Timed([3.0, 0.2, 0.2]), Budget(Decimal(40))

    def model(pace: float) -> MeteredModel:
        cache = Cache(tmp_path / f"{pace}.sqlite")
        return MeteredModel(
            inner, cache, budget, lambda u: Decimal(str(u.seconds)), Counter(), pace
        )

    # 1 word in, at most 9 out: 10 tokens x 0.5 s = $5 set aside; 2 tokens took 3 s: 1.5 a token
    slow = model(0.5)
    asyncio.run(slow.reply(ask("a", max_tokens=9)))
    assert budget.spent == 3 and budget.reserved == 0
    assert slow._dearest(ask("b", max_tokens=9)) == 15
    # A quicker answer does not make the next one look cheap.
    asyncio.run(slow.reply(ask("b", max_tokens=9)))
    assert slow._dearest(ask("c", max_tokens=9)) == 15
    # 3.2 spent: 15 more fit into 40, 37.5 do not.
    with pytest.raises(
        BudgetExceeded, match=r"could cost \$37\.50, but \$3\.20 of the budget of \$40"
    ):
        asyncio.run(slow.reply(ask("c", max_tokens=24)))
    # Before any call the pace that was given is all there is: a first call is not free.
    with pytest.raises(BudgetExceeded):
        asyncio.run(model(10.0).reply(ask("d", max_tokens=9)))
    assert inner.calls == 2


def test_answers_from_the_cache_are_counted_one_by_one(tmp_path: Path) -> None:
    scripted = ScriptedModel(lambda _: "x", "scripted/m")
    model, _, counter = metered(scripted, Cache(tmp_path / "c.sqlite"))

    async def thrice() -> None:
        for _ in range(3):
            await model.reply(ask())

    asyncio.run(thrice())
    assert (counter.made, counter.cached) == (1, 2)


def test_a_call_that_may_cost_all_that_is_left_waits_for_those_in_flight() -> None:
    async def go() -> Decimal:
        budget = Budget(Decimal(3))
        budget.reserve(Decimal(1))
        waiting = asyncio.ensure_future(budget.set_aside(Decimal(3)))
        await asyncio.sleep(0)
        assert not waiting.done()
        budget.settle(Decimal(1), Decimal(0))
        await waiting
        return budget.reserved

    assert asyncio.run(go()) == 3
