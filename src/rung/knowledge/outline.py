"""What a Markdown text says about its own structure: its headings and its tables."""

import re
from bisect import bisect_right
from typing import NamedTuple


class Heading(NamedTuple):
    """A Markdown heading: depth 1 to 6, its text, and the character where its line starts."""

    level: int
    text: str
    start: int
    above: tuple[str, ...] = ()
    """Those that it stands under, outermost first."""


class Table(NamedTuple):
    """A Markdown table: where its first row of cells begins, where it ends, and its header."""

    body: int
    end: int
    header: str


class Outline(NamedTuple):
    """In the order of the text."""

    headings: tuple[Heading, ...] = ()
    tables: tuple[Table, ...] = ()

    def path(self, start: int) -> tuple[str, ...]:
        """The headings above a place, outermost first; one that begins there is left out."""
        at = bisect_right(self.headings, start, key=lambda heading: heading.start) - 1
        if at < 0:
            return ()
        last = self.headings[at]
        return (*last.above, last.text) if last.start < start else last.above

    def header(self, start: int) -> str:
        """The header of the table whose body a place is in; empty outside."""
        at = bisect_right(self.tables, start, key=lambda table: table.body) - 1
        return self.tables[at].header if at >= 0 and start < self.tables[at].end else ""


def outline(text: str) -> Outline:
    """Headings and tables; a `#` inside a code fence is no heading."""
    from markdown_it import MarkdownIt

    starts = [0, *(m.end() for m in re.finditer(r"\r\n?|\n", text)), len(text)]
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    headings: list[Heading] = []
    stack: list[Heading] = []
    tables: list[Table] = []
    for i, token in enumerate(tokens):
        # Nested ones (in a list or a quote) do not structure the document.
        if not token.map or token.level:
            continue
        lines = (token.map[0], token.map[0] + 2, token.map[1])
        first, body, last = (starts[min(line, len(starts) - 1)] for line in lines)
        if token.type == "heading_open":
            level = int(token.tag[1])
            stack = [above for above in stack if above.level < level]
            names = tuple(above.text for above in stack)
            stack.append(Heading(level, tokens[i + 1].content.strip(), first, names))
            headings.append(stack[-1])
        elif token.type == "table_open":
            cells = text[first:].split("\n", 1)[0].strip().strip("|").split("|")
            header = " | ".join(cell.strip() for cell in cells)
            tables.append(Table(body, last, header))
    return Outline(tuple(headings), tuple(tables))
