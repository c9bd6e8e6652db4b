"""Questions that no single document answers are measured apart from the others."""

from __future__ import annotations

from rung.climbing.several import kinds_of_questions
from rung.records import Answer, Attempt, Passage
from rung.task.types import Document, Example, Task

from .tasks import fact_task

FACTS = [Document(id=f"fact{n}", text=f"Part {n} costs {n * 7} crowns.") for n in range(20)]
CHAINS = [
    document
    for n in range(20)
    for document in (
        Document(id=f"plan{n}", text=f"Wanda{n} looks after Zeppelin{n}."),
        Document(id=f"sheet{n}", text=f"Zeppelin{n} lies on shelf {n}."),
    )
]
LETTERS = [Document(id=f"letter{n}", text=f"Customer {n} minds the delay {n}.") for n in range(6)]


def task() -> Task:
    return fact_task(documents=(*FACTS, *CHAINS, *LETTERS))


def asked(
    ident: str, text: str, right: bool | None, *names: str, read: int = 9
) -> tuple[Example, Attempt]:
    example = Example(id=ident, input=text, expected=f"shelf {ident[5:]}", context_ids=names)
    passages = tuple(Passage(document_id=name, text="x") for name in names[:read])
    score = None if right is None else float(right)
    answer = Answer(text="x", passages=passages)
    return example, Attempt(
        candidate="c", split="dev", example_id=ident, answer=answer, score=score
    )


def test_several_hops_are_told_apart_and_advice_follows_the_figures() -> None:
    single = [
        asked(f"f-one{n}", f"What does part {n} cost?", n < 18, f"fact{n}") for n in range(20)
    ]
    hops = [
        asked(
            f"chain{n}",
            f"Where is what Wanda{n} looks after?",
            n < 3,
            f"plan{n}",
            f"sheet{n}",
            read=1 + n % 2,
        )
        for n in range(20)
    ]
    first, others = kinds_of_questions(task(), [*single, *hops], 1.0)
    assert (first.kind, first.n, first.right, first.all_given) == ("several-hops", 20, 3, 10)
    assert (others.kind, others.n, others.right) == ("others", 20, 18)
    assert first.held_back and not others.held_back
    assert "searches in steps" in first.sentence()
    assert others.sentence() == "20 questions (others): 18 right."


def test_a_pattern_over_many_documents_is_one_though_one_of_them_names_it() -> None:
    names = [f"letter{n}" for n in range(6)]
    pattern = asked("many0", "What do customers mind most, the delay?", False, *names)
    plain = asked("many1", "What does customer 3 mind?", True, *names)
    found = kinds_of_questions(task(), [pattern, plain, asked("f-one", "x", None, "fact0")], 1.0)
    assert [(k.kind, k.n, k.right) for k in found] == [("many-documents", 1, 0), ("others", 1, 1)]
    assert not found[0].held_back, "two questions decide nothing"


def test_nothing_is_said_where_every_question_has_one_document() -> None:
    assert kinds_of_questions(task(), [asked("f-one", "What?", True, "fact0")], 1.0) == ()
    assert kinds_of_questions(task(), [], 1.0) == ()
