"""What every kind of solver promises, whichever slots its candidate fills."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from climbing.tasks import (
    EMBEDDER,
    LABELS,
    MODEL,
    asked,
    fact_task,
    knowing,
    label_of,
    label_task,
    reading,
)
from rung.candidate import Candidate, Context, Prompt, Shots, Weights
from rung.errors import ProviderError, StoreError, UserError
from rung.measure.runner import Runner
from rung.measure.store import RunStore
from rung.models.base import ChatRequest
from rung.models.metered import Metered
from rung.records import Answer, Passage
from rung.scorers import scorer_for
from rung.solver import Solver, Workshop, fit, load, save
from rung.task.types import Task
from scripted import ScriptedEmbedder, ScriptedModel

SHORT = Prompt(max_output_tokens=8)


def shown(kind: str, k: int) -> Prompt:
    return SHORT.model_copy(update={"shots": Shots.model_validate({"kind": kind, "k": k})})


def retrieved(search: str, kind: str = "retrieved") -> Context:
    return Context.model_validate({"kind": kind, "k": 2, "chunk_chars": 400, "search": search})


LABELLED = {
    "nearest": Candidate(model="no-llm/nearest", embedder=EMBEDDER),
    "linear": Candidate(model="no-llm/linear", embedder=EMBEDDER),
}
ASKING = {
    "prompt": Candidate(model=MODEL, prompt=SHORT),
    "reasoning": Candidate(model=MODEL, prompt=SHORT.model_copy(update={"reasoning": True})),
    "fixed shots": Candidate(model=MODEL, prompt=shown("fixed", 3)),
    "nearest shots": Candidate(model=MODEL, prompt=shown("nearest", 3), embedder=EMBEDDER),
    "all documents": Candidate(model=MODEL, prompt=SHORT, context=Context(kind="all")),
    "word search": Candidate(model=MODEL, prompt=SHORT, context=retrieved("lexical")),
    "meaning search": Candidate(
        model=MODEL, prompt=SHORT, context=retrieved("dense"), embedder=EMBEDDER
    ),
    "hybrid search, nearest shots": Candidate(
        model=MODEL, prompt=shown("nearest", 2), context=retrieved("hybrid"), embedder=EMBEDDER
    ),
    "word search, fixed shots": Candidate(
        model=MODEL, prompt=shown("fixed", 2), context=retrieved("lexical")
    ),
}
HEADED = {
    "label head": Candidate(
        model=MODEL, prompt=shown("nearest", 3).model_copy(update={"head": True}), embedder=EMBEDDER
    ),
}
KINDS = {**LABELLED, **HEADED, **ASKING}


def leaning(request: ChatRequest) -> list[float]:
    """Log-probabilities of a model that knows the label but likes the first one too well."""
    label = label_of(asked(request))
    return [-5.0 * (name != label) + 9.0 * (at == 0) for at, name in enumerate(LABELS)]


class Bench:
    """A task that a candidate fits, and what fitting needs."""

    def __init__(self, candidate: Candidate, folder: Path, chat: ScriptedModel | None = None):
        labels = candidate.technique == "no-llm" or candidate.prompt.head
        self.candidate = candidate
        self.task: Task = label_task(telling=True, test=20) if labels else fact_task(test=20)
        self.chat = chat or ScriptedModel(
            knowing() if candidate.prompt.head else reading, MODEL, logprobs=leaning
        )
        self.embedder = ScriptedEmbedder(EMBEDDER)
        self.folder = folder
        self.workshop = Workshop(
            lambda _: self.chat, lambda _: self.chat, self.ears, folder / "adapters"
        )

    def ears(self, _: str) -> Metered:
        return Metered(self.embedder)

    def fit(self) -> Solver:
        return asyncio.run(fit(self.candidate, self.task, self.workshop))

    def answers(self, solver: Solver) -> list[Answer]:
        async def every() -> list[Answer]:
            return [await solver.answer(e.input) for e in self.task.dev]

        return [
            a.model_copy(
                update={
                    "usage": a.usage.model_copy(update={"seconds": 0.0}),
                    "by_call": tuple(
                        c.model_copy(update={"usage": c.usage.model_copy(update={"seconds": 0.0})})
                        for c in a.by_call
                    ),
                    "latency_s": 0.0,
                }
            )
            for a in asyncio.run(every())
        ]


@pytest.fixture(params=KINDS)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    return Bench(KINDS[request.param], tmp_path)


@pytest.fixture(params=ASKING)
def asking(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    return Bench(ASKING[request.param], tmp_path)


@pytest.mark.lengthy
def test_making_one_does_no_work(bench: Bench) -> None:
    solver = bench.fit()
    calls, texts = bench.chat.calls, len(bench.embedder.texts)
    again = Solver(solver.spec, solver.parts)
    assert bench.chat.calls == calls and (calls == 0 or bench.candidate.prompt.head)
    assert len(bench.embedder.texts) == texts
    assert again.candidate == bench.candidate


@pytest.mark.lengthy
def test_fitting_changes_nothing_it_is_given_and_writes_nothing(bench: Bench) -> None:
    before = bench.task.model_dump_json()
    bench.fit()
    assert bench.task.model_dump_json() == before
    assert list(bench.folder.iterdir()) == []


@pytest.mark.lengthy
def test_it_answers_alike_every_time(bench: Bench) -> None:
    one, other = bench.fit(), bench.fit()
    said = bench.answers(one)
    assert said == bench.answers(one) == bench.answers(other)
    assert all(a.valid for a in said)


@pytest.mark.lengthy
def test_it_answers_alike_however_many_at_once(bench: Bench) -> None:
    solver = bench.fit()

    async def at_once() -> list[Answer]:
        await solver.prepare([e.input for e in bench.task.dev])
        return await asyncio.gather(*(solver.answer(e.input) for e in bench.task.dev))

    said = [(a.text, a.value, a.passages) for a in asyncio.run(at_once())]
    assert said == [(a.text, a.value, a.passages) for a in bench.answers(solver)]


@pytest.mark.lengthy
def test_saved_and_opened_it_gives_the_same_answers(bench: Bench) -> None:
    solver = bench.fit()
    said = bench.answers(solver)
    first = save(solver, bench.folder / "kept")
    opened = load(bench.folder / "kept", lambda _: bench.chat, bench.ears)
    assert opened.spec == solver.spec and bench.answers(opened) == said
    assert save(opened, bench.folder / "kept") == first  # replaced by the very same files
    assert bench.answers(load(bench.folder / "kept", lambda _: bench.chat, bench.ears)) == said
    assert [p.name for p in bench.folder.iterdir()] == ["kept"]


@pytest.mark.lengthy
def test_a_changed_missing_or_added_file_is_refused(bench: Bench) -> None:
    folder = bench.folder / "kept"
    save(bench.fit(), folder, {"run": "r"})

    def opened() -> Solver:
        return load(folder, lambda _: bench.chat, bench.ears)

    for path in [p for p in folder.rglob("*") if p.is_file() and p.name != "manifest.json"]:
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        with pytest.raises(StoreError, match="was changed after it was saved: climb again"):
            opened()
        path.unlink()
        with pytest.raises(StoreError, match="was removed after it was saved: climb again"):
            opened()
        path.write_bytes(whole)
    (folder / "labels.npz.bak").write_text("x")
    with pytest.raises(StoreError, match="holds a file that was not saved with it"):
        opened()


def test_usage_is_the_sum_of_its_calls(asking: Bench) -> None:
    solver = asking.fit()
    broken = ScriptedModel(["one two three four five", "code-1"], MODEL)  # too long, then repaired
    asking.chat = broken
    again = Solver(solver.spec, type(solver.parts)(**{**vars(solver.parts), "chat": broken}))
    answer = again.ask(asking.task.dev[0].input)
    assert answer.calls == broken.calls == 2 and answer.value == "code-1"
    assert answer.usage.input_tokens == sum(
        broken.count_tokens(r.messages) for r in broken.requests
    )
    assert answer.usage.output_tokens == 6


@pytest.mark.lengthy
def test_a_failing_provider_makes_an_error_and_never_a_wrong_answer(asking: Bench) -> None:
    solver = asking.fit()
    asking.chat._fail = lambda *_: ProviderError("busy", status=503)
    with pytest.raises(ProviderError, match="busy"):
        solver.ask(asking.task.dev[0].input)
    store = RunStore(asking.folder / "run")
    runner = Runner(asking.task, scorer_for(asking.task), store, lambda *_: _zero())
    (attempt,) = asyncio.run(runner.attempts(solver, asking.task.dev[:1], "dev"))
    assert (attempt.state, attempt.score, attempt.answer) == ("errored", None, None)
    assert attempt.error == "busy" and not attempt.error_is_final and not store.attempts


def _zero():
    from decimal import Decimal

    return Decimal(0)


@pytest.mark.lengthy
def test_it_never_sees_the_test_split(bench: Bench) -> None:
    bench.fit()
    solver = bench.fit()
    bench.answers(solver)
    secret = {e.input_text() for e in bench.task.test}
    assert not secret & set(bench.embedder.texts)
    sent = "\n".join(m.content for r in bench.chat.requests for m in r.messages)
    assert not any(text in sent for text in secret)


def test_what_it_was_given_comes_with_the_answer(asking: Bench) -> None:
    kind = asking.candidate.context.kind
    answer = asking.answers(asking.fit())[0]
    assert bool(answer.passages) == (kind != "none")
    if kind != "none":
        assert all(answer.passages[i].document_id == "part-30.md" for i in answer.citations)
        assert answer.citations or kind == "all"


def test_a_long_input_is_refused_before_any_call(asking: Bench) -> None:
    solver = asking.fit()
    answer = solver.ask("x" * 20_001)
    assert not answer.valid and answer.finish == "refused" and asking.chat.calls == 0
    assert answer.problem == "the input has 20001 characters, this solver takes 20000."


NEEDS = {
    "training examples": (LABELLED["nearest"], {"train": ()}, "`train` is empty"),
    "shots": (ASKING["fixed shots"], {"train": ()}, "`train` is empty"),
    "documents": (ASKING["word search"], {"documents": ()}, r"set \[task\] documents"),
    "a model that trains": (
        Candidate(model=MODEL, weights=Weights(kind="lora")),
        {},
        f"{MODEL} cannot be tuned here; name a local model",
    ),
    "two labels": (LABELLED["linear"], {"one label": ()}, "two labels or more, found only"),
}


@pytest.mark.parametrize("case", NEEDS)
def test_a_missing_need_is_named(case: str, tmp_path: Path) -> None:
    candidate, changes, sentence = NEEDS[case]
    bench = Bench(candidate, tmp_path)
    if "one label" in changes:
        changes = {"train": tuple(e for e in bench.task.train if e.expected == "amber")}
    bench.task = bench.task.model_copy(update=changes)
    with pytest.raises(UserError, match=sentence):
        bench.fit()


def test_a_probe_answers_only_from_passages_that_are_given(tmp_path: Path) -> None:
    bench = Bench(
        Candidate(model=MODEL, prompt=SHORT, context=retrieved("lexical", "gold")), tmp_path
    )
    solver = bench.fit()
    with pytest.raises(UserError, match="is a probe: it answers only when the gold passages"):
        solver.ask(bench.task.dev[0].input)
    gold = Passage(document_id="part-30.md", text="The code of part 30 is code-1110.")
    answer = asyncio.run(solver.answer(bench.task.dev[0].input, (gold,)))
    assert answer.text == "code-1110" and answer.passages == (gold,)


@pytest.mark.lengthy
def test_no_llm_labels_are_those_of_training_with_a_confidence(tmp_path: Path) -> None:
    for candidate in LABELLED.values():
        bench = Bench(candidate, tmp_path)
        answers = bench.answers(bench.fit())
        assert [a.value for a in answers] == [e.expected for e in bench.task.dev]
        assert all(a.confidence is not None and 1 / 3 < a.confidence <= 1 for a in answers)
        assert all(a.calls == 0 and a.usage.input_tokens == 0 for a in answers)


def test_nothing_saved_says_to_climb_first(tmp_path: Path) -> None:
    from rung import open_winner

    with pytest.raises(StoreError, match="run `rung climb` first"):
        open_winner(tmp_path)
