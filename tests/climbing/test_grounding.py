"""What the answers of a run rest on: counts, the judge for what the text does not tell."""

from __future__ import annotations

import asyncio

import pytest

from rung.climbing.grounding import Grounding, grounding, superseded
from rung.errors import ProviderError
from rung.knowledge.citations import cite
from rung.models.base import ChatRequest
from rung.records import Answer, Attempt, Passage
from rung.task.types import Document, Example, LabelsOutput, TextOutput
from scripted import ScriptedModel

from .tasks import fact_task

OLD = Document(
    id="refunds-v1", title="Refunds v1", text="Refunds take 30 days. Bring the receipt. Ask Ida."
)
NEW = Document(
    id="refunds-v2", title="Refunds v2", text="Refunds take 14 days. Bring the receipt. Ask Ida."
)


def made(ident: str, said: str, *read: Document, right: str = "x") -> tuple[Example, Attempt]:
    passages = tuple(Passage(document_id=d.id, title=d.title, text=d.text) for d in read)
    answer = Answer(text=said, value=said, passages=passages, citations=cite(said, passages))
    attempt = Attempt(candidate="c", split="dev", example_id=ident, answer=answer, score=0.0)
    return Example(id=ident, input="q", expected=right), attempt


def counted(*attempts: tuple[Example, Attempt], judge: ScriptedModel | None = None) -> Grounding:
    task = fact_task(documents=(OLD, NEW), output=TextOutput())
    found = asyncio.run(grounding(task, attempts, judge))
    assert found is not None
    assert found.claims == sum(
        getattr(found, name)
        for name in ("held", "elsewhere", "unheld", "judged_held", "judged_unheld", "untold")
    )
    return found


def test_claims_are_counted_and_the_doubtful_named() -> None:
    found = counted(
        made("a", "14 days [1]. Bring the receipt.", NEW, OLD),
        made("b", "Refunds take 14 days [2].", NEW, OLD),
        made("c", "Refunds take 99 days.", NEW),
        made("d", "Money comes back soon.", NEW),
    )
    assert (found.answers, found.claims, found.held) == (4, 5, 2)
    assert (found.elsewhere, found.unheld, found.untold) == (1, 1, 1)
    assert found.doubtful == ("b", "c")
    assert "1 with a number that no passage has" in found.sentences()[0]


def test_an_answer_of_a_superseded_version_is_stale() -> None:
    assert superseded((OLD, NEW)) == superseded((NEW, OLD)) == {"refunds-v1": NEW}
    found = counted(
        made("a", "Refunds take 30 days.", OLD),
        made("b", "Bring the receipt.", OLD),  # which the newer one says as well
        made("c", "14 days", NEW),
        made("d", "30 days", OLD, NEW),
    )
    assert found.stale == 2 and found.doubtful == ("a", "d")
    dated = [
        Document(id=str(n), title="Refunds", text=d.text, meta={"date": date})
        for n, (d, date) in enumerate([(OLD, "2024-05-01"), (NEW, "2025-01-01")])
    ]
    assert list(superseded(tuple(dated))) == ["0"]
    nameless = [d.model_copy(update={"title": "Refunds", "id": d.text[13:15]}) for d in (OLD, NEW)]
    assert superseded(tuple(nameless)) == {}, "nobody knows which one holds"


def test_what_was_not_known_is_counted_both_ways() -> None:
    found = counted(
        made("a", "", NEW, right=""),
        made("b", "14 days", NEW, right=""),
        made("c", "", NEW, right="14 days"),
    )
    assert (found.unanswerable, found.known_unanswerable, found.refused) == (2, 1, 1)


@pytest.mark.parametrize(
    ("says", "counts"), [("yes", (1, 0, 0)), ("No.", (0, 1, 0)), ("perhaps", (0, 0, 1))]
)
def test_the_judge_is_asked_what_the_text_does_not_tell(
    says: str, counts: tuple[int, int, int]
) -> None:
    judge = ScriptedModel(lambda _: says)
    found = counted(
        made("a", "Money comes back soon [2].", OLD, NEW), made("b", "14 days", NEW), judge=judge
    )
    assert (found.judged_held, found.judged_unheld, found.untold) == counts
    (request,) = judge.requests
    assert "14 days" in request.messages[-1].content and "30" not in request.messages[-1].content


def test_a_judge_that_is_away_says_nothing() -> None:
    def away(_: ChatRequest) -> str:
        raise ProviderError("away")

    found = counted(made("a", "Money comes back soon.", NEW), judge=ScriptedModel(away))
    assert (found.judged_held, found.judged_unheld, found.untold) == (0, 0, 1)


def test_labels_and_answers_without_passages_are_no_claims() -> None:
    task = fact_task(documents=(OLD, NEW))
    assert asyncio.run(grounding(task, [made("a", "14 days")], None)) is None
    labels = fact_task(documents=(OLD,), output=LabelsOutput(labels=("x", "y")))
    assert asyncio.run(grounding(labels, [made("a", "x", OLD)], None)) is None
