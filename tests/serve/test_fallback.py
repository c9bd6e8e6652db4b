"""A served winner with a fallback: who answered, why, at what price, and what an outage does."""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack
from pathlib import Path
from statistics import fmean
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner

import rung
from rung.candidate import Candidate
from rung.cli.app import app
from rung.climbing.tools import ClimbOptions
from rung.errors import ProviderError
from rung.serve.winner import Served
from rung.solver import Solver
from rung.solver.solver import Parts
from rung.traffic import Query, open_store
from scripted import ScriptedModel

from .upstream import chat, endpoint, label_of, served
from .winners import ask, running, service, spec

CHAT = "/v1/chat/completions"
SMALL, LARGE = "http://10.1.2.3:8000/v1#small", "http://10.1.2.4:8000/v1#large"
BUSY = ProviderError("busy", status=503)


def pair(said: list[str], then: list[str], fail: Any = None, **parts: Any) -> Served:
    """A winner whose two models say these things."""
    chat = ScriptedModel(said, SMALL, confidence=lambda _: 0.5, fail=fail)
    solver = Solver(
        spec(candidate=Candidate(model=SMALL, fallback=LARGE), **parts),
        Parts(chat=chat, other=ScriptedModel(then, LARGE)),
    )
    price = {SMALL: 0.25, LARGE: 4.0}
    return Served(
        solver=solver,
        digest="d" * 64,
        created=1_700_000_000,
        price=lambda answer: sum(price[call.model] for call in answer.by_call),
    )


async def asked(folder: Path, winner: Served, **limits: Any) -> tuple[httpx2.Response, Any, str]:
    """The response to one request, the log's record of it, and the metrics after it."""
    made = service(folder, winner, **limits)
    async with running(made) as client:
        response = await client.post(CHAT, json=ask())
        metrics = (await client.get("/metrics")).text
    store = open_store(folder)
    try:
        (judged,) = store.judged(Query())
    finally:
        store.close()
    return response, judged.record, metrics


async def test_an_unsure_answer_goes_on_and_says_so(tmp_path: Path) -> None:
    winner = pair(["amber"], ["birch"], unsure_below=0.9)
    response, record, metrics = await asked(tmp_path, winner)
    made = response.json()
    assert made["choices"][0]["message"]["content"] == "birch"
    assert made["rung"]["fallback"] == "unsure" and made["rung"]["cost_usd"] == 4.25
    assert made["rung"]["model"] == "large@10.1.2.4:8000"
    assert 'rung_fallbacks_total{reason="unsure"} 1.0' in metrics
    # The log keeps whose words they are; an address in a model's name is no personal data.
    assert record.answer.model == LARGE and record.answer.fallback == "unsure"
    assert [c.model for c in record.answer.by_call] == [SMALL, LARGE] and not record.redacted


async def test_an_answer_that_stands_is_no_fallback(tmp_path: Path) -> None:
    response, record, metrics = await asked(tmp_path, pair(["amber"], []))
    told = response.json()["rung"]
    assert (told["model"], told["fallback"], told["cost_usd"]) == (
        "small@10.1.2.3:8000",
        None,
        0.25,
    )
    assert record.answer.model == SMALL and "rung_fallbacks_total{" not in metrics


async def test_an_outage_is_answered_by_the_other_and_counted(tmp_path: Path) -> None:
    winner = pair([], ["birch"], fail=lambda *_: BUSY)
    response, record, metrics = await asked(tmp_path, winner)
    assert response.status_code == 200 and response.json()["rung"]["fallback"] == "outage"
    assert response.json()["rung"]["cost_usd"] == 4.0
    assert record.answer.fallback == "outage" and record.error is None
    assert 'rung_fallbacks_total{reason="outage"} 1.0' in metrics


async def test_an_outage_fails_the_request_where_that_is_wanted(tmp_path: Path) -> None:
    winner = pair([], ["birch"], fail=lambda *_: BUSY)
    response, record, metrics = await asked(tmp_path, winner, fallback_on_outage=False)
    assert response.status_code == 502 and record.answer is None
    assert "rung_fallbacks_total{" not in metrics


