"""Documents cut into passages along their own structure, each with its exact place.

Code is cut by its symbols (extra `code`), everything else as its context says (`CUTS`).
"""

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

from rung.candidate import Cut
from rung.errors import UserError
from rung.knowledge.outline import Outline, outline
from rung.knowledge.symbols import Symbols
from rung.records import Passage
from rung.task.code import ending, grammar
from rung.task.types import Document

_MARKDOWN_NAMES = (".md", ".markdown", ".mdx")
_MARKDOWN_MARKS = re.compile(r"^(?:#{1,6} \S|```|~~~|\|.+\|[ \t]*$)", re.MULTILINE)
_HEADINGS_ONLY = re.compile(r"(?:#{1,6} [^\n]*(?:\n\s*|$))+")

PATH_JOINT = " › "
"""Between a document's title and the headings that a passage stands under."""

Piece = tuple[int, str]


def chunk(
    documents: Iterable[Document], chunk_chars: int, cut: Cut = "size"
) -> tuple[Passage, ...]:
    """Passages of at most `chunk_chars` characters, in document order.

    By `size` as much as fits; by `heading` no passage holds parts of two sections; in a `window`
    half of each passage stands in the next one too; a `document` is one passage of any length.

    For every passage `document.text[p.start : p.start + len(p.text)] == p.text`. `title` is the
    document's title, followed by what stands above the passage's first character, so that a piece
    from the middle still says what it is about: in Markdown the headings and, inside a table, its
    header; in code the definitions around it. A piece of headings alone is left out (short, it
    would win every search, and tell nothing); blank documents give none.
    """
    if chunk_chars < 1:
        raise UserError(f"chunk_chars is {chunk_chars!r}; give at least 1 (600 is usual)")
    return tuple(passage for doc in documents for passage in _passages(doc, chunk_chars, cut))


def is_markdown(document: Document) -> bool:
    """By the name, or by a heading, a code fence or a table row in the text."""
    named = document.id.lower().endswith(_MARKDOWN_NAMES)
    return named or _MARKDOWN_MARKS.search(document.text) is not None


def _passages(document: Document, chars: int, cut: Cut) -> Iterator[Passage]:
    language = grammar(ending(document.id))
    if language is not None and cut != "document":
        yield from _of_code(document, chars, language)
        return
    markdown = language is None and is_markdown(document)
    known = outline(document.text) if markdown and cut != "document" else Outline()
    pieces = _pieces(document.text, chars, cut, known if markdown else None)
    telling = [piece for piece in pieces if not (markdown and _HEADINGS_ONLY.fullmatch(piece[1]))]
    for start, text in telling or pieces:
        above = [name for name in known.path(start) if name != document.title]
        above.append(known.header(start)[:chars])
        yield _passage(document, start, text, above)


def _pieces(text: str, chars: int, cut: Cut, known: Outline | None) -> list[Piece]:
    from semantic_text_splitter import MarkdownSplitter, TextSplitter

    if cut == "document":
        bare = text.strip()
        return [(text.index(bare), bare)] if bare else []
    kind = TextSplitter if known is None else MarkdownSplitter
    splitter = kind(chars, overlap=chars // 2 if cut == "window" else 0)
    sections = [0, len(text)]
    if cut == "heading" and known:
        sections[1:1] = [heading.start for heading in known.headings if heading.start]
    return [
        (section + start, piece)
        for section, end in pairwise(sections)
        for start, piece in splitter.chunk_indices(text[section:end])
    ]


def _of_code(document: Document, chars: int, language: Any) -> Iterator[Passage]:
    from semantic_text_splitter import CodeSplitter

    symbols = Symbols(language, document.text)
    for start, text in CodeSplitter(language, chars).chunk_indices(document.text):
        yield _passage(document, start, text, symbols.path(start))


def _passage(document: Document, start: int, text: str, above: list[str]) -> Passage:
    title = PATH_JOINT.join(part for part in (document.title, *above) if part)
    return Passage(document_id=document.id, title=title, text=text, start=start, meta=document.meta)
