"""Questions whose answer no single document holds, told apart from those with several sources.

What one search for passages does not mend (framework, section 3): several hops, and patterns over
many documents.
"""

import re
from collections.abc import Mapping, Sequence

from rung.audit.base import Found, percent, skip, these, verb
from rung.audit.material import Material
from rung.audit.pairs import bare
from rung.records import Flag
from rung.task.expected import answer_texts
from rung.task.types import Example, Task

KINDS = ("several-hops", "many-documents")
_PATTERN = re.compile(
    r"\b(?:most|mainly|often|overall|across|average|total|common\w*|trends?|patterns?|"
    r"how many|in general|usual\w*|typical\w*)\b",
    re.IGNORECASE,
)
"""What asks for a pattern, even where one of many documents happens to name it."""
MANY = 5
"""Documents from which a question asks for a pattern, and not for a chain of facts."""
ENOUGH = 0.8
"""Of the question's words that its documents have together: one that has as many, and the answer,
is enough by itself."""
COMMON = 0.1
"""Share of all documents from which a word in them does not say what a question is about."""
FEWEST = 3
"""Examples; fewer do not make a kind of question."""


def check(material: Material) -> Found:
    """`several-hops` and `many-documents`, by the documents that `context_ids` names."""
    marked = [row.example for row in material.rows if row.example.context_ids]
    if not material.task.documents or not marked:
        return skip("no example names the documents that hold its answer")
    kind_of = kinds(material.task, marked)
    chained, spread = ([i for i, kind in kind_of.items() if kind == one] for one in KINDS)
    flags = (
        _flag(
            KINDS[0],
            chained,
            len(marked),
            "B: retrieval does not mend questions that take several hops",
            "One search rarely finds all of them: compare more passages, whole documents in the "
            "prompt and a solver that searches in steps, and judge these questions apart.",
        ),
        _flag(
            KINDS[1],
            spread,
            len(marked),
            "C and D: retrieval does not mend patterns across many documents",
            "Passages show a part of them: write labelled summaries of the documents, and ask or "
            "tune on these.",
        ),
    )
    return Found(tuple(flag for flag in flags if flag is not None))


def kinds(task: Task, examples: Sequence[Example]) -> dict[str, str]:
    """By id of an example, which of `KINDS` it is, where it is one."""
    docs = {doc.id: f" {bare(doc.text)} " for doc in task.documents}
    common, kind_of = _common(docs), {}
    for example in examples:
        texts = [docs[ident] for ident in dict.fromkeys(example.context_ids) if ident in docs]
        answers = answer_texts(task.output, example)
        pattern = len(texts) >= MANY and _PATTERN.search(example.input_text())
        if pattern or (len(texts) > 1 and not _one_is_enough(example, texts, answers, common)):
            kind_of[example.id] = KINDS[len(texts) >= MANY]
    return kind_of


def _common(docs: Mapping[str, str]) -> set[str]:
    counts: dict[str, int] = {}
    for text in docs.values():
        for word in set(text.split()):
            counts[word] = counts.get(word, 0) + 1
    most = max(1.0, COMMON * len(docs))
    return {word for word, count in counts.items() if count > most + MANY}


def _one_is_enough(
    example: Example, texts: Sequence[str], answers: Sequence[str], common: set[str]
) -> bool:
    """Whether one document has the answer, where any has, and what the question is about."""
    asked = {word for word in bare(example.input_text()).split() if word not in common}
    known = [asked & set(text.split()) for text in texts]
    needed = ENOUGH * len(set[str]().union(*known))
    sought = [f" {bare(answer)} " for answer in answers if bare(answer)]
    holds = [any(answer in text for answer in sought) for text in texts]
    return any(
        len(words) >= needed and (held or not any(holds))
        for words, held in zip(known, holds, strict=True)
    )


def _flag(ident: str, ids: Sequence[str], marked: int, source: str, advice: str) -> Flag | None:
    if len(ids) < FEWEST:
        return None
    kind = f"{MANY} documents or more" if ident == KINDS[1] else "several documents"
    why = "none of those that they name has the answer and what the question is about"
    if ident == KINDS[1]:
        why = f"they ask for a pattern, or {why}"
    return Flag(
        id=ident,
        severity="info",
        figure=round(len(ids) / marked, 4),
        threshold=None,
        source=f"the framework, section 3, {source}",
        text=(
            f"{these(len(ids), 'example')} of {marked:,} ({percent(len(ids) / marked)}) "
            f"{verb(len(ids), 'need')} {kind} at once: {why}."
        ),
        advice=advice,
        examples=tuple(ids),
    )
