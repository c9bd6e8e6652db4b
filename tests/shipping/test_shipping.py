"""A winner is swapped only after a paired test, kept by hash, and comes back with one command."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import qdrants
import rung
from rung.candidate import Candidate, Context, Prompt, Shots
from rung.cli.app import app
from rung.climbing.ledger import LEDGER_FILE
from rung.climbing.tools import ClimbOptions
from rung.errors import StoreError, UserError
from rung.loop.shipping.promote import promote
from rung.loop.shipping.reindex import reindex
from rung.loop.shipping.winners import Winners
from rung.models.base import ChatRequest
from rung.report.reasons import reason_text
from scripted import ScriptedEmbedder, ScriptedModel

MODEL, EMBEDDER = "http://localhost:1/v1#m", "local/all-minilm-l6-v2"
TOML = """
[task]
instruction = "Give the code of the part."
examples = "examples.jsonl"
documents = "documents.jsonl"
[output]
text = {{ max_words = 3 }}
[target]
metric = "exact_match"
score = 0.3
[models]
try = ["{model}"]
[costs]
input_usd_per_mtok = 1
output_usd_per_mtok = 1
"""
PLAIN = Candidate(model=MODEL)
SHOWN = Candidate(model=MODEL, prompt=Prompt(shots=Shots(kind="fixed", k=2)))
RAG = Candidate(
    model=MODEL, context=Context(kind="retrieved", k=2, search="hybrid"), embedder=EMBEDDER
)


def put(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rung.toml").write_text(TOML.format(model=MODEL))
    rows = [
        {"input": f"Code of part {i} {'x' * (i % 7)}?", "expected": code(i)} for i in range(200)
    ]
    put(tmp_path / "examples.jsonl", rows)
    put(tmp_path / "documents.jsonl", documents())
    return tmp_path


def code(i: int, version: int = 1) -> str:
    return f"code-{i * 37 * version}"


def documents(version: int = 1) -> list[dict[str, Any]]:
    """One document a part; the second version changes every tenth."""
    return [
        {"id": f"d{i}", "text": f"Part {i} has {code(i, version if i % 10 == 0 else 1)}."}
        for i in range(60)
    ]


def right(share: int) -> Callable[[ChatRequest], str]:
    """Right on that share of the parts; with shots it is told by the candidate's own share."""

    def answer(request: ChatRequest) -> str:
        number = int(request.messages[-1].content.split("part ")[-1].split()[0])
        return code(number) if number * 61 % 100 < share else "no"

    return answer


def shares(plain: int, shown: int) -> ScriptedModel:
    def answer(request: ChatRequest) -> str:
        shots = any(m.role == "assistant" for m in request.messages)
        return right(shown if shots else plain)(request)

    return ScriptedModel(answer, MODEL)


def options(model: ScriptedModel, *candidates: Candidate) -> ClimbOptions:
    return ClimbOptions(
        models={MODEL: model},
        embedders={EMBEDDER: ScriptedEmbedder(EMBEDDER)},
        candidates=candidates,
    )


DONE: dict[tuple[int, int], bytes] = {}
"""What two climbs left behind, by shares."""


def two_winners(folder: Path, plain: int, shown: int) -> ClimbOptions:
    """The plain candidate is served, the one with shots waits."""
    opts = options(shares(plain, shown), PLAIN)
    if (plain, shown) in DONE:
        with tarfile.open(fileobj=io.BytesIO(DONE[plain, shown])) as packed:
            packed.extractall(folder, filter="data")
        return opts
    rung.climb(folder, opts)
    assert promote(folder, opts).outcome == "first"
    rung.climb(folder, options(shares(plain, shown), SHOWN))
    packing = io.BytesIO()
    with tarfile.open(fileobj=packing, mode="w") as packed:
        for name in (".rung", LEDGER_FILE):
            packed.add(folder / name, name)
    DONE[plain, shown] = packing.getvalue()
    return opts


def test_a_climb_leaves_a_served_winner_alone(folder: Path) -> None:
    two_winners(folder, 50, 90)
    assert rung.climb  # the second climb kept its choice beside the winner
    served = json.loads((folder / ".rung/winner/manifest.json").read_text())["candidate"]
    waiting = json.loads((folder / ".rung/challenger/manifest.json").read_text())["candidate"]
    assert served == PLAIN.key and waiting == SHOWN.key


def test_a_climb_leaves_a_winner_with_traffic_alone(folder: Path) -> None:
    rung.climb(folder, options(shares(50, 90), PLAIN))
    (folder / ".rung/traffic.sqlite").touch()
    done = rung.climb(folder, options(shares(50, 90), SHOWN))
    assert (folder / ".rung/challenger").exists()
    assert "`rung promote` tests it" in reason_text(done.verdict.next_step)


def test_a_better_challenger_is_promoted_and_rolled_back(folder: Path) -> None:
    opts = two_winners(folder, 50, 90)
    before = Winners(folder).present()
    done = promote(folder, opts)
    assert done.outcome == "better" and done.swapped and done.low is not None and done.low > 0
    assert done.difference == pytest.approx(0.4, abs=0.15)
    assert Winners(folder).present() == done.challenger != before
    back = Winners(folder).rollback()
    assert back.now == before == Winners(folder).present()
    again = Winners(folder).rollback()  # the swap before the rollback is undone the other way
    assert again.now == done.challenger
    kinds = [s.kind for s in Winners(folder).log()]
    assert kinds == ["first", "promoted", "rolled back", "rolled back"]


