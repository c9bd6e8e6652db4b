"""Questions worded anew, what was found cut and expanded, and the model as its own reranker."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from climbing.tasks import MODEL, climb, fact_task, reading
from rung.candidate import Candidate, Context, Prompt
from rung.errors import UserError
from rung.knowledge.chunking import chunk
from rung.knowledge.retriever import Retriever
from rung.knowledge.stages import Hunt, requests_of
from rung.knowledge.stages.passages import Best, Expanded, Room
from rung.knowledge.stages.reranks import ByModel
from rung.knowledge.stages.rewrites import REWRITES, Rewritten
from rung.knowledge.stores import STORES
from rung.models.base import ChatRequest
from rung.records import Passage
from rung.report.words import describe_candidate
from rung.solver import load
from rung.task.types import Document, Example, KnowledgeSettings, Task
from scripted import ScriptedModel

SAYS = {
    "queries": '1. code part 7\n- code part 8\n\n"code part 9"\ncode part 10',
    "hypothetical": "The code of part 7 is\ncode-0.",
    "standalone": "What is the code of part 7?\n",
}


def searching(**how: Any) -> Candidate:
    context = Context(kind="retrieved", k=1, chunk_chars=400, search="lexical", **how)
    return Candidate(model=MODEL, prompt=Prompt(max_output_tokens=8), context=context)


async def hunted(stage: Any, hunt: Hunt, passages: tuple[Passage, ...] = ()) -> Hunt:
    store = await STORES["embedded"].build(passages, None, words=True)
    found: Hunt = await stage.run(hunt, store)
    return found


async def reworded(name: str, said: str) -> Hunt:
    hunt = Hunt("And of part 7?", depth=9, chat=ScriptedModel(lambda _: said))
    return await hunted(Rewritten(Context(rewrite=name), None), hunt)


@pytest.mark.parametrize(
    ("name", "queries"),
    [
        ("queries", ("And of part 7?", "code part 7", "code part 8", "code part 9")),
        ("hypothetical", ("And of part 7?", "The code of part 7 is code-0.")),
        ("standalone", ("What is the code of part 7?",)),
    ],
)
async def test_a_question_is_worded_anew(name: str, queries: tuple[str, ...]) -> None:
    hunt = await reworded(name, SAYS[name])
    assert hunt.queries == queries
    assert len(hunt.replies) == 1 and hunt.steps[0].name == f"rewrite: {name}"
    assert (await reworded(name, " \n")).queries == ("And of part 7?",), "nothing usable"


async def test_without_a_model_it_says_so() -> None:
    documents = [Document(id="d", text="A text.")]
    asking = await Retriever.build(documents, Context(search="lexical", rewrite="queries"), None)
    with pytest.raises(UserError, match="no model is at hand"):
        await asking.search("text", 1)


LETTERS = str.maketrans("0123456789", "abcdefghij")


def by_number() -> Task:
    """Questions say a number, documents say it in letters: only a rewriting finds them."""

    def numbered(example: Example) -> Example:
        return example.model_copy(update={"input": f"No. {example.id[1:]}: what is it?"})

    def lettered(document: Document) -> Document:
        number = document.id[5:-3]
        text = f"The code of part z{number.translate(LETTERS)} is code-{int(number) * 37}."
        return Document(id=document.id, text=text)

    task = fact_task()
    splits = {name: tuple(map(numbered, getattr(task, name))) for name in ("train", "dev", "test")}
    documents = tuple(map(lettered, task.documents))
    return task.model_copy(update={**splits, "documents": documents})


def worded(request: ChatRequest) -> str:
    """Says the letters where it is asked to reword; answers from the passage about them."""
    text = request.messages[-1].content
    part = "z" + re.findall(r"No\. (\d+): what", text)[-1].translate(LETTERS)
    if request.messages[0].content == REWRITES["standalone"].asked:
        return f"What is the code of part {part}?"
    found = re.search(rf"part {part} is (code-\d+)", text)
    return found[1] if found else "unknown"


def test_a_climb_searches_pays_and_serves_through_it(tmp_path: Path) -> None:
    task, chat = by_number(), ScriptedModel(worded, MODEL)
    plain, anew = searching(), searching(rewrite="standalone")
    result = climb(task, tmp_path, chat, candidates=(plain, anew), everything=True)
    rows = {row.key: row for row in result.candidates}
    assert rows[anew.key].state == "pass" and rows[plain.key].state != "pass"
    calls = chat.calls
    again = climb(task, tmp_path, chat, candidates=(plain, anew), everything=True)
    assert chat.calls == calls and again.spent_usd == 0 and again.verdict == result.verdict
    solver = load(tmp_path / "winner", lambda _: chat, lambda _: None)  # type: ignore[arg-type, return-value]
    answer = solver.ask("No. 42: what is it?")
    assert answer.value == "code-1554" and answer.calls == 2
    assert [s.name for s in answer.steps] == ["rewrite: standalone"]
    assert answer.usage.input_tokens == sum(c.usage.input_tokens for c in answer.by_call)
    assert len(answer.by_call) == 2 and {c.model for c in answer.by_call} == {MODEL}


def test_it_is_forecast_named_and_asked_for_in_the_file(tmp_path: Path) -> None:
    shown = {describe_candidate(searching(rewrite=name)) for name in (None, *REWRITES)}
    shown |= {describe_candidate(searching(expand=how)) for how in ("neighbours", "section")}
    shown.add(describe_candidate(searching(rerank="model")))
    assert len(shown) == 3 + len(REWRITES) + 1
    passages = (Passage(document_id="d", text="A text."),) * 20
    asked = requests_of(Context(rewrite="queries", rerank="model"), "text", passages)
    assert len(asked) == 9 and requests_of(Context(), "text", passages) == []
    task = fact_task(knowledge=KnowledgeSettings(rewrite="hypothetical", expand="document"))
    result = climb(task, tmp_path, ScriptedModel(reading, MODEL), only=("rag",))
    contexts = {
        (r.candidate.context.rewrite, r.candidate.context.expand)
        for r in result.candidates
        if r.candidate.context.kind == "retrieved"
    }
    assert contexts == {("hypothetical", "document")}


async def test_the_model_puts_what_it_says_yes_to_first() -> None:
    passages = tuple(Passage(document_id=f"d{n}", text=f"Text {n}.", start=0) for n in range(12))
    ranking = [(n, 12.0 - n) for n in range(12)]

    def says(request: ChatRequest) -> str:
        return "yes" if "Text 5" in request.messages[-1].content else "no"

    for confidence in (None, lambda _: 0.9):
        chat = ScriptedModel(says, confidence=confidence)
        hunt = await hunted(
            ByModel(Context(), None), Hunt("q", 12, rankings=(ranking,), chat=chat), passages
        )
        ((best, score), *others) = hunt.rankings[0]
        assert best == 5 and score == (confidence(None) if confidence else 1.0)  # type: ignore[no-untyped-call]
        assert [place for place, _ in others] == [0, 1, 2, 3, 4, 6, 7]
        assert len(hunt.replies) == chat.calls == 8


TEXT = "# Doc\n\nIntro one.\n\n## A\n\nFirst of A.\n\nSecond of A.\n\n## B\n\nOnly of B.\n"


def cut_up(chars: int = 24, how: Any = "heading") -> tuple[Passage, ...]:
    other = Document(id="x.md", title="Other", text="Nothing of it.")
    return chunk([Document(id="d.md", title="Doc", text=TEXT), other], chars, how)


def grown(how: str, *starts: str, room: int = 0) -> list[str]:
    passages = cut_up()
    given = tuple(next(p for p in passages if s in p.text) for s in starts)
    stage = Expanded(Context(expand=how, room=room), None)
    hunt = asyncio.run(hunted(stage, Hunt("q", 9, k=9, passages=given), passages))
    for passage in hunt.passages:
        assert passage.text.split() == TEXT[passage.start :][: len(passage.text)].split() or "Other"
    return [" ".join(p.text.replace("#", "").split()) for p in hunt.passages]


def test_a_passage_is_expanded_within_its_document() -> None:
    assert grown("section", "Second of A") == ["A First of A. Second of A."]
    assert grown("neighbours", "First of A") == ["Doc Intro one. A First of A. Second of A."]
    assert grown("document", "Only of B") == [" ".join(TEXT.replace("#", "").split())]
    assert grown("document", "Nothing") == ["Nothing of it."]
    assert grown("document", "Second of A", room=20) == ["Second of A."], "the room is all full"
    both = grown("neighbours", "Only of B", "Second of A")
    assert both == ["Second of A. B Only of B."], "no text is handed over twice"
    first, second = grown("neighbours", "Only of B", "First of A")
    assert "Second" in first and "Second" not in second and "Intro" in second


def test_overlapping_windows_are_joined_once() -> None:
    text = "One two three. Four five six. Seven eight nine. Ten eleven twelve."
    passages = chunk([Document(id="d", text=text)], 32, "window")
    assert sum(len(p.text) for p in passages) > len(text)
    stage = Expanded(Context(expand="document"), None)
    hunt = asyncio.run(hunted(stage, Hunt("q", 9, k=9, passages=passages[1:2]), passages))
    assert [p.text.split() for p in hunt.passages] == [text.split()]


@pytest.mark.parametrize(
    ("k", "least", "scores", "kept"),
    [
        (2, 0.0, (3, 2, 1), 2),
        (3, 0.5, (4, 2, 1), 2),
        (3, 0.5, (-2, -2.5, -9), 2),
        (3, 1, (1, 1), 2),
    ],
)
async def test_a_ranking_is_cut_by_number_and_by_score(
    k: int, least: float, scores: tuple[float, ...], kept: int
) -> None:
    ranking = [(place, float(score)) for place, score in enumerate(scores)]
    hunt = await hunted(
        Best(Context(least=least), None), Hunt("q", 9, k, rankings=(ranking,)), cut_up()
    )
    assert [p.score for p in hunt.passages] == [float(s) for s in scores[:kept]]


async def test_it_is_cut_by_room_and_never_to_nothing() -> None:
    passages = tuple(Passage(document_id="d", text="x" * n) for n in (10, 5, 1))
    for room, kept in ((1, 1), (14, 1), (15, 2), (16, 3)):
        hunt = await hunted(Room(Context(room=room), None), Hunt("q", 9, passages=passages))
        assert hunt.passages == passages[:kept]
