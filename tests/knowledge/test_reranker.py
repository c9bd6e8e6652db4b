"""A reranker behind an address: searched through, paid once, kept by the winner, never a score."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from climbing.tasks import MODEL, climb, fact_task, reading
from loopback import Handler, listening
from ports.test_shelves import Counted
from rung.behaviour.refiners import REFINERS
from rung.candidate import Candidate, Context, Prompt
from rung.errors import SourceError
from rung.knowledge.tools import LiveTool, open_tool
from rung.solver import load
from rung.task.tools import ToolSettings
from rung.task.types import Task
from scripted import ScriptedModel

SEEN: list[dict[str, Any]] = []
KEYS: set[str] = set()
SAYS: list[Any] = []
"""A status, a body, or which end of what was sent is best (1: the first)."""


class Rerank(Handler):
    def do_POST(self) -> None:
        sent = json.loads(self.body())
        SEEN.append(sent)
        KEYS.add(self.headers.get("authorization") or "")
        how, n = SAYS[-1], len(sent.get("documents") or sent["texts"])
        if how not in (1, -1):
            status = how if isinstance(how, int) else 200
            self.say(json.dumps({"error": "no"} if status != 200 else how).encode(), status)
            return
        if "texts" in sent:  # as Text Embeddings Inference has it
            rows = [{"index": at, "score": -how * at / 100} for at in range(n)]
            self.say(json.dumps(rows[::-1]).encode())
            return
        rows = [{"index": at, "relevance_score": -how * at / 100} for at in range(n)]
        self.say(json.dumps({"id": "x", "results": rows[::-1], "meta": {}}).encode())


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("RERANK_KEY", "Bearer s3cret")
    SEEN.clear(), KEYS.clear()
    SAYS[:] = [1]
    with listening(Rerank) as at:
        yield f"{at}/v2/rerank"


def settings(address: str, **parts: Any) -> ToolSettings:
    key = {"Authorization": "$RERANK_KEY"}
    own = {"name": "judge", "url": address, "protocol": "rerank", "headers": key, "model": "r-3"}
    return ToolSettings(**{**own, "usd_per_call": 0.01, **parts})


def task(address: str) -> Task:
    return fact_task(tools=(settings(address),))


def searching(**how: Any) -> Candidate:
    context = Context(kind="retrieved", k=1, chunk_chars=400, search="lexical", **how)
    return Candidate(model=MODEL, prompt=Prompt(max_output_tokens=8), context=context)


RERANKED = searching(rerank="endpoint", tool="judge")


@pytest.mark.lengthy
@pytest.mark.parametrize("best_first", [True, False])
def test_text_embeddings_inference_is_spoken(
    address: str, tmp_path: Path, best_first: bool
) -> None:
    SAYS[:] = [1 if best_first else -1]
    tei = fact_task(tools=(settings(address, protocol="tei", model=""),))
    chat = ScriptedModel(reading, MODEL)
    result = climb(tei, tmp_path, chat, candidates=(RERANKED,), everything=True)
    assert SEEN and all(set(sent) == {"query", "texts", "truncate"} for sent in SEEN)
    assert {row.state == "pass" for row in result.candidates} == {best_first}


@pytest.mark.parametrize("how", [{"results": []}, [], [{"index": 0}], [[0, 1.0]], "x", 429])
async def test_what_text_embeddings_inference_does_not_rank_is_no_score(
    address: str, how: Any
) -> None:
    SAYS[:] = [how]
    tool = open_tool(settings(address, protocol="tei", model=""))
    with pytest.raises(SourceError):
        await tool.call({"query": "q", "documents": ["a", "b"]})


def rows(address: str, folder: Path, *candidates: Candidate) -> tuple[Any, dict[str, Any]]:
    chat = ScriptedModel(reading, MODEL)
    result = climb(task(address), folder, chat, candidates=candidates, everything=True)
    return result, {row.key: row for row in result.candidates}


@pytest.mark.lengthy
def test_it_is_paid_once_and_counts_in_an_answers_price(address: str, tmp_path: Path) -> None:
    first, found = rows(address, tmp_path, searching(), RERANKED)
    assert {row.state for row in found.values()} == {"pass"}
    assert found[RERANKED.key].cost_per_request_usd == 0.01
    assert {"Bearer s3cret"} == KEYS and {sent["model"] for sent in SEEN} == {"r-3"}
    assert all(sent["top_n"] == len(sent["documents"]) <= 20 for sent in SEEN)
    assert len({sent["query"] for sent in SEEN}) == len(SEEN), "nothing is asked twice"
    before = len(SEEN)
    again, _ = rows(address, tmp_path, searching(), RERANKED)
    assert len(SEEN) == before and again.spent_usd == 0 and again.run == first.run


@pytest.mark.lengthy
def test_its_order_is_what_the_model_reads(address: str, tmp_path: Path) -> None:
    SAYS[:] = [-1]
    _, found = rows(address, tmp_path, searching(), RERANKED)
    assert found[searching().key].state == "pass"
    assert found[RERANKED.key].state in ("hopeless", "drop")


@pytest.mark.lengthy
@pytest.mark.parametrize(
    "how", [500, 401, 422, [], {"results": []}, {"results": [{"index": 0, "relevance_score": 1}]}]
)
def test_one_that_fails_is_no_score(address: str, tmp_path: Path, how: Any) -> None:
    SAYS[:] = [how]
    _, found = rows(address, tmp_path, searching(), RERANKED)
    row = found[RERANKED.key]
    assert row.state == "incomplete" and (row.test is None or row.test.n == 0)
    assert found[searching().key].state == "pass"


@pytest.mark.lengthy
def test_a_winner_carries_it_and_serves_it(address: str, tmp_path: Path) -> None:
    chat = ScriptedModel(reading, MODEL)
    climb(task(address), tmp_path, chat, candidates=(RERANKED,))
    before = len(SEEN)
    solver = load(tmp_path / "winner", lambda _: chat, lambda _: None)  # type: ignore[arg-type, return-value]
    answer = solver.ask("What is the code of part 42?")
    assert answer.value == "code-1554" and len(SEEN) == before + 1
    (step,) = answer.steps
    assert (step.name, step.usd) == ("judge", 0.01) and answer.latency_s >= step.seconds > 0
    assert "s3cret" not in "".join(
        path.read_text("utf-8", "replace")
        for path in (tmp_path / "winner").resolve().rglob("*")
        if path.is_file()
    )


@pytest.mark.parametrize("context", [{"tool": "judge"}, {"rerank": "endpoint", "tool": "nobody"}])
def test_a_name_of_another_kind_is_said(
    address: str, tmp_path: Path, context: dict[str, str]
) -> None:
    _, found = rows(address, tmp_path, searching(**context))
    (row,) = found.values()
    assert row.state == "skipped" and f"{context['tool']!r}, but the task names judge" in row.reason


async def test_equal_scores_keep_the_order_of_the_search(address: str) -> None:
    SAYS[:] = [
        {"results": [{"index": 1, "relevance_score": 0.5}, {"index": 0, "relevance_score": 0.5}]}
    ]
    said = await LiveTool(settings(address)).call({"query": "q", "documents": ["a", "b"]})
    assert json.loads(said.text) == [[0, 0.5], [1, 0.5]]


async def test_the_refiner_offers_it_only_where_it_is_named(address: str) -> None:
    for named in (task(address), fact_task()):
        serious = named.climb.model_copy(update={"effort": "serious"})
        trial = Counted(named.model_copy(update={"climb": serious, "test": ()}), left=4000)
        refined = await REFINERS["retrieval"].refine(searching(), trial)
        offered = {v.candidate.context.tool for v in refined.tried}
        assert ("judge" in offered) == bool(named.tools)


@pytest.mark.parametrize("parts", [{"url": None}, {"schema": {"type": "object"}}])
def test_settings_that_make_no_sense_are_refused(parts: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"either 'url'|has a 'url' and no schema"):
        settings("http://h/rerank", **parts)
