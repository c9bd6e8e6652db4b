"""Tuning on Vertex AI: with Google's own credentials, bought once, asked at its own endpoint."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rung.behaviour.trainers.hosted import Hooks, Order, bought, cancel_job, open_tuner, tune_hosted
from rung.behaviour.trainers.hosted.http import Http
from rung.behaviour.trainers.hosted.vertex import VertexTuner
from rung.errors import BudgetExceeded, ProviderError, UserError
from rung.models import google as credentials
from rung.models.base import ChatRequest, Message
from rung.models.openai_compatible import OpenAICompatible

from .fake_google import BUCKET, ENDPOINT, LOCATION, PROJECT, TOKENS, Google, google
from .orders import TillDouble, no_pause, order, run


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Google]:
    """Vertex on this machine, and a service account that it knows."""
    with google() as books:
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(books.account(tmp_path)))
        monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", PROJECT)
        monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", LOCATION)
        monkeypatch.setenv("GOOGLE_VERTEX_BASE_URL", books.url)
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", books.url)
        monkeypatch.setenv("RUNG_VERTEX_BUCKET", f"gs://{BUCKET}/")
        credentials._credentials.cache_clear()
        yield books
        credentials._credentials.cache_clear()


def plain(**recipe: Any) -> Order:
    """An order without shots, which Vertex would learn."""
    asked = order(**recipe)

    def bare(lessons: Any) -> Any:
        kept = (m for m in lessons.messages if m.role == "system")
        return lessons.model_copy(update={"messages": (*kept, lessons.messages[-1])})

    return asked.model_copy(
        update={"train": tuple(map(bare, asked.train)), "dev": tuple(map(bare, asked.dev))}
    )


@pytest.mark.lengthy
def test_it_is_uploaded_ordered_awaited_and_counted(fake: Google, tmp_path: Path) -> None:
    result = run(open_tuner("vertex/gemini-2.5-flash"), tmp_path, plain())
    assert result.model == ENDPOINT and result.provider == "vertex"
    assert result.train_tokens == TOKENS * plain().weights.epochs and result.usd is None
    sent = next(data for data in fake.objects.values() if data.count(b"\n") == 12)
    first = json.loads(sent.splitlines()[0])
    assert first["systemInstruction"]["parts"] == [{"text": "Give the code."}]
    assert [turn["role"] for turn in first["contents"]] == ["user", "model"]
    assert first["contents"][-1]["parts"] == [{"text": "code 0"}]
    assert fake.tokens == 1, "a token lasts for an hour"


@pytest.mark.lengthy
def test_the_tuned_model_is_asked_at_its_endpoint(fake: Google, tmp_path: Path) -> None:
    result = run(VertexTuner(), tmp_path, plain())
    request = ChatRequest(messages=(Message(role="user", content="What is 7?"),))

    async def ask(name: str) -> str:
        model = OpenAICompatible(name)
        try:
            return (await model.reply(request)).text
        finally:
            await model.aclose()

    assert asyncio.run(ask(f"vertex/{result.model}")) == "code 7"
    assert asyncio.run(ask("vertex/gemini-2.5-flash")) == "code 7"
    tuned, base = fake.asked
    assert tuned["path"] == f"/v1/{ENDPOINT}/chat/completions" and tuned["model"] == "4242"
    place = f"/v1/projects/{PROJECT}/locations/{LOCATION}/endpoints/openapi/chat/completions"
    assert base["path"] == place and base["model"] == "google/gemini-2.5-flash"


@pytest.mark.lengthy
def test_an_order_of_another_machine_is_found_on_a_later_page(fake: Google, tmp_path: Path) -> None:
    run(VertexTuner(), tmp_path / "other", plain(epochs=5))
    first = run(VertexTuner(), tmp_path / "here", plain())
    again = run(VertexTuner(), tmp_path / "there", plain())
    assert len(fake.jobs) == 2 and again.job == first.job


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.lengthy
@pytest.mark.parametrize("after", [True, False], ids=["answer lost", "call lost"])
def test_killed_at_any_call_it_is_still_paid_once(
    after: bool, fake: Google, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    send, left = Http.send, [10_000]

    async def dying(http: Http, method: str, path: str, **kw: Any) -> Any:
        left[0] -= 1
        if left[0] >= 0:
            return await send(http, method, path, **kw)
        try:
            if after:
                await send(http, method, path, **kw)
        finally:
            raise Killed

    monkeypatch.setattr(Http, "send", dying)
    run(VertexTuner(), tmp_path / "whole", plain())
    calls = 10_000 - left[0]
    assert calls > 6
    for at in range(calls):
        fake.jobs.clear()
        fake.objects.clear()
        left[0] = at
        with pytest.raises(Killed):
            run(VertexTuner(), tmp_path / str(at), plain())
        left[0] = 10_000
        run(VertexTuner(), tmp_path / str(at), plain())
        assert len(fake.jobs) == 1, f"killed at call {at}, ordered {len(fake.jobs)} times"


@pytest.mark.lengthy
def test_a_cancel_ends_it_and_a_failure_is_said(fake: Google, tmp_path: Path) -> None:
    hooks = Hooks(stop=lambda: True, pause=no_pause)
    with pytest.raises(ProviderError, match="it goes on there"):
        asyncio.run(tune_hosted(VertexTuner(), plain(), tmp_path, TillDouble(), hooks))
    ended = asyncio.run(cancel_job(VertexTuner(), tmp_path, plain().tag))
    assert ended.stage == "cancelled" and bought(tmp_path)[0].stage == "cancelled"
    fake.fail_with = "line 3 is empty"
    with pytest.raises(UserError, match="failed: line 3 is empty"):
        run(VertexTuner(), tmp_path, plain(epochs=5))


@pytest.mark.lengthy
def test_a_budget_without_a_price_refuses_the_order(fake: Google, tmp_path: Path) -> None:
    with pytest.raises(BudgetExceeded):
        run(VertexTuner(), tmp_path, plain(), TillDouble("9"))
    assert not fake.jobs


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("GOOGLE_CLOUD_PROJECT", "", "set GOOGLE_CLOUD_PROJECT"),
        ("RUNG_VERTEX_BUCKET", "", "name a bucket in RUNG_VERTEX_BUCKET"),
        ("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere.json", "gcloud auth application-default"),
    ],
)
def test_what_is_missing_is_named(
    variable: str,
    value: str,
    said: str,
    fake: Google,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises((UserError, ProviderError), match=said):
        run(VertexTuner(), tmp_path, plain())
    assert not fake.jobs


@pytest.mark.lengthy
def test_a_refused_account_is_said_without_its_secrets(
    fake: Google, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file holds another key than the one that the account was given."""
    account = json.loads(fake.account(tmp_path).read_text())
    other = Google()
    other.url = fake.url
    account["private_key"] = json.loads(other.account(tmp_path).read_text())["private_key"]
    path = tmp_path / "other.json"
    path.write_text(json.dumps(account))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    with pytest.raises(ProviderError, match="needs Google's credentials") as caught:
        run(VertexTuner(), tmp_path / "runs", plain())
    assert "PRIVATE" not in str(caught.value) and caught.value.outage


@pytest.mark.lengthy
def test_shots_and_odd_ranks_are_refused_before_the_order(fake: Google, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Vertex would learn the answers of the shots"):
        run(VertexTuner(), tmp_path, order())
    with pytest.raises(UserError, match="adapters of rank 1, 2, 4, 8, 16, not 24"):
        run(VertexTuner(), tmp_path, plain(rank=24))
    assert not fake.jobs
