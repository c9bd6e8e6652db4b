"""Documents cut into passages along their own structure, each with its exact place.

A passage never exceeds `chunk_chars`, never spans two documents and does not overlap another.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from rung.errors import UserError
from rung.records import Passage
from rung.task.types import Document

_MARKDOWN_NAMES = (".md", ".markdown", ".mdx")
_MARKDOWN_MARKS = re.compile(r"^(?:#{1,6} \S|```|~~~|\|.+\|[ \t]*$)", re.MULTILINE)
_HEADINGS_ONLY = re.compile(r"(?:#{1,6} [^\n]*(?:\n\s*|$))+")

PATH_JOINT = " › "
"""Between a document's title and the headings that a passage stands under."""


class Heading(NamedTuple):
    """A Markdown heading: depth 1 to 6, its text, and the character where its line starts."""

    level: int
    text: str
    start: int


def chunk(documents: Iterable[Document], chunk_chars: int) -> tuple[Passage, ...]:
    """Passages of at most `chunk_chars` characters, in document order.

    For every passage `document.text[p.start : p.start + len(p.text)] == p.text`. `title` is the
    document's title, followed in Markdown by the headings above the passage's first character,
    so that a piece from the middle of a section still says what it is about. A piece of headings
    alone is left out (short, it would win every search, and tell nothing); blank documents give
    none.
    """
    if chunk_chars < 1:
        raise UserError(f"chunk_chars is {chunk_chars!r}; give at least 1 (600 is usual)")
    return tuple(passage for doc in documents for passage in _passages(doc, chunk_chars))


def is_markdown(document: Document) -> bool:
    """By the name, or by a heading, a code fence or a table row in the text."""
    named = document.id.lower().endswith(_MARKDOWN_NAMES)
    return named or _MARKDOWN_MARKS.search(document.text) is not None


def _passages(document: Document, chunk_chars: int) -> Iterator[Passage]:
    from semantic_text_splitter import MarkdownSplitter, TextSplitter

    markdown = is_markdown(document)
    splitter = MarkdownSplitter(chunk_chars) if markdown else TextSplitter(chunk_chars)
    outline = headings(document.text) if markdown else []
    pieces = splitter.chunk_indices(document.text)
    telling = [piece for piece in pieces if not (markdown and _HEADINGS_ONLY.fullmatch(piece[1]))]
    for start, text in telling or pieces:
        path = _path(document.title, outline, start)
        yield Passage(
            document_id=document.id, title=path, text=text, start=start, meta=document.meta
        )


def headings(text: str) -> list[Heading]:
    """The Markdown headings of `text` in order; a `#` inside a code fence is none."""
    from markdown_it import MarkdownIt

    starts = [0, *(m.end() for m in re.finditer("\n", text))]
    tokens = MarkdownIt("commonmark").parse(text)
    return [
        Heading(int(token.tag[1]), tokens[i + 1].content.strip(), starts[token.map[0]])
        for i, token in enumerate(tokens)
        # Nested ones (in a list or a quote) do not structure the document.
        if token.type == "heading_open" and token.level == 0 and token.map
    ]


def _path(title: str, outline: list[Heading], start: int) -> str:
    """Title and enclosing headings; a heading that the passage itself begins with is left out."""
    stack: list[Heading] = []
    for heading in outline:
        if heading.start > start:
            break
        stack = [above for above in stack if above.level < heading.level]
        stack.append(heading)
    above = [h.text for h in stack if h.start < start and h.text != title]
    return PATH_JOINT.join(part for part in (title, *above) if part)
