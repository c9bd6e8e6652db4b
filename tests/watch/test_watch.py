"""A look sees what changed, keeps quiet about what did not, and says what it cannot tell."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import rung
from rung.candidate import Candidate, Context, Prompt
from rung.cli.app import app
from rung.climbing.tools import ClimbOptions
from rung.errors import BudgetExceeded, StoreError, UserError
from rung.loop.watch import Look, watch
from rung.loop.watch.checks import Seen, cost
from rung.loop.watch.state import Change, History, Snapshot, rates
from rung.models.base import ChatRequest
from rung.models.registry import open_embedder
from rung.records import Answer
from rung.solver.store import digest_of
from rung.task.types import LabelsOutput, Target, Task
from rung.traffic import Feedback, TrafficRecord, open_store
from scripted import ScriptedEmbedder, ScriptedModel
from scripted_embeddings import embedded, embeddings, tokens
from scripted_http import ScriptedServer

MODEL, EMBEDDER = "http://localhost:1/v1#m", "local/all-minilm-l6-v2"
TOML = f"""
[task]
instruction = "Which queue?"
examples = "examples.jsonl"
documents = "documents.jsonl"
[output]
labels = ["billing", "shipping"]
[target]
score = 0.5
max_latency_p95_s = 1.0
max_cost_per_request = 0.01
[models]
try = ["{MODEL}"]
[costs]
input_usd_per_mtok = 1
output_usd_per_mtok = 1
"""
ABOUT = ("invoice", "refund", "card", "parcel", "courier", "address")
OTHER = ("giraffe", "volcano", "sonata", "quark", "lasagna", "glacier")


def asked(i: int, words: tuple[str, ...] = ABOUT) -> str:
    return f"{words[i % 6]} {words[(i // 6) % 6]} {words[i * 7 % 5]} question {i}"


def label(i: int) -> str:
    return "billing" if i % 2 else "shipping"


def put(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))


def documents(version: int = 1) -> list[dict[str, Any]]:
    return [{"id": f"d{i}", "text": f"Fact {i * (version if i < 3 else 1)}."} for i in range(12)]


@pytest.fixture
def folder(climbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A task with a winner that reads documents."""
    monkeypatch.setattr("rung.climbing.tools.open_embedder", lambda *_: ScriptedEmbedder(EMBEDDER))
    return Path(shutil.copytree(climbed, tmp_path, dirs_exist_ok=True))


@pytest.fixture(scope="module")
def climbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tmp_path = tmp_path_factory.mktemp("climbed")
    (tmp_path / "rung.toml").write_text(TOML)
    put(
        tmp_path / "examples.jsonl",
        [{"input": asked(i), "expected": label(i)} for i in range(240)],
    )
    put(tmp_path / "documents.jsonl", documents())

    def answer(request: ChatRequest) -> str:
        number = int(request.messages[-1].content.rsplit(" ", 1)[-1])
        return label(number) if number % 10 else "neither"

    context = Context(kind="retrieved", k=1, search="lexical")
    options = ClimbOptions(
        models={MODEL: ScriptedModel(answer, MODEL)},
        embedders={EMBEDDER: ScriptedEmbedder(EMBEDDER)},
        candidates=(Candidate(model=MODEL, prompt=Prompt(repairs=0), context=context),),
    )
    assert rung.climb(tmp_path, options).verdict.status == "sufficient"
    return tmp_path


def serve(
    folder: Path,
    count: int,
    start: int = 1000,
    change: Callable[[int, dict[str, Any]], None] = lambda i, row: None,
) -> None:
    """Requests like the examples, less what `change` does to them."""
    digest = digest_of(folder / ".rung" / "winner")
    records = []
    for i in range(start, start + count):
        valid = bool(i % 10)
        row: dict[str, Any] = {
            "id": f"r{i}",
            "at": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=10 * i),
            "candidate": "c",
            "solver": digest,
            "input": asked(i),
            "answer": Answer(
                text=label(i), value=label(i) if valid else None, valid=valid, confidence=None
            ),
            "cost_usd": None,
            "latency_s": 0.1,
        }
        change(i, row)
        records.append(TrafficRecord.model_validate(row))
    store = open_store(folder)
    store.add(records)
    store.close()


