"""Three parts of retrieval, one of them planted as the bottleneck among faults of all: named in at
least nine draws of ten."""

import asyncio
import hashlib
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from climbing.tasks import MODEL, fact_task
from rung.candidate import Candidate, Context, Prompt
from rung.diagnose import Bench, diagnose
from rung.measure.runner import Runner
from rung.measure.store import RunStore
from rung.models.base import ChatRequest
from rung.models.metered import Metered
from rung.scorers import scorer_for
from rung.solver import Workshop, fit
from rung.task.types import Document, Example, LabelsOutput, Target, Task
from scripted import ScriptedEmbedder, ScriptedModel

from .test_planted import counts

PARTS = {
    "reader": {"lost_among_distractors", "context_ignored"},
    "search": {"retrieval_miss"},
    "parser": {"unread"},
}
PLANTED, BESIDE = 0.4, 0.08
LETTERS = str.maketrans("0123456789", "abcdefghij")
READING = Candidate(
    model=MODEL,
    prompt=Prompt(constrained=False, repairs=0),
    context=Context(kind="retrieved", k=2, search="lexical"),
)


def diagnosed(task: Task, folder: Path, script: Callable[[ChatRequest], str]) -> dict[str, int]:
    """Failures of the retrieving candidate on dev by cause."""
    chat = ScriptedModel(script, MODEL)
    workshop = Workshop(
        lambda _: chat, lambda _: chat, lambda _: Metered(ScriptedEmbedder()), folder
    )  # type: ignore[arg-type, return-value]

    async def go() -> dict[str, int]:
        solver, store = await fit(READING, task, workshop), RunStore(folder)
        runner = Runner(task, scorer_for(task), store, lambda *_: Decimal(0))
        attempts = await runner.attempts(solver, task.dev, "dev")
        bench = Bench(task, solver, runner, workshop, cut=1.0)
        pairs = list(zip(task.dev, attempts, strict=True))
        try:
            return counts(await diagnose(bench, pairs))
        finally:
            store.close()

    return asyncio.run(go())


class Faults:
    """Which parts fail for which rows, one draw of it."""

    def __init__(self, draw: int, weak: str) -> None:
        self.draw, self.weak = draw, weak

    def fails(self, part: str, number: int) -> bool:
        drawn = hashlib.sha256(f"{self.draw} {part} {number}".encode()).digest()[0] / 256
        return drawn < (PLANTED if part == self.weak else BESIDE)

    def task(self) -> Task:
        task = fact_task(test=16)
        lures = [
            Document(id=f"l{n}", text="What we call the code of it is told." * 2) for n in "ab"
        ]
        documents = (*map(self._read, task.documents), *lures)
        dev = tuple(map(self._asked, (*task.train[10:], *task.dev)))
        train = task.train[:10]
        return task.model_copy(update={"documents": documents, "dev": dev, "train": train})

    def _read(self, document: Document) -> Document:
        number = int(document.id[5:-3])
        lost = self.fails("parser", number)
        text = re.sub(r"code-\d+", "co\ufffd\ufffd他g", document.text) if lost else document.text
        return document.model_copy(update={"text": text})

    def _asked(self, example: Example) -> Example:
        number = example.id[1:]
        if not self.fails("search", int(number)):
            return example
        return example.model_copy(
            update={"input": f"What is the code of what we call z{number.translate(LETTERS)}?"}
        )

    def answer(self, request: ChatRequest) -> str:
        """Copies the code; a weak reader takes another one where there are several passages."""
        said = request.messages[-1].content
        asked = re.findall(r"code of (?:part (\d+)|what we call z([a-j]+))\?", said)[-1]
        back = str.maketrans("abcdefghij", "0123456789")
        number = int(asked[0] or asked[1].translate(back))
        found = re.search(rf"code of part {number} is (code-\d+)\.", said)
        several = len(re.findall(r"The code of|What we call", said)) > 1
        confused = several and self.fails("reader", number)
        return "code-0" if confused or not found else found[1]


@pytest.mark.slow
@pytest.mark.parametrize("weak", PARTS)
def test_the_part_that_holds_the_rung_back_is_named(weak: str, tmp_path: Path) -> None:
    named = []
    for draw in range(10):
        faults = Faults(draw, weak)
        seen = diagnosed(faults.task(), tmp_path / str(draw), faults.answer)
        by_part = {part: sum(seen.get(c, 0) for c in of) for part, of in PARTS.items()}
        named.append(max(by_part, key=lambda part: by_part[part]))
    assert named.count(weak) >= 9, named


def test_answers_in_other_words_than_the_documents_accuse_no_parser(tmp_path: Path) -> None:
    """The placebo finds as little for what is answered rightly."""
    task = fact_task(test=16)
    foreign = {
        name: tuple(
            e.model_copy(update={"expected": f"answer {e.id.translate(LETTERS)}"})
            for e in task.split(name)  # type: ignore[arg-type]
        )
        for name in ("train", "dev", "test")
    }

    def knowing(request: ChatRequest) -> str:
        number = re.findall(r"part (\d+)\?", request.messages[-1].content)[-1]
        return f"answer f{number.translate(LETTERS)}" if int(number) % 2 else "nothing"

    found = diagnosed(task.model_copy(update=foreign), tmp_path, knowing)
    assert found and "unread" not in found


def test_a_label_stands_in_no_document(tmp_path: Path) -> None:
    target = Target(metric="accuracy", score=0.8)
    task = fact_task(test=16, output=LabelsOutput(labels=("a", "b")), target=target)
    splits = {
        name: tuple(e.model_copy(update={"expected": "a"}) for e in task.split(name))  # type: ignore[arg-type]
        for name in ("train", "dev", "test")
    }
    labelled = task.model_copy(update=splits)
    found = diagnosed(labelled, tmp_path, lambda r: "ab"[len(r.messages[-1].content) % 2])
    assert found and "unread" not in found
