"""Feedback is kept with its request; a correction keeps the task's contract. What is logged."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rung.errors import StoreError
from rung.traffic.records import now

from .winners import LABELS, SCHEMA, TEXT, ask, running, scripted, service

CHAT, FEEDBACK = "/v1/chat/completions", "/v1/feedback"


@pytest.mark.parametrize(
    ("verdict", "kept"),
    [
        ({"verdict": "right"}, None),
        ({"verdict": "wrong", "note": "it is a cedar"}, None),
        ({"verdict": "corrected", "corrected": "cedar"}, "cedar"),
        ({"verdict": "corrected", "corrected": "CEDAR"}, "cedar"),
    ],
)
async def test_feedback_is_kept(verdict: dict[str, Any], kept: str | None, tmp_path: Path) -> None:
    made = service(tmp_path, scripted(["birch"]))
    async with running(made) as client:
        request_id = (await client.post(CHAT, json=ask())).json()["id"]
        answer = await client.post(FEEDBACK, json={"request_id": request_id, **verdict})
        told = (await client.get("/metrics")).text
        (found,) = made.writer.store.feedback(request_id)  # type: ignore[union-attr]
    assert answer.status_code == 201 and answer.json()["request_id"] == request_id
    assert (found.verdict, found.corrected, found.who) == (verdict["verdict"], kept, "anyone")
    assert found.note == verdict.get("note", "")
    assert f'rung_feedback_total{{verdict="{verdict["verdict"]}"}} 1.0' in told


@pytest.mark.parametrize(
    ("output", "given", "status", "param"),
    [
        (LABELS, {"verdict": "corrected", "corrected": "oak"}, 400, "corrected"),
        (LABELS, {"verdict": "corrected", "corrected": {"a": 1}}, 400, "corrected"),
        (LABELS, {"verdict": "corrected", "corrected": None}, 400, "corrected"),
        (LABELS, {"verdict": "corrected"}, 400, "corrected"),
        (LABELS, {"verdict": "maybe"}, 400, None),
        (SCHEMA, {"verdict": "corrected", "corrected": {"name": "oak"}}, 400, "corrected"),
        (SCHEMA, {"verdict": "corrected", "corrected": {"name": "oak", "size": "S"}}, 201, None),
        (TEXT, {"verdict": "corrected", "corrected": ["an oak"]}, 400, "corrected"),
        (TEXT, {"verdict": "corrected", "corrected": "an oak"}, 201, None),
        (LABELS, {"verdict": "right", "request_id": "chatcmpl-other"}, 404, "request_id"),
        (LABELS, {"verdict": "right", "request_id": "nul \0 byte"}, 404, "request_id"),
    ],
)
async def test_what_is_no_feedback_is_refused(
    output: Any, given: dict[str, Any], status: int, param: str | None, tmp_path: Path
) -> None:
    said = '{"name": "a", "size": "M"}' if output is SCHEMA else "birch"
    made = service(tmp_path, scripted([said], output))
    async with running(made) as client:
        request_id = (await client.post(CHAT, json=ask())).json()["id"]
        answer = await client.post(FEEDBACK, json={"request_id": request_id, **given})
        kept = made.writer.store.feedback()  # type: ignore[union-attr]
    assert answer.status_code == status, answer.text
    assert len(kept) == (status == 201)
    if status != 201:
        assert answer.json()["error"]["param"] == param
    if given["verdict"] == "maybe":
        assert "use one of 'right', 'wrong', 'corrected'" in answer.text


async def test_without_a_log_there_is_nothing_to_judge(tmp_path: Path) -> None:
    async with running(service(tmp_path, scripted(["birch"]), log=False)) as client:
        made = (await client.post(CHAT, json=ask())).json()
        answer = await client.post(FEEDBACK, json={"request_id": made["id"], "verdict": "right"})
    assert made["rung"]["logged"] is False
    assert answer.status_code == 404 and answer.json()["error"]["code"] == "no_log"
    assert not (tmp_path / ".rung").exists()


async def test_what_is_logged_is_redacted_and_tells_everything(tmp_path: Path) -> None:
    served = scripted(lambda _: "birch", SCHEMA)
    made = service(tmp_path, served)
    body = ask(
        messages=[
            {"role": "system", "content": "I am root@example.com"},
            {"role": "user", "content": "Write to ann@example.com"},
        ]
    )
    async with running(made) as client:
        await client.post(CHAT, json=body)
        (kept,) = made.writer.store.records()  # type: ignore[union-attr]
    assert kept.input == "Write to [email-1]"
    assert kept.messages == ({"role": "system", "content": "I am [email-2]"},)
    assert kept.answer is not None and not kept.answer.valid and kept.answer.text == "birch"
    assert kept.candidate == served.key and kept.solver == served.digest
    assert kept.cost_usd == 0.25 and kept.latency_s > 0 and kept.redacted == {"email": 2}
    sent = served.solver.parts.chat.requests[0]  # type: ignore[union-attr]
    assert "ann@example.com" in sent.messages[-1].content


async def test_a_share_of_the_requests_is_kept(tmp_path: Path) -> None:
    made = service(tmp_path, scripted(lambda _: "birch"), sample=0.5)
    async with running(made) as client:
        answers = [(await client.post(CHAT, json=ask())).json() for _ in range(60)]
        store = made.writer.store  # type: ignore[union-attr]
        kept = {record.id for record in store.records()}
        assert {r.share for r in store.records()} == {0.5}
    assert kept == {a["id"] for a in answers if a["rung"]["logged"]}
    assert 10 < len(kept) < 50


async def test_what_is_too_old_is_deleted(tmp_path: Path) -> None:
    made = service(tmp_path, scripted(["birch"]), keep_days=30)
    store = made.writer.store  # type: ignore[union-attr]
    async with running(made) as client:
        await client.post(CHAT, json=ask())
    old = service(tmp_path, scripted([]), keep_days=30)
    store = old.writer.store  # type: ignore[union-attr]
    (record,) = store.records()
    ancient = record.model_copy(update={"id": "old", "at": now() - timedelta(days=31)})
    store.add([ancient])
    async with running(old) as client:
        for _ in range(200):
            await client.get("/health")
            if store.count() == 1:
                break
            await asyncio.sleep(0.01)
        assert [r.id for r in store.records()] == [record.id]


async def test_an_answer_is_sent_although_it_cannot_be_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = service(tmp_path, scripted(["birch", "cedar", "amber"]))

    def full(_: Any) -> None:
        raise StoreError("the disk is full")

    async with running(made) as client:
        with monkeypatch.context() as patch:
            patch.setattr(made.writer.store, "add", full)  # type: ignore[union-attr]
            answer = (await client.post(CHAT, json=ask())).json()
            assert answer["choices"][0]["message"]["content"] == "birch"
            assert answer["rung"]["logged"] is False
            assert (await client.get("/health")).json() == {"status": "degraded"}
        assert "rung_unlogged_requests_total 1.0" in (await client.get("/metrics")).text
        assert (await client.post(CHAT, json=ask())).json()["rung"]["logged"] is True
        assert (await client.get("/health")).json() == {"status": "ok"}