def states(look: Look) -> dict[str, str]:
    return {c.name: c.state for c in look.checks}


def test_the_same_traffic_is_quiet(folder: Path) -> None:
    serve(folder, 300)
    look = watch(folder)
    assert states(look) == {
        "inputs": "quiet",
        "off topic": "quiet",
        "answers": "quiet",
        "validity": "quiet",
        "errors": "quiet",
        "confidence": "not tested",
        "quality": "not tested",
        "latency": "quiet",
        "cost": "too little data",
        "feedback": "not tested",
        "documents": "quiet",
    }
    assert "requests like" not in found(look, "off topic").said
    assert look.per_month == pytest.approx(144 * 30.4, rel=0.01)
    tested = [c for c in look.checks if c.p_value is not None]
    assert all(c.alpha == pytest.approx(0.05 / 9 / 52) for c in tested)


def test_a_hosted_embedder_is_paid_within_the_budget(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(folder, 300)
    monkeypatch.setattr("rung.climbing.tools.open_embedder", open_embedder)
    with ScriptedServer(lambda call: "", embeddings()) as server:
        toml = f"{TOML}embedding_usd_per_mtok = 40\n"
        toml = toml.replace("[models]", f'[models]\nembedder = "{server.url}#embeds"')
        (folder / "rung.toml").write_text(toml)
        before = (folder / ".rung" / "watch.json").exists()
        refused = CliRunner().invoke(app, ["watch", str(folder), "--budget", "0.0001"])
        assert isinstance(refused.exception, BudgetExceeded) and not embedded(server.calls)
        assert (folder / ".rung" / "watch.json").exists() == before
        done = CliRunner().invoke(app, ["watch", str(folder), "--budget", "1", "--json"])
        look = Look.model_validate_json(done.stdout)
    assert states(look)["inputs"] == "quiet"
    assert look.spent_usd == pytest.approx(40e-6 * tokens(embedded(server.calls)))


def other_inputs(i: int, row: dict[str, Any]) -> None:
    row["input"] = asked(i, OTHER)


def one_label(i: int, row: dict[str, Any]) -> None:
    row["answer"] = Answer(text="billing", value="billing")


def broken_answers(i: int, row: dict[str, Any]) -> None:
    if i % 4 < 2:
        row["answer"] = Answer(text="?", valid=False, problem="no label.")


def failing(i: int, row: dict[str, Any]) -> None:
    if i % 3 == 0:
        row |= {"answer": None, "error": "no answer", "status": 502}


def slow(i: int, row: dict[str, Any]) -> None:
    row["latency_s"] = 3.0 if i % 5 == 0 else 0.1


def dear(i: int, row: dict[str, Any]) -> None:
    row["cost_usd"] = 0.5 + i % 7 / 100


@pytest.mark.parametrize(
    ("change", "alarm"),
    [
        (other_inputs, "inputs, off topic"),
        (one_label, "answers"),
        (broken_answers, "validity"),
        (failing, "errors"),
        (slow, "latency"),
        (dear, "cost"),
    ],
)
def test_what_changed_is_named(
    change: Callable[[int, dict[str, Any]], None], alarm: str, folder: Path
) -> None:
    serve(folder, 300, change=change)
    look = watch(folder)
    assert ", ".join(c.name for c in look.alarms) == alarm, states(look)
    assert look.alarms[0].advice


def found(look: Look, name: str) -> Any:
    (check,) = [c for c in look.checks if c.name == name]
    return check


def test_a_fifth_that_no_example_is_like_is_told_and_its_kinds_are_listed(folder: Path) -> None:
    def some(i: int, row: dict[str, Any]) -> None:
        if i % 5 == 0:
            row["input"] = f"giraffe volcano number {i}"

    serve(folder, 300, change=some)
    check = found(watch(folder), "off topic")
    assert check.state == "alarm" and "harvest" in check.advice
    assert "21% of 300 inputs are far from the examples, 2% usual" in check.said
    assert "60 requests like 'giraffe volcano number " in check.said


def test_a_few_of_one_kind_are_listed_without_an_alarm(folder: Path) -> None:
    def some(i: int, row: dict[str, Any]) -> None:
        if i % 60 == 0:
            row["input"] = f"giraffe volcano number {i}"

    serve(folder, 300, change=some)
    check = found(watch(folder), "off topic")
    assert check.state == "quiet" and "5 requests like 'giraffe volcano" in check.said


def at(i: int) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=10 * i)