def test_a_worse_one_is_refused(folder: Path) -> None:
    opts = two_winners(folder, 95, 55)
    before = Winners(folder).present()
    done = promote(folder, opts)
    assert done.outcome == "worse" and not done.swapped
    assert Winners(folder).present() == before


@pytest.mark.slow
def test_one_that_cannot_be_told_apart_needs_a_margin(folder: Path) -> None:
    opts = two_winners(folder, 70, 66)
    before = Winners(folder).present()
    done = promote(folder, opts, margin=0.01)
    assert done.outcome == "undecided" and Winners(folder).present() == before
    wide = promote(folder, opts, margin=0.5, dry_run=True)
    assert wide.outcome == "not worse" and not wide.swapped
    assert promote(folder, opts, margin=0.5).swapped


def test_examples_that_were_learnt_are_refused(folder: Path) -> None:
    opts = two_winners(folder, 50, 90)
    task = rung.load_task(folder)
    rows = [{"input": e.input, "expected": e.expected} for e in (*task.test, task.train[0])]
    put(folder / "more.jsonl", rows)
    with pytest.raises(UserError, match="1 of the held-out examples stand in train too"):
        promote(folder, opts, examples=folder / "more.jsonl")
    put(folder / "few.jsonl", rows[:5])
    with pytest.raises(UserError, match="none: no such file"):
        promote(folder, opts, examples=folder / "none")
    with pytest.raises(UserError, match="5 held-out examples are too few"):
        promote(folder, opts, examples=folder / "few.jsonl")


def test_a_tampered_challenger_is_not_promoted(folder: Path) -> None:
    opts = two_winners(folder, 50, 90)
    spec = folder / ".rung/challenger/solver.json"
    spec.write_text(spec.read_text().replace("Give the code", "Say no to the code"))
    with pytest.raises(StoreError, match="was changed after it was saved"):
        promote(folder, opts)


def test_a_winner_that_was_removed_is_found_again(folder: Path) -> None:
    two_winners(folder, 50, 90)
    before = Winners(folder).present()
    (folder / ".rung/winner").unlink()
    assert Winners(folder).present() == before


def test_nothing_to_promote_and_nothing_to_roll_back_is_said(folder: Path) -> None:
    with pytest.raises(UserError, match="nothing waits to be promoted"):
        promote(folder)
    rung.climb(folder, options(shares(50, 90), PLAIN))
    with pytest.raises(UserError, match="no winner before the present one"):
        Winners(folder).rollback()
    gone = CliRunner().invoke(app, ["rollback", str(folder / "x")]).exception
    assert isinstance(gone, UserError) and "no such folder" in str(gone)
    with pytest.raises(UserError, match="no winner is kept under 'abc'"):
        Winners(folder).rollback("abc")
    said = CliRunner().invoke(app, ["promote", str(folder)])
    assert said.exit_code == 0 and "from now on a swap needs a paired test" in said.output
    said = CliRunner().invoke(app, ["promote", str(folder)])
    assert "is the winner already" in said.output


def reading() -> ScriptedModel:
    def answer(request: ChatRequest) -> str:
        asked = request.messages[-1].content
        number = asked.rsplit("Code of part ", 1)[-1].split()[0]
        held = asked.split(f"Part {number} has ")
        return held[1].split(".")[0] if len(held) > 1 else "unknown"

    return ScriptedModel(answer, MODEL)


@pytest.fixture
def qdrant() -> Iterator[str]:
    with qdrants.started() as url:
        yield url


@pytest.mark.parametrize(
    "store", ["embedded", "qdrant", pytest.param("pgvector", marks=pytest.mark.slow)]
)
def test_reindexing_touches_only_what_changed(
    folder: Path, store: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if store != "embedded":
        server = {"pgvector": "postgres"}.get(store, store)
        monkeypatch.setenv("RUNG_KNOWLEDGE_URL", request.getfixturevalue(server))
    rows = [
        {"input": f"Code of part {i % 60} {'y' * i}?", "expected": code(i % 60)} for i in range(120)
    ]
    put(folder / "examples.jsonl", rows)
    reader = RAG.model_copy(update={"context": RAG.context.model_copy(update={"store": store})})
    opts = options(reading(), reader)
    assert rung.climb(folder, opts).verdict.status == "sufficient"
    assert reindex(folder, opts).challenger is None
    put(folder / "documents.jsonl", documents(version=2))
    done = reindex(folder, opts)
    changed = sum(code(i) != code(i, 2) for i in range(0, 60, 10))
    assert changed == 5  # part 0 has the code 0 in both
    assert (done.documents, done.changed, done.added, done.removed) == (60, changed, 0, 0)
    assert (done.passages, done.kept, done.embedded) == (60, 60 - changed, changed)
    # The second time nothing is left to embed, and the served one still says what it said.
    assert reindex(folder, opts).embedded == 0
    ask = "Code of part 30 z?"

    def say(name: str) -> str:
        from rung.solver import load

        solver = load(folder / ".rung" / name, lambda _: reading(), lambda _: _metered())
        return solver.ask(ask).text

    assert say("winner") == code(30) and say("challenger") == code(30, 2)


def _metered() -> Any:
    from rung.models.metered import Metered

    return Metered(ScriptedEmbedder(EMBEDDER))


def test_a_winner_that_reads_nothing_is_not_reindexed(folder: Path) -> None:
    opts = options(shares(50, 90), PLAIN)
    rung.climb(folder, opts)
    with pytest.raises(UserError, match="reads no documents"):
        reindex(folder, opts)
