"""Perfect retrieval for probes: the passages that hold the answer, chosen by knowing it.

For diagnosis only: whoever uses it has looked at `expected`.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from rung.knowledge.words import may_contain, occurrences, words
from rung.records import Passage
from rung.task.types import Document, Example

Span = tuple[int, int]


def gold_passages(
    example: Example,
    documents: Iterable[Document],
    passages: Sequence[Passage],
    expected_texts: Sequence[str],
) -> tuple[Passage, ...]:
    """Passages of the example's `context_ids`, those with an expected answer first.

    The answer is sought as whole words (case, punctuation and articles ignored) in the document,
    so one that a passage border cuts finds both halves. Without `context_ids`: every passage
    that contains the answer, and none where no document does. Ids that no document has are
    passed over. Order within each half is that of `passages`.
    """
    gold = set(example.context_ids)
    answers: dict[str, list[Span]] = defaultdict(list)
    every = [sought for text in expected_texts if (sought := words(text))]
    for document in documents:
        if gold and document.id not in gold:
            continue
        here = [sought for sought in every if may_contain(document.text, sought[0].text)]
        read = words(document.text) if here else []
        for sought in here:
            answers[document.id] += occurrences(sought, read)
    inside = [p for p in passages if not gold or p.document_id in gold]
    holds = [_overlaps(passage, answers[passage.document_id]) for passage in inside]
    first = [passage for passage, held in zip(inside, holds, strict=True) if held]
    rest = [passage for passage, held in zip(inside, holds, strict=True) if gold and not held]
    return (*first, *rest)


def _overlaps(passage: Passage, spans: list[Span]) -> bool:
    end = passage.start + len(passage.text)
    return any(start < end and passage.start < stop for start, stop in spans)
