"""`no-llm/encoder`: the embedder tuned on the labels, kept, saved and opened again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import rung
from climbing.tasks import LABELS, MODEL, knowing, label_task
from rung.behaviour.trainers.base import Hooks
from rung.behaviour.trainers.encoder import FEWEST_DEV, FOLDER, Labelled, tune_encoder
from rung.behaviour.trainers.encoder_recipe import EPOCHS, MOST_TOKENS, learnt
from rung.behaviour.trainers.lora import TrainingStopped
from rung.candidate import Candidate, Prompt
from rung.climbing.tools import ClimbOptions
from rung.errors import UserError
from rung.models.embedder import open_embedder
from rung.models.fetch import model_folder
from rung.models.metered import Metered
from rung.models.no_llm import Linear, load_label_model
from rung.models.no_llm_choice import ENCODER
from rung.models.no_llm_sets import members
from rung.solver import Solver, Workshop, fit, load, save
from rung.task.types import Example, MultiLabelOutput, Target, Task
from scripted import ScriptedEmbedder, ScriptedModel
from tiny_encoder import made

pytestmark = pytest.mark.lengthy


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(made(tmp_path_factory.mktemp("base")))


class Bench:
    def __init__(self, base: str, folder: Path) -> None:
        self.candidate = Candidate(model=ENCODER, embedder=base)
        self.folder, self.opened = folder, list[str]()
        self.chat = ScriptedModel(knowing(), MODEL)
        self.workshop = Workshop(
            lambda _: self.chat, lambda _: self.chat, self.ears, folder / "adapters"
        )

    def ears(self, name: str) -> Metered:
        self.opened.append(name)
        return Metered(open_embedder(name))

    def fit(self, task: Task, candidate: Candidate | None = None) -> Solver:
        return asyncio.run(fit(candidate or self.candidate, task, self.workshop))


@pytest.fixture
def bench(base: str, tmp_path: Path) -> Bench:
    return Bench(base, tmp_path)


def said(solver: Solver, rows: tuple[Example, ...]) -> list[tuple[str, float | None]]:
    async def every() -> list[tuple[str, float | None]]:
        return [(a.text, a.confidence) for a in [await solver.answer(e.input) for e in rows]]

    return asyncio.run(every())


def test_the_embedder_itself_is_tuned_and_answers(bench: Bench) -> None:
    task = label_task(telling=True, train=120, dev=40)
    solver = bench.fit(task)
    told = said(solver, task.test)
    right = np.mean([text == e.expected for (text, _), e in zip(told, task.test, strict=True)])
    assert right > 0.9 and all(sure is not None and 1 / 3 < sure <= 1 for _, sure in told)
    tuned, plain = solver.parts.encoder, solver.parts.embedder
    assert tuned is not None and plain is not None
    texts = [e.input_text() for e in task.test]
    ours, theirs = (asyncio.run(one.embed(texts)) for one in (tuned, plain))
    assert np.abs(ours - theirs).max() > 0.01
    took = bench.workshop.tuned[bench.candidate.key].took
    assert took["epochs"] == EPOCHS and took["rows"] == 120 and took["seconds"] > 0


def test_saved_it_is_whole_and_answers_alike_without_the_embedder_it_began_as(
    bench: Bench, tmp_path: Path
) -> None:
    task = label_task(telling=True, train=60)
    solver = bench.fit(task)
    save(solver, tmp_path / "kept")
    (tmp_path / "adapters").rename(tmp_path / "gone")
    names = {p.suffix for p in (tmp_path / "kept").rglob("*") if p.is_file()}
    assert names == {".json", ".npz", ".safetensors"}
    opened = load(tmp_path / "kept", lambda _: bench.chat, bench.ears)
    asked = said(opened, task.test)
    (tmp_path / "gone").rename(tmp_path / "adapters")
    assert asked == said(solver, task.test)
    assert [one.name for one in opened.embedders] == [ENCODER]


def test_equal_rows_give_equal_weights_and_what_is_tuned_is_not_tuned_again(
    bench: Bench, base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNG_THREADS", "1")
    task = label_task(telling=True, train=60)
    first = bench.fit(task)
    (kept,) = (tmp_path / "adapters").iterdir()
    before = kept.stat().st_mtime_ns
    bench.fit(task)
    assert kept.stat().st_mtime_ns == before
    other = Bench(base, tmp_path / "elsewhere").fit(task)
    assert said(first, task.test) == said(other, task.test)
    bench.fit(label_task(telling=True, train=61))
    assert len(list((tmp_path / "adapters").iterdir())) == 2


def test_stopped_it_leaves_nothing(bench: Bench, tmp_path: Path) -> None:
    bench.workshop.stop.set()
    with pytest.raises(TrainingStopped):
        bench.fit(label_task(telling=True, train=60))
    assert not (tmp_path / "adapters").exists()


def test_sets_of_labels_are_learnt(bench: Bench) -> None:
    task = label_task(telling=True, train=300)
    pairs = zip(task.train, (*task.train[1:], task.train[0]), strict=True)

    def both(one: Example, other: Example) -> Example:
        held = sorted({str(one.expected), str(other.expected)})
        text = f"{one.input} {other.input}"
        return one.model_copy(update={"input": text, "expected": held})

    rows = tuple(both(*pair) for pair in pairs)
    several = MultiLabelOutput(labels=task.output.labels)  # type: ignore[union-attr]
    target = Target(metric="sample_f1", score=0.8)
    changes = {"train": rows[:250], "dev": (), "test": rows[250:]}
    many = task.model_copy(update={"output": several, "target": target, **changes})
    told = said(bench.fit(many), many.test)
    right = [json.loads(t) == e.expected for (t, _), e in zip(told, many.test, strict=True)]
    assert np.mean(right) > 0.8 and all(0 < (sure or 0) <= 1 for _, sure in told)


def test_before_a_model_it_answers_what_it_is_sure_of(bench: Bench, tmp_path: Path) -> None:
    task = label_task(telling=True, train=120, dev=60)
    prompt = Prompt(max_output_tokens=8)
    candidate = bench.candidate.model_copy(update={"model": MODEL, "first": ENCODER})
    solver = bench.fit(task, candidate.model_copy(update={"prompt": prompt}))
    assert solver.spec.sure is not None
    assert {a for a, _ in said(solver, task.test)} == {"amber", "birch", "cedar"}
    assert bench.chat.calls < len(task.test) / 2
    save(solver, tmp_path / "kept")
    opened = load(tmp_path / "kept", lambda _: bench.chat, bench.ears)
    assert said(opened, task.test) == said(solver, task.test)


def test_an_embedder_without_weights_here_is_refused(bench: Bench) -> None:
    bench.workshop = replace(bench.workshop, embedder=lambda _: Metered(ScriptedEmbedder()))
    with pytest.raises(UserError, match=r"no weights on this machine: set \[models\] embedder"):
        bench.fit(label_task(telling=True, train=60))


def test_long_rows_are_read_less_often_and_in_the_end_left_out() -> None:
    assert learnt([10] * 50) == (EPOCHS, [*range(50)])
    half = MOST_TOKENS // 200
    assert learnt([100] * half) == (2, [*range(half)])
    epochs, rows = learnt([100] * (MOST_TOKENS // 25))
    assert epochs == 1 and len(rows) == MOST_TOKENS // 100 and rows[1] == 4


def test_the_temperature_is_chosen_on_dev_and_changes_no_answer(base: str, tmp_path: Path) -> None:
    """Dev rows that are all labelled wrongly: whoever is sure there is sure of a wrong answer."""
    rows = label_task(telling=True, train=120).train
    texts, labels = [e.input_text() for e in rows], [str(e.expected) for e in rows]
    held = members([[label] for label in labels], LABELS)
    vectors = asyncio.run(open_embedder(base).embed(texts))
    told = []
    for size in (FEWEST_DEV - 1, FEWEST_DEV):
        folder, dev = tmp_path / str(size), Labelled(texts[:size], np.roll(held, 1, axis=1)[:size])
        start = Linear.fit(vectors, (), labels)
        tune_encoder(Path(base), start, Labelled(texts, held), dev, folder, Hooks())
        ours = asyncio.run(open_embedder(folder / FOLDER).embed(texts))
        told.append(load_label_model(folder / "labels.npz").predict(ours))
    assert [label for label, _ in told[0]] == [label for label, _ in told[1]] == labels
    sure, unsure = (np.mean([confidence for _, confidence in one]) for one in told)
    assert sure > 0.7 and unsure == pytest.approx(1 / 3, abs=0.05)


NAME = "local/all-minilm-l6-v2"


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("RUNG_THREADS", "1")
    yield


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("threads")
@pytest.mark.skipif(model_folder(NAME) is None, reason=f"{NAME} is not fetched")
def test_a_climb_tunes_it_once_and_counts_what_that_took(tmp_path: Path) -> None:
    task = label_task(telling=True, train=100, dev=40, test=60)
    rows = [(s, e) for s in ("train", "dev", "test") for e in getattr(task, s)]
    for split in ("train", "dev", "test"):
        lines = [
            json.dumps({"input": e.input, "expected": e.expected}) for s, e in rows if s == split
        ]
        (tmp_path / f"{split}.jsonl").write_text("\n".join(lines) + "\n")
    (tmp_path / "rung.toml").write_text(
        '[task]\nname = "t"\ninstruction = "Name the kind."\ntrain = "train.jsonl"\n'
        'dev = "dev.jsonl"\ntest = "test.jsonl"\n[output]\nlabels = ["amber", "birch", "cedar"]\n'
        '[target]\nscore = 0.8\n[models]\ntry = ["local/smollm2-135m-instruct"]\n'
    )
    options = ClimbOptions(only=("no-llm",), everything=True)
    result = rung.climb(tmp_path, options)
    row = next(r for r in result.candidates if r.model == ENCODER)
    assert row.test is not None and (row.test.value or 0) > 0.9 and row.training["seconds"] > 0
    usage = next(c for c in result.economics["candidates"] if c["model"] == ENCODER)
    assert usage["train_seconds"] == row.training["seconds"] and usage["train_examples"] == 0
    folders = list((tmp_path / ".rung" / "adapters").iterdir())
    stamps = {p: p.stat().st_mtime_ns for p in folders}
    again = rung.climb(tmp_path, options)
    assert {p: p.stat().st_mtime_ns for p in folders} == stamps
    assert next(r for r in again.candidates if r.model == ENCODER).training == row.training
