"""Tuning bought from a provider: whatever is interrupted, it is bought once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest

from rung.behaviour.trainers.hosted import bought, open_tuner
from rung.behaviour.trainers.hosted.http import Http
from rung.behaviour.trainers.hosted.openai import OpenAITuner
from rung.candidate import Weights
from rung.errors import BudgetExceeded, ProviderError, UserError

from .fake_providers import TOKENS, Fake, rows
from .orders import NAMES, PAID, TillDouble, make, order, run


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.lengthy
def test_it_is_uploaded_ordered_awaited_and_priced(name: str, tmp_path: Path) -> None:
    fake, till = Fake(), TillDouble()
    result = run(make(name, fake), tmp_path, till=till)
    assert result.provider == name and order().tag in result.model
    assert result.usd == pytest.approx(PAID[name])
    assert float(till.paid[-1] or 0) == pytest.approx(PAID[name])
    expected = {"together": Decimal("1.5"), "fireworks": None, "openai": Decimal("0.003")}
    assert till.reserved == [expected[name]]
    sent = next(f["data"] for f in fake.files.values() if f["data"].count(b"\n") == 12)
    first = rows(sent)[0]["messages"]
    assert [m["role"] for m in first] == ["system", "user", "assistant", "user", "assistant"]
    assert first[3]["content"] == "Grüße, was ist 0?\nBitte." and first[4]["content"] == "code 0"
    assert [m.get("weight") for m in first] == [None, None, 0, None, None]


def test_a_finished_order_is_not_asked_for_again(name: str, tmp_path: Path) -> None:
    fake = Fake()
    first = run(make(name, fake), tmp_path)
    calls = len(fake.calls)
    assert run(make(name, fake), tmp_path) == first
    assert len(fake.calls) == calls
    (kept,) = bought(tmp_path)
    assert kept.stage == "done" and kept.model == first.model


def test_an_order_of_another_machine_is_found(name: str, tmp_path: Path) -> None:
    fake = Fake()
    first = run(make(name, fake), tmp_path / "here")
    again = run(make(name, fake), tmp_path / "there")
    assert len(fake.jobs) == 1 and again.job == first.job


def test_another_recipe_is_another_order(name: str, tmp_path: Path) -> None:
    fake = Fake()
    run(make(name, fake), tmp_path)
    run(make(name, fake), tmp_path, order(epochs=5))
    assert len(fake.jobs) == 2


@pytest.mark.lengthy
@pytest.mark.parametrize(
    "after", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["answer lost", "call lost"]
)
@pytest.mark.parametrize(
    "provider", [n if n == "fireworks" else pytest.param(n, marks=pytest.mark.slow) for n in NAMES]
)
def test_killed_at_any_call_it_is_still_paid_once(
    provider: str, after: bool, tmp_path: Path
) -> None:
    calls = len(_all_calls(provider, tmp_path / "whole"))
    assert calls > 6
    fake = Fake()
    for at in range(calls):
        fake.forget()
        folder = tmp_path / str(at)
        with pytest.raises(Killed):
            run(make(provider, fake, _dies_at(at, after=after)), folder)
        result = run(make(provider, fake), folder)
        assert len(fake.jobs) == 1, f"killed at call {at}, ordered {len(fake.jobs)} times"
        assert result.job in fake.jobs


def test_killed_between_the_answer_and_the_disk(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rung.behaviour.trainers.hosted import run as module

    write, fake = module._write, Fake()

    def dying(place: Path, file: Any) -> None:
        if file.job is not None:
            raise Killed
        write(place, file)

    monkeypatch.setattr(module, "_write", dying)
    with pytest.raises(Killed):
        run(make(name, fake), tmp_path)
    assert bought(tmp_path)[0].stage == "ordering" and len(fake.jobs) == 1
    monkeypatch.setattr(module, "_write", write)
    run(make(name, fake), tmp_path)
    assert len(fake.jobs) == 1


def test_a_lost_answer_to_the_order_is_said_and_looked_for(name: str, tmp_path: Path) -> None:
    fake = Fake()
    ordering = {"together": "POST /v1/fine-tunes", "fireworks": "POST /v1/accounts/acme/superv"}
    fake.lose = {ordering.get(name, "POST /v1/fine_tuning/jobs")}
    if name == "together":
        fake.lose = set()
        tuner = make(name, fake, _loses("/v1/fine-tunes"))
    else:
        tuner = make(name, fake)
    with pytest.raises(ProviderError, match="may have been taken"):
        run(tuner, tmp_path)
    assert len(fake.jobs) == 1
    fake.lose = set()
    run(make(name, fake), tmp_path)
    assert len(fake.jobs) == 1


def test_the_job_id_is_on_disk_before_it_is_looked_at(name: str, tmp_path: Path) -> None:
    fake, seen = Fake(), []

    def spy(http: Http) -> None:
        send = http.send

        async def watching(method: str, path: str, **kw: Any) -> Any:
            if fake.jobs:
                seen.append(json.loads((tmp_path / order().tag / "job.json").read_text()))
            return await send(method, path, **kw)

        http.send = watching  # type: ignore[method-assign]

    run(make(name, fake, spy), tmp_path)
    assert seen and all(file["job"] in fake.jobs for file in seen)


def test_a_budget_is_kept_before_the_order(name: str, tmp_path: Path) -> None:
    fake = Fake()
    with pytest.raises(BudgetExceeded):
        run(make(name, fake), tmp_path, till=TillDouble("0.001"))
    assert not fake.jobs


def test_a_failed_job_is_said_and_not_ordered_again(name: str, tmp_path: Path) -> None:
    fake = Fake()
    fake.fail_with = "row 3 is empty"
    for _ in range(2):
        with pytest.raises(UserError, match="row 3 is empty; to order it again, delete"):
            run(make(name, fake), tmp_path)
    assert len(fake.jobs) == 1


def test_a_job_that_fails_by_the_user_s_fault_has_failed(tmp_path: Path) -> None:
    fake = Fake()
    fake.fail_with, fake.failed_as = "row 3 is empty", "user_error"
    with pytest.raises(UserError, match="failed: row 3 is empty"):
        run(make("together", fake), tmp_path)


@pytest.mark.parametrize(("status", "said"), [(401, "does not accept the key"), (400, "refused")])
def test_a_refusal_is_one_sentence_without_the_key(
    name: str, status: int, said: str, tmp_path: Path
) -> None:
    fake = Fake()
    fake.refuse = {"/": status}
    with pytest.raises(ProviderError, match=said) as caught:
        run(make(name, fake), tmp_path)
    assert "secret-key" not in str(caught.value)
    assert "secret-key" not in "".join(p.read_text() for p in tmp_path.rglob("*") if p.is_file())


def test_too_few_examples_are_refused_before_anything_is_sent(tmp_path: Path) -> None:
    fake = Fake()
    with pytest.raises(UserError, match="9 training conversations: OpenAI takes at least 10"):
        run(make("openai", fake), tmp_path, order(9))
    assert not fake.calls


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("openai", {"longest": 65_537}, "about 65,537 tokens: OpenAI cuts off what is beyond"),
        ("fireworks", {"longest": 32_769}, "Fireworks cuts off what is beyond 32,768"),
        (
            "fireworks",
            {"weights": Weights(kind="hosted", epochs=250_001)},
            "12 training conversations in 250001 epochs: Fireworks takes at most 3,000,000 rows",
        ),
    ],
)
def test_what_would_be_cut_is_refused_before_anything_is_sent(
    name: str, changes: dict[str, Any], said: str, tmp_path: Path
) -> None:
    fake = Fake()
    with pytest.raises(UserError, match=said):
        run(make(name, fake), tmp_path, order().model_copy(update=changes))
    assert not fake.calls


def test_what_just_fits_is_ordered(name: str, tmp_path: Path) -> None:
    longest = OpenAITuner.limits.most_tokens if name == "openai" else 32_768
    assert run(make(name, Fake()), tmp_path, order().model_copy(update={"longest": longest}))


def test_the_official_client_finds_the_same_job(tmp_path: Path) -> None:
    """The double is what OpenAI's own client expects."""
    from openai import AsyncOpenAI

    fake = Fake()
    result = run(make("openai", fake), tmp_path)

    async def ask() -> Any:
        client = AsyncOpenAI(
            api_key="secret-key",
            base_url="http://test/v1",
            http_client=httpx2.AsyncClient(transport=fake.transport()),
        )
        return await client.fine_tuning.jobs.retrieve(result.job)

    job = asyncio.run(ask())
    assert job.fine_tuned_model == result.model and job.trained_tokens == TOKENS