@pytest.mark.parametrize(
    ("usd", "per_month", "by_the_hour", "stated", "state"),
    [
        (0.02, 4_000, False, None, "alarm"),  # $40 a month more than the $0.01 measured
        (0.02, 400, False, None, "quiet"),  # $4: not worth an alarm
        (0.02, 400, False, 0.015, "alarm"),  # a limit that was stated is one
        (0.012, 400, False, 0.015, "quiet"),
        (0.02, None, False, None, "alarm"),  # nobody knows how much is asked
        (0.02, 4_000, True, None, "not tested"),  # its machine is paid by the hour, busy or not
        (0.02, 4_000, True, 0.015, "alarm"),
    ],
)
def test_a_cost_alarms_by_what_it_comes_to(
    usd: float, per_month: float | None, by_the_hour: bool, stated: float | None, state: str
) -> None:
    output = LabelsOutput(labels=("a", "b"))
    target = Target(metric="accuracy", score=0.5, max_cost_per_request=stated)
    row = {"at": at(0), "candidate": "c", "solver": "s", "input": "x", "latency_s": 0.1}
    traffic = [
        TrafficRecord(**row, id=f"r{i}", answer=Answer(text="a", value="a"), cost_usd=usd)
        for i in range(40)
    ]
    seen = Seen(
        task=Task(name="t", instruction="i", output=output, target=target),
        measured=(), traffic=traffic, examples=None, inputs=None, asked=(), judged_right=(),
        cost_usd=0.01, by_the_hour=by_the_hour, per_month=per_month, alpha=0.001,
    )  # fmt: skip
    check = cost(seen)
    assert check.state == state, check.said
    assert ("not worth an alarm" in check.said) == (state == "quiet" and usd == 0.02)


def test_what_people_say_by_themselves_is_shown_and_tested_by_nothing(folder: Path) -> None:
    serve(folder, 100)
    store = open_store(folder)
    for i in range(1000, 1030):
        verdict = "wrong" if i % 3 else "right"
        store.add_feedback(Feedback(request_id=f"r{i}", verdict=verdict, who="ann"))
    store.close()
    look = watch(folder)
    check = found(look, "feedback")
    assert check.state == "not tested" and not look.alarms
    assert "30 of 100 answers were marked: 20 wrong, 10 right; self-selected" in check.said


def test_what_an_outage_had_answered_says_nothing_of_the_winner(folder: Path) -> None:
    def half_out(i: int, row: dict[str, Any]) -> None:
        broken_answers(i, row)
        if not row["answer"].valid:
            row["answer"] = row["answer"].model_copy(update={"fallback": "outage"})

    serve(folder, 300, change=half_out)
    assert states(watch(folder))["validity"] == "quiet"


