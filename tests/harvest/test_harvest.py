"""Traffic becomes examples: the right ones first, only judged ones, each with its origin."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import rung
from rung.cli.app import app
from rung.errors import BudgetExceeded, StoreError, UserError
from rung.loop.harvest import build, queue, read_version, versions
from rung.loop.harvest.queue import Measures, Queue, keep_reasons, queued
from rung.privacy.redaction import Redactor
from rung.records import Answer
from rung.task.corrections import rejected
from rung.traffic import Feedback, Judged, TrafficRecord, open_store
from scripted import ScriptedEmbedder
from scripted_embeddings import embedded, embeddings, tokens
from scripted_http import ScriptedServer

TOML = """
[task]
name = "queues"
instruction = "Which queue?"
train = "train.jsonl"
dev = "dev.jsonl"
test = "test.jsonl"
[output]
labels = ["billing", "shipping"]
[target]
score = 0.8
[climb]
train_size = 5
"""
WORDS = ("apple", "river", "stone", "cloud", "ember", "frost", "grape", "heron", "ivory", "jolly")


def text(i: int) -> str:
    """Inputs that share no five letters."""
    return " ".join(WORDS[(i * 7 + 3 * k) % 10] + str(i * 31 + k) for k in range(5))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rung.toml").write_text(TOML)
    for name, start in (("train", 0), ("dev", 100), ("test", 200)):
        rows = [
            {"id": f"{name}{i}", "input": text(start + i), "expected": "billing"} for i in range(12)
        ]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    return tmp_path


def record(i: int, label: str = "shipping", **answer: Any) -> TrafficRecord:
    plain: dict[str, Any] = {"text": label, "value": label}
    return TrafficRecord(
        id=f"r{i}",
        candidate="c~1",
        solver="f" * 64,
        input=text(i),
        answer=Answer(**{**plain, **answer}),
    )


def log(folder: Path, records: Sequence[TrafficRecord], *given: Feedback) -> None:
    store = open_store(folder)
    store.add(records)
    for one in given:
        store.add_feedback(one)
    store.close()


def said(request: str, verdict: str, corrected: Any = None) -> Feedback:
    return Feedback.model_validate(
        {"request_id": request, "verdict": verdict, "corrected": corrected, "who": "ann"}
    )


def ask(folder: Path, rows: list[Judged], **how: Any) -> Any:
    task = rung.load_task(folder, whole=True)
    measures = Measures(**how.pop("measures", {}))
    return asyncio.run(queue(task, rows, measures, **how))


def test_reasons_and_their_order(folder: Path) -> None:
    rows = [
        Judged(record(300), None),
        Judged(record(301, confidence=0.2), None),
        Judged(record(302, valid=False, value=None, problem="no label."), None),
        Judged(record(303), said("r303", "wrong")),
        Judged(record(304), said("r304", "right")),
        Judged(record(305), said("r305", "corrected", "billing")),
    ]
    measures = {"confidences": [0.5 + i / 100 for i in range(50)]}
    found = ask(folder, rows, measures=measures, size=5)
    assert found.seen == 4  # approved and corrected ones are done with
    by_request = {w.request: set(w.reasons) - {"random"} for w in found.wanted}
    assert by_request["r303"] == {"negative feedback"}
    assert by_request["r302"] == {"not valid"} and by_request["r301"] == {"unsure"}
    assert [w.request for w in found.wanted if w.worth] == ["r303", "r302", "r301"]
    assert sum("random" in w.reasons for w in found.wanted) == 2
    assert found.thresholds["confidence"] == pytest.approx(0.549)


def test_where_little_is_telling_chance_fills_the_queue(folder: Path) -> None:
    rows = [Judged(record(i), None) for i in range(300, 340)]
    rows[7] = Judged(record(307), said("r307", "wrong"))
    found = ask(folder, rows, size=30)
    # 29 are drawn from all, the telling one among them or beside them.
    assert 29 <= len(found.wanted) <= 30 and found.wanted[0].request == "r307"
    assert sum("random" in w.reasons for w in found.wanted) == 29
    drawn = {
        tuple(sorted(w.request for w in ask(folder, rows, size=5, seed=s).wanted))
        for s in (1, 2, 3)
    }
    assert len(drawn) > 1


def test_far_inputs_are_queued(folder: Path) -> None:
    class Apart(ScriptedEmbedder):
        """Numbers of 900 and more lie apart from all others."""

        async def embed(self, texts: list[str]) -> Any:
            vectors = (await super().embed(texts)) * 0.2
            for row, one in zip(vectors, texts, strict=True):
                row[0 if one == text(900) else 1] += 1.0
            return vectors / (vectors**2).sum(axis=1, keepdims=True) ** 0.5

    rows = [Judged(record(i), None) for i in (300, 301, 302, 900)]
    found = ask(folder, rows, measures={"embedder": Apart()}, size=10)
    far = [w.request for w in found.wanted if "far from every example" in w.reasons]
    assert far == ["r900"]


def test_another_rung_s_opinion_counts(folder: Path) -> None:
    from rung.candidate import Candidate
    from rung.solver import Solver, SolverSpec
    from rung.solver.solver import Parts

    task = rung.load_task(folder)
    spec = SolverSpec(
        candidate=Candidate(model="no-llm/x"), task="t", instruction="", output=task.output
    )

    class Other(Solver):
        async def answer(self, value: Any, given: Any = None, seed: int = 0) -> Answer:
            label = "billing" if value == text(301) else "shipping"
            return Answer(text=label, value=label)

    rows = [Judged(record(i), None) for i in (300, 301, 302)]
    found = ask(folder, rows, measures={"others": [Other(spec, Parts())]}, size=10)
    assert [w.request for w in found.wanted if "rungs disagree" in w.reasons] == ["r301"]
    assert any("says 'billing'" in d for w in found.wanted for d in w.details)


def test_near_duplicates_are_dropped(folder: Path) -> None:
    shown = record(3)  # an example's input
    again = record(310)
    twin = again.model_copy(update={"id": "twin", "input": again.input + "!"})
    found = ask(folder, [Judged(r, None) for r in (shown, again, twin)], size=10)
    assert found.duplicates == 2 and {w.request for w in found.wanted} <= {"r310"}


def test_a_version_holds_judged_answers_only(folder: Path) -> None:
    log(
        folder,
        [record(i) for i in range(300, 306)],
        said("r300", "right"),
        said("r301", "corrected", "billing"),
        said("r302", "wrong"),
        said("r303", "wrong"),
        said("r303", "right"),
    )
    done = build(folder)
    assert (done.corrected, done.approved, done.unreviewed) == (1, 2, 2)
    assert done.left_out == {"wrong, and nobody said what is right": 1}
    version, splits = read_version(Path(done.folder))
    assert version.sizes == {"train": 15, "dev": 12, "test": 12}  # also beyond train_size
    new = {e.input: e for e in splits["train"] if "harvest" in e.meta}
    assert {k: e.expected for k, e in new.items()} == {
        text(300): "shipping",
        text(301): "billing",
        text(303): "shipping",
    }
    origin = new[text(301)].meta["harvest"]
    assert origin["origin"] == "corrected" and origin["request"] == "r301"
    assert origin["who"] == "ann" and origin["solver"] == "f" * 64
    assert {k: e.meta.get("rejected") for k, e in new.items()} == {
        text(300): None, text(301): "shipping", text(303): None,
    }  # fmt: skip
    assert version.diff.summary() == "train +3" and version.parent != version.hash


def test_the_newest_judgement_of_an_input_counts(folder: Path) -> None:
    again = record(300).model_copy(update={"id": "again"})
    log(
        folder,
        [record(300), again],
        said("again", "right"),  # the later request was judged first
        said("r300", "corrected", "billing"),
    )
    done = build(folder)
    assert done.left_out == {"judged again later": 1}
    (new,) = [e for e in read_version(Path(done.folder))[1]["train"] if "harvest" in e.meta]
    assert new.expected == "billing"


def test_unreviewed_answers_are_refused(folder: Path) -> None:
    log(folder, [record(300)])
    with pytest.raises(UserError, match="learns its own mistakes"):
        build(folder, unreviewed=True)
    with pytest.raises(UserError, match="none of the 0 judged answers"):
        build(folder)
    assert not (folder / "data").exists()
    refused = CliRunner().invoke(app, ["harvest", str(folder), "--unreviewed"])
    assert "learns its own mistakes" in str(refused.exception)


def test_a_held_out_input_is_never_learnt(folder: Path) -> None:
    log(
        folder,
        [record(200), record(105), record(300)],
        *(said(f"r{i}", "right") for i in (200, 105, 300)),
    )
    done = build(folder)
    assert done.left_out == {
        "stands in test already, with another answer": 1,
        "stands in dev already, with another answer": 1,
    }
    _, splits = read_version(Path(done.folder))
    learnt = {e.input for e in splits["train"]}
    assert text(300) in learnt and not learnt & {text(200), text(105)}


def test_a_correction_replaces_the_label_of_its_example(folder: Path) -> None:
    log(folder, [record(4)], said("r4", "right"))  # train says billing, a person says shipping
    done = build(folder)
    (changed,) = done.version.diff.changed["train"]
    assert (changed.id, changed.was, changed.now) == ("train4", "billing", "shipping")
    assert done.version.diff.summary() == "train ~1"


def test_only_a_random_draw_is_tested_on(folder: Path) -> None:
    log(
        folder,
        [record(i) for i in range(300, 310)],
        *(said(f"r{i}", "right") for i in range(300, 310)),
    )
    drawn = {f"r{i}": ("random",) for i in range(300, 304)}
    done = build(folder, reasons={**drawn, "r305": ("unsure",)}, test="fresh")
    _, splits = read_version(Path(done.folder))
    assert {e.input for e in splits["test"]} == {text(i) for i in range(300, 304)}
    learnt = {e.input for e in splits["train"]}
    assert {text(i) for i in range(304, 310)} <= learnt and not learnt & {text(300), text(303)}
    with pytest.raises(UserError, match="drawn at random and judged"):
        build(folder, reasons={"r305": ("unsure",)}, test="fresh")


def test_versions_do_not_change(folder: Path) -> None:
    log(folder, [record(300)], said("r300", "right"))
    done = build(folder)
    assert build(folder).folder == done.folder and len(versions(folder)) == 1
    file = Path(done.folder) / "train.jsonl"
    assert not file.stat().st_mode & 0o222
    file.chmod(0o644)
    file.write_text(file.read_text().replace("shipping", "billing"))
    with pytest.raises(StoreError, match="was changed after it was made"):
        build(folder)


def test_the_command_points_rung_toml_at_the_version(folder: Path) -> None:
    log(folder, [record(300)], said("r300", "right"))
    before = rung.load_task(folder, whole=True)
    done = CliRunner().invoke(app, ["harvest", str(folder), "--build", "--use"])
    assert done.exit_code == 0, done.output
    after = rung.load_task(folder, whole=True)
    assert len(after.train) == len(before.train) + 1
    assert {e.id for e in after.test} == {e.id for e in before.test}
    assert after.climb == before.climb and after.output == before.output
    assert len(list(folder.glob("rung.*.toml"))) == 1
    # Once more: the version in use is the parent, and there is nothing new.
    again = CliRunner().invoke(app, ["harvest", str(folder), "--build"])
    assert "stands in train already" in again.output, again.output
    assert "in use already, nothing new" in again.output and "--use" not in again.output
    CliRunner().invoke(app, ["harvest", str(folder), "--build", "--use"])
    assert len(list(folder.glob("rung.*.toml"))) == 1


def test_an_answer_against_today_s_contract_is_left_out(folder: Path) -> None:
    log(folder, [record(300, "refunds"), record(301)], said("r300", "right"), said("r301", "right"))
    assert build(folder).left_out == {"against the output of today's task": 1}


def test_first_reasons_stay(folder: Path) -> None:
    found = ask(folder, [Judged(record(i), None) for i in range(300, 310)], size=5)
    keep_reasons(folder, found)
    first = queued(folder)
    assert first and all(r == ("random",) for r in first.values())
    rows = [Judged(record(i), said(f"r{i}", "wrong")) for i in range(300, 310)]
    keep_reasons(folder, ask(folder, rows, size=10))
    assert {k: queued(folder)[k] for k in first} == first


def test_the_command_needs_traffic(folder: Path) -> None:
    for flags in ([], ["--build"]):
        caught = CliRunner().invoke(app, ["harvest", str(folder), *flags]).exception
        assert isinstance(caught, UserError) and "there is no traffic log" in str(caught)
    # A log that looking makes would say that a winner answers requests.
    assert not (folder / ".rung/traffic.sqlite").exists()
    open_store(folder).close()
    caught = CliRunner().invoke(app, ["harvest", str(folder)]).exception
    assert isinstance(caught, UserError) and "holds no answer" in str(caught)


def test_a_hosted_embedder_is_paid_within_the_budget(folder: Path) -> None:
    log(folder, [record(i) for i in range(20)])
    train = (folder / "train.jsonl").read_text().splitlines()
    other = [line.replace("billing", "shipping") for line in train[:6]]
    (folder / "train.jsonl").write_text("\n".join([*other, *train[6:]]) + "\n")
    with ScriptedServer(lambda call: "", embeddings()) as server:
        models = f'[models]\ntry = ["no-llm/linear"]\nembedder = "{server.url}#embeds"\n'
        costs = "[costs]\nembedding_usd_per_mtok = 40\n"
        (folder / "rung.toml").write_text(TOML + "budget_usd = 0.0001\n" + models + costs)
        refused = CliRunner().invoke(app, ["harvest", str(folder)])
        assert isinstance(refused.exception, BudgetExceeded) and not embedded(server.calls)
        done = CliRunner().invoke(app, ["harvest", str(folder), "--budget", "1", "--json"])
        assert done.exit_code == 0, done.exception
        spent = Queue.model_validate_json(done.stdout).spent_usd
        assert spent == pytest.approx(40e-6 * tokens(embedded(server.calls))) and spent > 0
        again = CliRunner().invoke(app, ["harvest", str(folder)])
    assert again.exit_code == 0 and "paid to" not in again.stdout


def test_what_a_correction_replaced_is_kept_as_it_was_written(folder: Path) -> None:
    unread = {"valid": False, "value": None, "text": "It is shipping?", "problem": "no label."}
    right = record(301).model_copy(update={"answer": Answer(text="billing", value="billing")})
    log(
        folder,
        [record(300, **unread), right, record(302)],
        said("r300", "corrected", "billing"),
        said("r301", "corrected", "billing"),  # as it was
        said("r302", "corrected", "billing"),
    )
    CliRunner().invoke(app, ["harvest", str(folder), "--build", "--use"])
    task = rung.load_task(folder, whole=True)
    kept = {e.input: rejected(task.output, e) for e in task.train if "harvest" in e.meta}
    assert kept == {text(300): "It is shipping?", text(301): None, text(302): "shipping"}


def test_inputs_are_taken_without_answers(folder: Path) -> None:
    failed = record(303).model_copy(update={"answer": None, "error": "too long"})
    secret = record(304).model_copy(update={"input": f"{text(304)} ann@example.org"})
    store = open_store(folder, Redactor())
    store.add([record(4), *(record(i, "refunds") for i in (300, 301, 302)), failed, secret])
    store.close()
    again = CliRunner().invoke(app, ["harvest", str(folder), "--inputs"])
    assert "5 inputs of the traffic, and none of its answers" in again.output, again.output
    done = CliRunner().invoke(app, ["harvest", str(folder), "--inputs", "--use"])
    assert done.exit_code == 0 and "rung.toml names it now" in done.output, done.output
    (file,) = (folder / "data").iterdir()
    assert "refunds" not in file.read_text() and "ann@" not in file.read_text()
    found = rung.load_task(folder).unlabelled
    assert {i for i in found if "email" not in i} <= {text(i) for i in (300, 301, 302)}
    assert len(found) == 4, "what stands in train is left out"
    assert len(list(folder.glob("rung.*.toml"))) == 1
    CliRunner().invoke(app, ["harvest", str(folder), "--inputs", "--use"])
    assert len(list(folder.glob("rung.*.toml"))) == 1
