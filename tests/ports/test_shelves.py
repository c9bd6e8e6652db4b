"""What every slot, stage and refiner of the shelves promises: a new one is tried by itself."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import pytest

from climbing.tasks import EMBEDDER, MODEL, fact_task, label_task
from rung.behaviour.base import Ask, Slot, Tokens
from rung.behaviour.refiners import REFINERS
from rung.behaviour.shelf import SLOTS
from rung.behaviour.trainers.base import Tuned
from rung.candidate import Candidate, Context, Prompt, Weights
from rung.knowledge.finding import Looked
from rung.knowledge.lexical import searched_text
from rung.knowledge.stages import STAGES, Hunt
from rung.knowledge.stores import STORES
from rung.knowledge.tools import ToolResult
from rung.models.base import Adapter, Message
from rung.project import MANIFEST_FILE
from rung.records import Answer, Attempt, Passage, Usage
from rung.solver import fit
from rung.task.tools import ToolSettings
from rung.task.types import Example, JsonValue, Task
from scripted import ScriptedEmbedder, ScriptedModel
from solver.test_contract import KINDS, SHORT, Bench

TUNED = Candidate(model=MODEL, prompt=SHORT, weights=Weights(kind="lora"))
EVERY = [*KINDS.values(), TUNED]


def filling(name: str) -> list[Candidate]:
    return [c for c in EVERY if c.uses_llm and SLOTS[name].filled(c)]


@pytest.mark.parametrize("name", SLOTS)
def test_a_slot_speaks_of_a_candidate_before_anything_is_fitted(name: str) -> None:
    slot, asked = SLOTS[name], Tokens(100.0, 10.0)
    candidates = filling(name)
    assert candidates, f"put a candidate that fills {name!r} into solver/test_contract.py"
    for candidate in candidates:
        assert slot.words(candidate) == slot.words(candidate).strip()
        task = label_task() if candidate.prompt.head else fact_task()
        assert slot.needs(candidate, task) == "", "its own candidate can be fitted"
        expected = slot.expected(asked, task, len)
        assert expected.read >= asked.read and expected.written >= 0.0


@pytest.mark.parametrize("name", SLOTS)
def test_a_slot_asks_alike_after_it_was_saved_and_opened(name: str, tmp_path: Path) -> None:
    for number, candidate in enumerate(filling(name)):
        place = tmp_path / str(number)
        (place / "weights").mkdir(parents=True)
        bench = Bench(candidate, place)

        async def bought() -> Tuned:
            return Tuned(adapter=Adapter(path=str(place / "weights"), digest="0f"), took={})  # noqa: B023

        plain = fit_slot(bench, name, bought)
        (place / "saved").mkdir()
        (place / "saved" / MANIFEST_FILE).write_text(json.dumps({"adapter": "0f"}))
        plain.save(place / "saved")
        opened = SLOTS[name](plain.spec, SLOTS[name].load(place / "saved"), plain.embedder)
        question = Ask(text=bench.task.dev[0].input_text(), choices=("amber", "birch"))
        before = repr(question)
        first, again, later = (asyncio.run(slot.apply(question)) for slot in (plain, plain, opened))
        assert repr(question) == before, "an ask is put together anew, not changed"
        for other in (again, later):
            assert asked_for(other) == asked_for(first)


def asked_for(ask: Ask) -> object:
    """All of an ask but the seconds it took, and where an adapter lies."""
    digest = ask.adapter.digest if ask.adapter else None
    return (ask.text, tuple(ask.shots), ask.contract, ask.choices, ask.json_schema, digest)


def fit_slot(bench: Bench, name: str, bought: Callable[[], Awaitable[Tuned]]) -> Slot:
    """The slot as `fit` fits it, training left to `bought`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules["rung.solver.fit"], "tune_weights", lambda *_: bought())
        return asyncio.run(fit(bench.candidate, bench.task, bench.workshop)).slots[name]


TEXTS = ("Birches are white.", "Oaks grow slowly.", "A battery lasts five hundred charges.")
PASSAGES = tuple(
    Passage(document_id=f"d{n}", title="", text=text, start=0) for n, text in enumerate(TEXTS)
)
RANKED = (((2, 3.0), (0, 2.0)), ((1, 0.9), (2, 0.4)))


class Reverses:
    """A reranker that prefers what comes last."""

    settings = ToolSettings(name="judge", url="http://h/rerank", protocol="rerank")

    async def call(self, arguments: Mapping[str, JsonValue]) -> ToolResult:
        documents = arguments["documents"]
        assert isinstance(documents, list) and arguments["top_n"] == len(documents)
        scores = [[at, float(at)] for at in reversed(range(len(documents)))]
        return ToolResult(text=json.dumps(scores), at="2026-11-29", seconds=0.1, usd=0.01)


