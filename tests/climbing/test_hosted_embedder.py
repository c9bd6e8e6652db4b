"""Climbs whose embedder answers at an endpoint: paid once, priced, resumed, never a score."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import rung
from ports.rungs import searching
from rung.climbing.tools import ClimbOptions
from rung.errors import SourceError, UserError
from rung.models.metered import Metered
from rung.models.registry import open_embedder
from rung.records import Attempt
from rung.records.results import CandidateResult, RunResult
from rung.report.planning import make_plan
from rung.serve.settings import read_settings
from rung.serve.winner import open_served
from rung.solver import load
from rung.task.load import load_task
from rung.task.types import Models, Task
from scripted import ScriptedModel
from scripted_embeddings import embedded, embeddings, tokens
from scripted_http import Call, Said, ScriptedServer, error, out_of_quota

from .conftest import USD_PER_TOKEN
from .tasks import MODEL, climb, fact_task, label_task, reading

KEY = "sk-very-secret-key-1234"
USD = 40.0
"""Of 1M tokens."""


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rung.models.asking._BACK_OFF", lambda state: 0.0)


def task_at(server: ScriptedServer, make: Any = fact_task, **parts: Any) -> Task:
    models = Models(to_try=(MODEL,), embedder=f"{server.url}#embeds")
    costs = {"embedding_usd_per_mtok": USD}
    return make(models=models, **{"costs": costs, **parts})


def searched(task: Task, folder: Path, **options: Any) -> RunResult:
    rung = searching()
    context = rung.context.model_copy(update={"search": "hybrid"})
    rung = rung.model_copy(update={"embedder": task.models.embedder, "context": context})
    return climb(task, folder, ScriptedModel(reading, MODEL), candidates=(rung,), **options)


def attempts(folder: Path) -> list[Attempt]:
    (path,) = (folder / "runs").glob("*/attempts.jsonl")
    return [Attempt.model_validate_json(line) for line in path.read_text().splitlines()]


def test_each_text_is_paid_for_once_and_each_answer_says_what_it_read(tmp_path: Path) -> None:
    with ScriptedServer(lambda call: "", embeddings()) as server:
        task = task_at(server)
        first = searched(task, tmp_path, everything=True)
        sent = Counter(embedded(server.calls))
        asked = len(server.calls)
        searched(task, tmp_path, everything=True)
        assert len(server.calls) == asked, "nothing is embedded twice"
    inputs = {e.input_text() for e in (*task.train, *task.dev, *task.test)}
    documents = {text: n for text, n in sent.items() if text not in inputs}
    assert set(documents.values()) == {1} and len(documents) == len(task.documents)
    (row,) = first.candidates
    assert first.verdict.status == "sufficient" and row.latency_p95_s is not None
    assert row.embedded_tokens == tokens([*documents])
    for attempt in attempts(tmp_path):
        assert attempt.answer is not None and attempt.score is not None
        (read,) = (c.usage for c in attempt.answer.by_call if c.model == task.models.embedder)
        question = next(e for e in (*task.dev, *task.test) if e.id == attempt.example_id)
        assert read.input_tokens == tokens([question.input_text()])
        own = attempt.answer.by_call[0].usage
        usd = float(USD_PER_TOKEN) * (own.input_tokens + own.output_tokens)
        assert attempt.cost_usd == pytest.approx(usd + read.input_tokens * USD / 1e6)


def usage(result: RunResult, folder: Path) -> dict[str, Any]:
    run = json.loads((folder / "runs" / result.run / "run.json").read_text())
    (one,) = run["economics"]["candidates"]
    return one


def test_the_month_holds_what_is_embedded(tmp_path: Path) -> None:
    rows: list[CandidateResult] = []
    for usd in (USD, 0):
        with ScriptedServer(lambda call: "", embeddings()) as server:
            task = task_at(server, costs={"embedding_usd_per_mtok": usd})
            (row,) = searched(task, tmp_path / str(usd), everything=True).candidates
            rows.append(row)
    paid, free = rows
    load_of = task.workload
    each = paid.usage.input_tokens - free.usage.input_tokens
    assert each == 0, "the model's own tokens are kept apart"
    question = tokens([e.input_text() for e in task.test]) / len(task.test)
    month = question * load_of.requests_per_month + paid.embedded_tokens / load_of.months
    assert paid.monthly_usd is not None and free.monthly_usd is not None
    assert paid.monthly_usd - free.monthly_usd == pytest.approx(month * USD / 1e6, rel=1e-6)


def test_a_killed_build_keeps_what_was_paid(tmp_path: Path) -> None:
    down = out_of_quota(after=1)
    with ScriptedServer(lambda call: "", down, embeddings()) as server:
        task = task_at(server)
        (row,) = searched(task, tmp_path).candidates
        assert row.state == "incomplete" and "the embedder could not be asked" in row.reason
        kept = embedded(server.calls[:1])
        server.behaviours.remove(down)
        asked = len(server.calls)
        assert searched(task, tmp_path).verdict.status == "sufficient"
        assert kept and not {*kept} & {*embedded(server.calls[asked:])} - {
            e.input_text() for e in (*task.train, *task.dev, *task.test)
        }


def test_an_embedder_that_is_away_is_no_score(tmp_path: Path) -> None:
    with ScriptedServer(lambda call: "", embeddings()) as server:
        task = task_at(server)
    result = climb(task, tmp_path, ScriptedModel(lambda _: "unknown", MODEL), everything=True)
    rows = {row.technique: row for row in result.candidates if "nearest" not in row.key}
    assert rows["rag"].state == "incomplete" and rows["rag"].test is None
    assert "cannot be reached" in rows["rag"].reason
    assert rows["prompting"].test is not None and rows["prompting"].test.value == 0.0


def test_one_that_fails_now_and_then_errs_and_is_not_wrong(tmp_path: Path) -> None:
    with ScriptedServer(lambda call: "", embeddings()) as server:
        task = task_at(server)
        some = {e.input_text(): e.id for e in task.test[:5]}

        def broken(call: Call) -> Said | None:
            return error("oops", 500) if some.keys() & {*call.body["input"]} else None

        server.behaviours.insert(0, broken)
        (row,) = searched(task, tmp_path, everything=True).candidates
        assert not {a.example_id for a in attempts(tmp_path)} & {*some.values()}
        assert row.test is not None and row.test.n == 55 and row.errors == 5
        server.behaviours.remove(broken)
        (row,) = searched(task, tmp_path, everything=True).candidates
    assert row.test is not None and row.test.n == 60 and not row.errors


def test_no_more_is_spent_than_the_budget(tmp_path: Path) -> None:
    with ScriptedServer(lambda call: "", embeddings()) as server:
        task = task_at(server, costs={"embedding_usd_per_mtok": 1000})
        result = searched(task, tmp_path, budget_usd=0.05)
        spent = tokens(embedded(server.calls)) * 1000 / 1e6
    assert result.verdict.stopped == "budget" and spent <= 0.05


def test_labels_by_the_same_embedder(tmp_path: Path) -> None:
    with ScriptedServer(lambda call: "", embeddings()) as server:
        task = task_at(server, label_task, telling=True)
        result = climb(task, tmp_path, ScriptedModel(lambda _: "amber", MODEL))
        rows = {row.model: row for row in result.candidates}
        assert result.verdict.status == "sufficient"
        assert (result.verdict.choice or "").startswith("no-llm")
        row = rows[next(r.model for r in result.candidates if r.key == result.verdict.choice)]
        counted = tokens([e.input_text() for e in task.train])
        assert row.embedded_tokens == pytest.approx(counted, abs=2)  # shared out by length
        served = open_winner_at(tmp_path / "winner", task)
        answer = served.ask(task.test[0].input)
        assert answer.value == task.test[0].expected
        assert [c.model for c in answer.by_call][-1] == task.models.embedder


def open_winner_at(folder: Path, task: Task) -> Any:
    chat = ScriptedModel(reading, MODEL)
    embedder = Metered(open_embedder(task.models.embedder))
    return load(folder, lambda _: chat, lambda _: embedder)  # type: ignore[arg-type, return-value]


async def test_a_plan_pays_nothing_and_knows_the_price(tmp_path: Path) -> None:
    each = []
    with ScriptedServer(lambda call: "", embeddings()) as server:
        for usd in (USD, 0):
            task = task_at(server, costs={"embedding_usd_per_mtok": usd}, root=tmp_path)
            options = ClimbOptions(models={MODEL: ScriptedModel(reading, MODEL)})
            plan = await make_plan(task, options)
            rag = next(c for c in plan.candidates if c.technique == "rag")
            each.append(rag.cost_per_request_usd)
        assert not server.calls
    assert 3 < (each[0] - each[1]) * 1e6 / USD < 30


def test_an_address_without_a_price_is_asked_for_one(tmp_path: Path) -> None:
    with ScriptedServer(lambda call: "", embeddings()) as server:
        with pytest.raises(UserError, match="embedding_usd_per_mtok, what it takes for 1M"):
            searched(task_at(server, costs={}), tmp_path)
        assert not server.calls


def copied(call: Call) -> str:
    """The code of the part asked for, out of what stands in the messages."""
    part = re.findall(r"part (\d+)\?", call.asked)[-1]
    held = re.search(rf"part {part} is (code-\d+)", call.asked)
    return held[1] if held else "unknown"


def test_the_saved_winner_serves_with_it_and_says_what_it_costs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = fact_task()
    rows = [
        {"input": e.input, "expected": e.expected} for e in (*task.train, *task.dev, *task.test)
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    documents = [d.model_dump(include={"id", "text"}) for d in task.documents]
    (tmp_path / "docs.jsonl").write_text("".join(json.dumps(d) + "\n" for d in documents))
    monkeypatch.setenv("RUNG_API_KEY", KEY)
    with ScriptedServer(copied, embeddings()) as server:
        (tmp_path / "rung.toml").write_text(
            '[task]\ninstruction = "Name the code."\nexamples = "rows.jsonl"\n'
            'documents = "docs.jsonl"\n[output]\ntext = {}\n'
            '[target]\nscore = 0.7\nmetric = "exact_match"\n'
            f'[models]\ntry = ["{server.model}"]\nembedder = "{server.url}#embeds"\n'
            "[costs]\ninput_usd_per_mtok = 1\noutput_usd_per_mtok = 2\n"
            f"embedding_usd_per_mtok = {USD}\n"
        )
        result = rung.climb(load_task(tmp_path), ClimbOptions(only=("rag",)))
        assert result.verdict.status == "sufficient"
        kept = [p.read_bytes() for p in (tmp_path / ".rung").rglob("*") if p.is_file()]
        assert kept and not any(KEY.encode() in data for data in kept)
        served = open_served(read_settings(tmp_path))
        before = len(server.calls)
        served.check_keys()
        asyncio.run(served.warm_up())
        assert len(server.calls) == before, "no endpoint is asked"
        answer = served.solver.ask("What is the code of part 7?")
    assert answer.value == "code-259" and served.price is not None
    chat, read = answer.by_call
    usd = chat.usage.input_tokens + 2 * chat.usage.output_tokens + read.usage.input_tokens * USD
    assert served.price(answer) == pytest.approx(usd / 1e6)
    with pytest.raises(SourceError, match="cannot be reached"):
        served.solver.ask("What is the code of part 8?")
