"""Perfect retrieval for probes: the passages that hold the answer, chosen by knowing it.

For diagnosis only: whoever uses it has looked at `expected`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from rung.knowledge.words import occurrences, words
from rung.records import Passage
from rung.task.types import Document, Example

Span = tuple[int, int]


def gold_passages(
    example: Example,
    documents: Iterable[Document],
    passages: Sequence[Passage],
    expected_text: str,
) -> tuple[Passage, ...]:
    """Passages of the example's `context_ids`, those with the expected answer first.

    The answer is sought as whole words (case, punctuation and articles ignored) in the document,
    so one that a passage border cuts finds both halves. Without `context_ids`: every passage
    that contains the answer, and none where no document does. Ids that no document has are
    passed over. Order within each half is that of `passages`.
    """
    gold = set(example.context_ids)
    sought = words(expected_text)
    answers: dict[str, list[Span]] = defaultdict(list)
    for document in documents:
        if not gold or document.id in gold:
            answers[document.id] += occurrences(sought, words(document.text))
    inside = [p for p in passages if not gold or p.document_id in gold]
    holding = [p for p in inside if _overlaps(p, answers[p.document_id])]
    rest = [p for p in inside if p not in holding] if gold else []
    return (*holding, *rest)


def _overlaps(passage: Passage, spans: list[Span]) -> bool:
    end = passage.start + len(passage.text)
    return any(start < end and passage.start < stop for start, stop in spans)
