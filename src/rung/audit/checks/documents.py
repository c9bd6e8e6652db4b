"""Documents that are empty, stand there twice, or contradict another version of themselves."""

import difflib
import re
from collections import defaultdict
from typing import NamedTuple

from rung.audit.base import Found, skip, these, verb
from rung.audit.material import Material
from rung.audit.pairs import bare, similar_pairs
from rung.records import Flag
from rung.task.duplicates import SIMILAR, normalised
from rung.task.types import Document

ALIKE = 0.5
"""Likeness from which two documents of the same title are versions of one another."""
MOST_OF_A_TITLE = 20
MOST_CHANGED = 0.4
"""Of a sentence, more changed words than this make it another sentence."""
SOURCE = "our own: what stands in two versions is answered by chance"
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_VERSION = re.compile(
    r"\b(?:v(?:ersion)?\s*\.?\s*\d+(?:\.\d+)*|version|(?:19|20)\d\d(?:-\d\d){0,2}|draft|final|copy|old|new|"
    r"latest|current|updated|archived?|rev(?:ision)?\s*\d*)\b"
)
_WORD = re.compile(r"\w+(?:[.,]\d+)*|%|[€$£]")


class Contradiction(NamedTuple):
    """Two versions of a document, and how many sentences they put differently."""

    first: str
    second: str
    sentences: int


def check(material: Material) -> Found:
    """`empty-documents`, `duplicate-documents`, `contradictory-documents`."""
    docs, source = material.task.documents, material.task.source
    if not docs:
        return skip("the task has no documents")
    flags = (
        _empty(source.empty_documents if source is not None else ()),
        _twice(docs),
        _contradictory(docs, versions(docs)),
    )
    return Found(tuple(flag for flag in flags if flag is not None))


def _empty(ids: tuple[str, ...]) -> Flag | None:
    if not ids:
        return None
    return Flag(
        id="empty-documents",
        severity="warn",
        figure=len(ids),
        threshold=1,
        source="our own: an empty document answers nothing",
        text=f"{these(len(ids), 'document')} {'has' if len(ids) == 1 else 'have'} no text.",
        advice="A scanned PDF has no text until it is recognised; otherwise take the file out.",
        examples=ids,
    )


def _twice(docs: tuple[Document, ...]) -> Flag | None:
    seen: set[str] = set()
    again = []
    for i, doc in enumerate(docs):
        text = normalised(doc.text)
        if text in seen:
            again.append(i)
        seen.add(text)
    if not again:
        return None
    return Flag(
        id="duplicate-documents",
        severity="info",
        figure=len(again),
        threshold=1,
        source="our own: a passage that is found twice takes the place of another",
        text=f"{these(len(again), 'document')} {verb(len(again), 'repeat')} the text of another.",
        advice="Keep one of each.",
        examples=tuple(docs[i].id for i in again),
    )


def _contradictory(docs: tuple[Document, ...], pairs: list[Contradiction]) -> Flag | None:
    if not pairs:
        return None
    sentences = sum(pair.sentences for pair in pairs)
    return Flag(
        id="contradictory-documents",
        severity="warn",
        figure=len(pairs),
        threshold=1,
        source=SOURCE,
        text=(
            f"{these(len(pairs), 'pair')} of documents, versions of one another, "
            f"{verb(len(pairs), 'put')} {these(sentences, 'sentence')} differently."
        ),
        advice="Keep the version that holds, or say in the title which one does.",
        examples=tuple(dict.fromkeys(i for pair in pairs for i in (pair.first, pair.second))),
    )


def versions(docs: tuple[Document, ...]) -> list[Contradiction]:
    """Documents of one subject that say something else, most sentences first.

    One subject: the same title but for marks of version and date, and alike; where many documents
    have one title, or none, nearly the same text.
    """
    by_subject: dict[str, list[Document]] = defaultdict(list)
    for doc in docs:
        by_subject[subject(doc.title)].append(doc)
    contradicting = []
    for title, own in by_subject.items():
        least = ALIKE if title and len(own) <= MOST_OF_A_TITLE else SIMILAR
        for a, b, _ in similar_pairs([bare(doc.text)[:6_000] for doc in own], least):
            first, second = own[a], own[b]
            changed = differing(first.text, second.text)
            if changed:
                contradicting.append(Contradiction(first.id, second.id, changed))
    return sorted(contradicting, key=lambda pair: (-pair.sentences, pair.first))


def subject(title: str) -> str:
    """A title without what tells versions apart."""
    return " ".join(_VERSION.sub(" ", bare(title)).split())


def differing(first: str, second: str) -> int:
    """Sentences of the one that the other has with other words in a few places."""
    ours, theirs = _sentences(first), _sentences(second)
    gone = [s for s in ours if s not in set(theirs)]
    came = [s for s in theirs if s not in set(ours)]
    count = 0
    for sentence in gone:
        for other in came:
            matched = difflib.SequenceMatcher(None, sentence, other, autojunk=False).ratio()
            if 1.0 - MOST_CHANGED <= matched < 1.0:
                count += 1
                came.remove(other)
                break
    return count


def _sentences(text: str) -> list[tuple[str, ...]]:
    sentences = (tuple(_WORD.findall(part.casefold())) for part in _SENTENCE.split(text))
    return [words for words in sentences if len(words) >= 3]