@pytest.mark.parametrize("query", ["white birches", ""])
@pytest.mark.parametrize("name", STAGES)
def test_a_stage_adds_seconds_and_names_passages_once(name: str, query: str) -> None:
    async def twice() -> list[Hunt]:
        embedder = ScriptedEmbedder()
        vectors = await embedder.embed([searched_text(p) for p in PASSAGES])
        store = await STORES["embedded"].build(PASSAGES, vectors, words=True)
        context = Context(kind="retrieved", tool="judge", rewrite=name, expand=name, room=40)
        rankings = RANKED if name in ("words", "meaning", "fuse") else RANKED[:1]
        hunt = Hunt(query, depth=2, k=2, rankings=rankings, passages=PASSAGES[:2], seconds=1.0)
        hunt = hunt._replace(tools={"judge": Reverses()}, chat=ScriptedModel(lambda _: "yes"))
        return [await STAGES[name](context, embedder).run(hunt, store) for _ in range(2)]

    first, again = asyncio.run(twice())
    untimed = [hunt._replace(seconds=0.0, replies=()) for hunt in (first, again)]
    assert untimed[0] == untimed[1] and len(first.replies) == len(again.replies)
    assert first.seconds >= 1.0 and first.depth == 2
    handed = [(p.document_id, p.start) for p in first.passages]
    assert len(set(handed)) == len(handed) <= 2 and len(first.queries) <= 4
    for ranking in first.rankings:
        places = [place for place, _ in ranking]
        assert len(set(places)) == len(places) and set(places) <= set(range(len(PASSAGES)))
        scores = [score for _, score in ranking]
        assert scores == sorted(scores, reverse=True)


class Counted:
    """A trial whose candidates are all alike, and that counts what it is asked."""

    can_write = False

    def __init__(self, task: Task, left: int) -> None:
        self.task, self.left, self.asked = task, left, set[str]()

    def cost(self, candidate: Candidate, examples: Sequence[Example]) -> int:
        return sum(f"{candidate.key} {e.id}" not in self.asked for e in examples)

    async def ask(self, candidate: Candidate, examples: Sequence[Example]) -> list[Attempt]:
        assert not self.task.test, "a search never sees the test split"
        self.left -= self.cost(candidate, examples)
        self.asked |= {f"{candidate.key} {e.id}" for e in examples}
        return [_attempt(candidate, e) for e in examples]

    async def look(self, candidate: Candidate) -> list[Looked]:
        return [Looked(frozenset({0}), [(0, 1.0)], [(0, 1.0)])] * len(self.task.train)

    async def write(self, messages: tuple[Message, ...]) -> str:
        raise AssertionError("the task allows no model that words prompts")


def _attempt(candidate: Candidate, example: Example) -> Attempt:
    text = str(example.expected)
    answer = Answer(value=text, text=text, usage=Usage(input_tokens=9, output_tokens=1))
    return Attempt(
        candidate=candidate.key, split="dev", example_id=example.id, answer=answer, score=1.0
    )


def serious() -> Task:
    task = label_task()
    climb = task.climb.model_copy(update={"effort": "serious"})
    return task.model_copy(update={"climb": climb, "test": ()})


STARTS = (
    Candidate(model=MODEL, prompt=Prompt(), embedder=EMBEDDER),
    Candidate(model="no-llm/nearest", embedder=EMBEDDER),
    TUNED,
    Candidate(model=MODEL, context=Context(kind="retrieved"), embedder=EMBEDDER),
)


@pytest.mark.parametrize("name", REFINERS)
def test_a_refiner_stays_in_its_slot_and_within_its_answers(name: str) -> None:
    refiner, task = REFINERS[name], serious()
    assert not refiner.serves(STARTS[1], task), "no model is asked: there is no prompt"
    for start in STARTS:
        if not refiner.serves(start, task):
            continue
        ends = []
        for _ in range(2):
            trial = Counted(task, left=400)
            ends.append(asyncio.run(refiner.refine(start, trial)))
            assert trial.left >= 0, "it asks no more than it may"
        assert ends[0] == ends[1], "equal answers lead to the same end"
        (refined, _) = ends
        assert refined.best.model == start.model and refined.best.weights == start.weights
        if refined.tried:
            assert start in [variant.candidate for variant in refined.tried]
        assert refined.best in [start, *(variant.candidate for variant in refined.tried)]


@pytest.mark.parametrize("name", REFINERS)
def test_a_refiner_without_answers_left_keeps_the_start(name: str) -> None:
    refiner, task, start = REFINERS[name], serious(), STARTS[0]
    if refiner.serves(start, task):
        trial = Counted(task, left=0)
        assert asyncio.run(refiner.refine(start, trial)).best == start