def test_judged_answers_of_the_random_draw_tell_of_quality(folder: Path) -> None:
    serve(folder, 200)
    rows = [{"request": f"r{i}", "reasons": ["random"]} for i in range(1000, 1080)]
    rows += [{"request": f"r{i}", "reasons": ["unsure"]} for i in range(1080, 1200)]
    put(folder / ".rung" / "harvest.jsonl", rows)
    store = open_store(folder)
    for i in range(1000, 1200):
        # The drawn ones are half wrong; those that looked bad are all wrong and must not count.
        verdict = "wrong" if i >= 1080 or i % 2 else "right"
        store.add_feedback(Feedback(request_id=f"r{i}", verdict=verdict, who="ann"))
    store.close()
    check = found(watch(folder), "quality")
    assert check.state == "alarm" and "0.500 of 80 answers" in check.said


def test_changed_documents_are_counted(folder: Path) -> None:
    serve(folder, 100)
    put(folder / "documents.jsonl", documents(version=5))
    look = watch(folder)
    assert look.documents is not None and look.documents["changed"] == 2  # 0 x 5 is 0
    assert "documents" in [c.name for c in look.alarms]
    put(folder / "documents.jsonl", documents(version=7))
    said = CliRunner().invoke(app, ["watch", str(folder)]).output
    assert "documents changed once in 0.0 days, too short to tell how often" in said
    assert "the task changed 0 times" in said


def test_the_same_requests_are_not_tested_twice(folder: Path) -> None:
    serve(folder, 100)
    assert watch(folder).told
    again = watch(folder)
    assert states(again)["traffic"] == "too little data"
    serve(folder, 49, start=2000)
    assert states(watch(folder))["traffic"] == "too little data"
    serve(folder, 1, start=3000)
    assert "inputs" in states(watch(folder))


def test_exit_codes(folder: Path) -> None:
    def code(*more: str) -> int:
        return CliRunner().invoke(app, ["watch", str(folder), *more]).exit_code

    (folder / "documents.jsonl").write_bytes((folder / "documents.jsonl").read_bytes())
    serve(folder, 100)
    assert code() == 0
    assert code("--json") == 0  # the documents can still be told
    serve(folder, 200, start=5000, change=broken_answers)
    assert code() == 5


def test_without_documents_too_little_traffic_is_said(folder: Path) -> None:
    plain = (folder / "rung.toml").read_text().replace('documents = "documents.jsonl"\n', "")
    (folder / "rung.toml").write_text(plain)
    plainly = Candidate(model=MODEL, prompt=Prompt(repairs=0))
    model = ScriptedModel(lambda r: label(int(r.messages[-1].content.rsplit(" ", 1)[-1])), MODEL)
    options = ClimbOptions(models={MODEL: model}, candidates=(plainly,))
    rung.climb(folder, options)
    assert CliRunner().invoke(app, ["watch", str(folder)]).exit_code == 4


def test_mistakes_are_said(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="alpha is 2: give a chance between 0 and 1"):
        watch(folder, alpha=2)
    caught = CliRunner().invoke(app, ["watch", str(folder), "--since", "yesterday"]).exception
    assert isinstance(caught, UserError) and "write it as 2026-11-21" in str(caught)
    (folder / ".rung/watch.json").write_text("{")
    serve(folder, 60)
    with pytest.raises(StoreError, match=r"watch\.json cannot be read"):
        watch(folder)


def test_rates_of_change() -> None:
    day = datetime(2026, 1, 1, tzinfo=UTC)

    def look(days: float, task: str, **docs: str) -> Snapshot:
        at = day + timedelta(days=days)
        return Snapshot(at=at, winner="w", requests=0, task=task, documents=docs)

    looks = (look(0, "a", x="1", y="1"), look(7, "a", x="2", y="1"), look(14, "b", x="2", z="1"))
    on_task, on_documents = rates(History(looks=looks))
    assert (on_task.changes, on_task.days) == (1, 14.0) and on_task.rhythm == "weekly"
    assert (on_documents.changes, on_documents.documents) == (2, 3)
    assert Change(days=3, changes=0).rhythm is Change(days=0.1, changes=1).rhythm is None
    assert Change(days=20, changes=18).rhythm == "daily"
    assert Change(days=90, changes=0).rhythm == "never"
    assert rates(History())[0].days == 0
