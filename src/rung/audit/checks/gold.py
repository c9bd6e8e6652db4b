"""Documents that are marked as holding an answer, and do not hold it."""

from collections import Counter

from rung.audit.base import NOTHING, Found, one, percent, skip, these, verb
from rung.audit.material import Material
from rung.audit.pairs import bare
from rung.records import Flag
from rung.task.expected import answer_texts
from rung.task.types import TextOutput

QUOTED = 0.5
"""Share of the answers that must stand in their documents before answers count as quotations."""
COMMON = 0.03
"""Share of all answers from which one is a form of words, such as a refusal, and no quotation."""
FEWEST = 10
WARNS = 0.05


def check(material: Material) -> Found:
    """`gold-without-answer`: the expected answer stands in none of the example's `context_ids`."""
    judged = _judged(material)
    if isinstance(judged, str):
        return skip(judged)
    asked, lacking = judged
    if not lacking:
        return NOTHING
    share = len(lacking) / len(asked)
    return one(
        Flag(
            id="gold-without-answer",
            severity="warn" if share >= WARNS else "info",
            figure=round(share, 4),
            threshold=WARNS,
            source="our own: perfect retrieval cannot mend what the passage does not hold",
            text=(
                f"{these(len(lacking), 'example')} of {len(asked):,} ({percent(share)}) "
                f"{verb(len(lacking), 'name')} documents in which the expected answer does not "
                "stand word for word."
            ),
            advice="Correct context_ids or the expected answer; a changed document may have lost "
            "the fact.",
            examples=material.most_suspicious(lacking),
        )
    )


def missing(material: Material) -> list[int]:
    """Rows whose documents lack the answer; empty where that cannot be told."""
    judged = _judged(material)
    return [] if isinstance(judged, str) else judged[1]


def _judged(material: Material) -> tuple[list[int], list[int]] | str:
    """(rows looked at, those of them whose documents lack the answer), or why there are none."""
    docs = {doc.id: bare(doc.text) for doc in material.task.documents}
    if not docs:
        return "the task has no documents"
    if not isinstance(material.task.output, TextOutput):
        return "answers are no texts that a document could hold"
    marked = [
        i
        for i, row in enumerate(material.rows)
        if row.example.context_ids and row.example.expected != ""
    ]
    times = Counter(material.same_answer[i] for i in marked)
    often = max(2, COMMON * len(marked))
    asked = [i for i in marked if times[material.same_answer[i]] <= often]
    if len(asked) < FEWEST:
        return "fewer than ten examples name documents and have an answer of their own"
    lacking = [i for i in asked if not _held(material, i, docs)]
    held = 1.0 - len(lacking) / len(asked)
    if held < QUOTED:
        return f"{percent(held)} of the answers stand in their documents: no quotations"
    return asked, lacking


def _held(material: Material, row: int, docs: dict[str, str]) -> bool:
    example = material.rows[row].example
    answers = [f" {bare(one)} " for one in answer_texts(material.task.output, example)]
    texts = [f" {docs.get(ident, '')} " for ident in example.context_ids]
    return any(answer in text for answer in answers for text in texts)