async def test_both_models_are_closed(tmp_path: Path) -> None:
    winner = pair(["amber"], [])
    await asked(tmp_path, winner)
    parts = winner.solver.parts
    assert parts.chat.closed and parts.other.closed  # type: ignore[union-attr]


@pytest.mark.slow
def test_a_climbed_winner_survives_the_outage_of_its_first_model(tmp_path: Path) -> None:
    """Real processes: two endpoints, a climb over both, a server, one endpoint gone."""

    gone = threading.Event()

    def says(text: str) -> str:
        """No valid label for a third of the inputs, however often it is asked."""
        if gone.is_set():
            raise ConnectionAbortedError("an open connection ends with the server")
        return label_of(text) if "even" in text else "I would rather not say"

    with ExitStack() as stack:
        first = stack.enter_context(ExitStack())
        small = f"{first.enter_context(endpoint(says))}#small"
        large = f"{stack.enter_context(endpoint(label_of))}#large"
        result = _climb(tmp_path, small, large)
        row = next(r for r in result.candidates if r.key == result.verdict.choice)
        assert row.candidate.models == (small, large) and row.test
        # Of the answers: the row's own mean weighs groups of like inputs as one.
        share = fmean(
            attempt["details"]["fell_back"]
            for path in (tmp_path / ".rung/runs").glob("*/attempts.jsonl")
            for attempt in map(json.loads, path.read_text().splitlines())
            if (attempt["candidate"], attempt["split"]) == (row.key, "test")
        )
        # 11 tokens in and 1 out a call: two calls of the small one before the large one is asked.
        each, dear = (11 + 1) * 1e-6, (11 + 1) * 50e-6
        assert row.cost_per_request_usd == pytest.approx(each * (1 + share) + dear * share)
        _bill_agrees(tmp_path, row.key, row.cost_per_request_usd)
        with served(tmp_path) as server:
            made = chat(server, "odd 1").json()
            assert made["rung"]["fallback"] == "invalid"
            assert made["rung"]["cost_usd"] == pytest.approx(2 * each + dear)
            assert chat(server, "even 2").json()["rung"]["fallback"] is None
            gone.set()
            first.close()
            made = chat(server, "even 2").json()
            assert made["rung"]["fallback"] == "outage"
            assert made["choices"][0]["message"]["content"] == label_of("even 2")
            told = httpx2.get(f"{server.url}/metrics").text
            assert 'rung_fallbacks_total{reason="outage"} 1.0' in told
    store = open_store(tmp_path)
    try:
        kept = [j.record.answer for j in store.judged(Query())]
    finally:
        store.close()
    assert [(a.model, a.fallback) for a in kept if a] == [
        (large, "invalid"),
        (small, None),
        (large, "outage"),
    ]


def _climb(folder: Path, small: str, large: str) -> Any:
    rows = [{"input": f"{'odd' if n % 3 == 0 else 'even'} {n}"} for n in range(300)]
    for row in rows:
        row["expected"] = label_of(row["input"])
    (folder / "examples.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    (folder / "rung.toml").write_text(
        f"""
[task]
name = "trees"
instruction = "Name the tree."
examples = "examples.jsonl"
[output]
labels = ["amber", "birch", "cedar"]
[target]
score = 0.9
[models]
try = ["{small}", "{large}"]
[costs.models."{small}"]
input_usd_per_mtok = 1
output_usd_per_mtok = 1
[costs.models."{large}"]
input_usd_per_mtok = 50
output_usd_per_mtok = 50
"""
    )
    candidate = Candidate(model=small, fallback=large)
    return rung.climb(str(folder), ClimbOptions(candidates=(candidate,)))


def _bill_agrees(folder: Path, key: str, cost: float) -> None:
    """`rung cost` prices the same calls from the run's file."""
    found = CliRunner().invoke(app, ["cost", str(folder), "--json"])
    assert found.exit_code == 0, found.output
    (bill,) = [c for c in json.loads(found.output)["candidates"] if c["key"] == key]
    # The bill speaks of every recorded answer, the row of those on test: shares differ a little.
    assert bill["marginal_usd"] == pytest.approx(cost, rel=0.15)
    names = [line["what"] for line in bill["lines"]]
    assert [n for n in names if "#large" in n] and "input tokens" in names