def test_the_shelf_opens_what_it_names() -> None:
    assert {open_tuner(f"{name}/m").name for name in NAMES} == set(NAMES)
    with pytest.raises(UserError, match="no provider tunes"):
        open_tuner("anthropic/claude")


def _all_calls(name: str, folder: Path) -> list[str]:
    fake = Fake()
    run(make(name, fake), folder)
    return fake.calls


def _dies_at(at: int, *, after: bool) -> Callable[[Http], None]:
    """The process dies at that call, when the provider has done it or before it has."""

    def wrap(http: Http) -> None:
        send, count = http.send, iter(range(10_000))

        async def dying(method: str, path: str, **kw: Any) -> Any:
            if next(count) != at:
                return await send(method, path, **kw)
            try:
                if after:
                    await send(method, path, **kw)
            finally:
                raise Killed  # also where the provider says no: that answer is lost too

        http.send = dying  # type: ignore[method-assign]

    return wrap


def _loses(path: str) -> Callable[[Http], None]:
    """The line breaks after that exact POST was done."""
    from rung.behaviour.trainers.hosted.http import Unanswered

    def wrap(http: Http) -> None:
        send = http.send

        async def losing(method: str, asked: str, **kw: Any) -> Any:
            answered = await send(method, asked, **kw)
            if method == "POST" and asked == path:
                raise Unanswered("the line is dead")
            return answered

        http.send = losing  # type: ignore[method-assign]

    return wrap
