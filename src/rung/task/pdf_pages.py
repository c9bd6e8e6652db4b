"""A PDF page as text and tables in reading order, by where its words stand.

Tables with rules are pdfplumber's. One without is a run of lines whose wide gaps stand above each
other, if it does not read like columns of prose. A page without any is pdfminer's layout analysis.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from statistics import median
from typing import Any, NamedTuple

from rung.task.markdown_table import markdown_table

LAYOUT = {"char_margin": 1.4}
"""For pdfminer: a gap between two letters that is wider than so many of them parts cells."""
RULED = 150
"""Pages of a file whose lines and boxes are looked at; that takes a third of a second each."""
NEAR = 2.5
"""Lines of a table follow each other within so many heights."""
ROWS = 3
PROSE_CHARS, PROSE_FILL = 20, 0.75
"""Cells that are longer and fill more of their column are lines of prose; a table has at most one
such column."""
_BULLET = re.compile(r"(?:\ufffd|\(cid:\d+\)|[•·▪◦‣–—*-]|\(?(?:\d{1,3}|[a-zA-Z])[.)])")

Rows = list[list[str]]


class Segment(NamedTuple):
    """Words of a line without a wide gap between them."""

    x0: float
    x1: float
    text: str


class Line(NamedTuple):
    """Words at one height."""

    top: float
    bottom: float
    segments: tuple[Segment, ...]

    @property
    def text(self) -> str:
        """Left to right."""
        return " ".join(segment.text for segment in self.segments)


class Block(NamedTuple):
    """A piece of a page: text, or a table's rows."""

    top: float
    text: str = ""
    rows: Rows | None = None
    listed: bool = False
    """A list: its bullets stand apart from what they mark."""


class Pages(NamedTuple):
    """What the pages of a file say, how many say nothing, and of how many no rules were sought."""

    text: str
    empty: int
    unruled: int


def read_pages(pdf: Any) -> Pages:
    """The text of an open pdfplumber document; a table that goes on overleaf is one table."""
    blocks: list[Block] = []
    empty = drawn = 0
    for page in pdf.pages:
        drawn += _is_drawn(page)
        on_page = page_blocks(page, rules=drawn <= RULED)
        empty += not on_page
        if blocks and on_page and _goes_on(blocks[-1].rows, on_page[0].rows):
            before, rows = blocks[-1].rows or [], on_page[0].rows or []
            before += rows[1:] if rows[0] == before[0] else rows
            on_page = on_page[1:]
        blocks += on_page
        page.close()  # frees what it holds
    parts = (block.text if block.rows is None else markdown_table(block.rows) for block in blocks)
    text = "\n\n".join(part for part in parts if part.strip())
    return Pages(text, empty, max(0, drawn - RULED))


def _is_drawn(page: Any) -> bool:
    from pdfminer.layout import LTCurve

    return any(isinstance(one, LTCurve) for one in page.layout)


def _goes_on(before: Rows | None, rows: Rows | None) -> bool:
    return bool(before and rows and len(before[0]) == len(rows[0]))


def page_blocks(page: Any, *, rules: bool) -> list[Block]:
    """From top to bottom; without `rules` every table is sought by its words alone."""
    ruled = _ruled(page) if rules and _is_drawn(page) else []
    loose = [
        line for line in _parts(page) if not any(_inside(line, table.bbox) for table, _ in ruled)
    ]
    bands = groupby(_lines(loose), lambda line: sum(t.bbox[1] < line.top for t, _ in ruled))
    blocks = [block for _, part in bands for block in _blocks(list(part))]
    if not ruled and not any(block.rows or block.listed for block in blocks):
        text = _layout_text(page)
        return [Block(0.0, text)] if text else []
    tables = [Block(table.bbox[1], rows=rows) for table, rows in ruled]
    return sorted([*blocks, *tables], key=lambda block: block.top)


def _ruled(page: Any) -> list[tuple[Any, Rows]]:
    tables = []
    for table in page.find_tables():
        rows = [[cell or "" for cell in row] for row in table.extract()]
        filled = [sum(bool(cell.strip()) for cell in row) for row in rows]
        if sum(count > 1 for count in filled) > 1:
            tables.append((table, rows))
    return tables


def _inside(part: Line, box: tuple[float, float, float, float]) -> bool:
    x = (part.segments[0].x0 + part.segments[0].x1) / 2
    return box[0] <= x <= box[2] and box[1] <= (part.top + part.bottom) / 2 <= box[3]


def _boxes(page: Any) -> list[Any]:
    from pdfminer.layout import LTTextContainer

    return [box for box in page.layout if isinstance(box, LTTextContainer)]


def _layout_text(page: Any) -> str:
    return "\n".join(box.get_text() for box in _boxes(page)).strip()


def _parts(page: Any) -> list[Line]:
    """Each stretch of words without a wide gap, as a line of one segment."""
    height = page.layout.height
    return [
        Line(height - part.y1, height - part.y0, (Segment(part.x0, part.x1, text),))
        for box in _boxes(page)
        for part in box
        if (text := " ".join(part.get_text().split()))
    ]


def _lines(parts: Sequence[Line]) -> list[Line]:
    """What stands at one height, from left to right."""
    lines: list[Line] = []
    for part in sorted(parts, key=lambda part: part.top + part.bottom):
        middle = (part.top + part.bottom) / 2
        if lines and lines[-1].top < middle < lines[-1].bottom:
            whole = tuple(sorted([*lines[-1].segments, *part.segments]))
            lines[-1] = lines[-1]._replace(segments=whole)
        else:
            lines.append(part)
    return lines


def _blocks(lines: Sequence[Line]) -> Iterator[Block]:
    at, text = 0, list[Line]()
    while at < len(lines):
        run, columns = _run(lines[at:])
        if sum(len(line.segments) > 1 for line in run) < ROWS:
            text.append(lines[at])
            at += 1
            continue
        yield from _paragraphs(text)
        text = []
        cells = [_cells(line, columns) for line in run]
        if _is_prose(cells, run, columns):
            whole = ("\n".join(filter(None, column)) for column in zip(*cells, strict=True))
            yield Block(run[0].top, "\n\n".join(whole))
        elif 2 * sum(bool(_BULLET.fullmatch(row[0])) for row in cells) >= len(cells):
            yield from (block._replace(listed=True) for block in _paragraphs(run))
        else:
            yield Block(run[0].top, rows=_joined(cells, run))
        at += len(run)
    yield from _paragraphs(text)


def _run(lines: Sequence[Line]) -> tuple[list[Line], list[Segment]]:
    """The lines from the first one on whose gaps leave columns free, and these columns."""
    run: list[Line] = []
    columns: list[Segment] = []
    for line in lines:
        if not run and len(line.segments) < 2:
            break
        if run and line.top - run[-1].bottom > NEAR * (line.bottom - line.top):
            break
        merged = _columns([*columns, *line.segments])
        if run and not 1 < len(merged) >= len(columns):
            break
        if len(line.segments) < 2 and merged != columns and _wider(merged[0], columns[0]):
            break  # a line of text, not a cell of the first column
        run.append(line)
        columns = merged
    while run and len(run[-1].segments) < 2 and run[-1].segments[0].x0 <= columns[0].x1:
        run.pop()  # what stands below the first column alone belongs to the text that follows
    return run, _columns([segment for line in run for segment in line.segments])


def _wider(one: Segment, other: Segment) -> bool:
    return one.x0 < other.x0 - 1 or one.x1 > other.x1 + 1


def _columns(segments: Sequence[Segment]) -> list[Segment]:
    """The parts of the width that any of the segments covers."""
    columns: list[Segment] = []
    for segment in sorted(segments):
        if columns and segment.x0 <= columns[-1].x1:
            columns[-1] = columns[-1]._replace(x1=max(columns[-1].x1, segment.x1))
        else:
            columns.append(segment)
    return columns


def _cells(line: Line, columns: Sequence[Segment]) -> list[str]:
    return [
        " ".join(s.text for s in line.segments if column.x0 <= s.x0 <= column.x1)
        for column in columns
    ]


def _is_prose(cells: Rows, run: Sequence[Line], columns: Sequence[Segment]) -> bool:
    prose = 0
    for at, column in enumerate(columns):
        texts = [row[at] for row in cells if row[at]]
        widths = [s.x1 - s.x0 for line in run for s in line.segments if _within(s, column)]
        fill = median(widths) / max(column.x1 - column.x0, 1.0)
        prose += median(map(len, texts)) > PROSE_CHARS and fill > PROSE_FILL
    return prose > 1


def _within(segment: Segment, column: Segment) -> bool:
    return column.x0 <= segment.x0 <= column.x1


def _joined(cells: Rows, run: Sequence[Line]) -> Rows:
    """Rows of one line each; a line without a first cell that only goes on joins the row above."""
    steps = [b.top - a.top for a, b in pairwise(run)]
    usual = median([step for step, row in zip(steps, cells[1:], strict=True) if row[0]] or [0.0])
    rows = [list(cells[0])]
    for step, row in zip(steps, cells[1:], strict=True):
        alone = sum(map(bool, row)) == 1
        if not row[0] and (alone or step < 0.8 * usual):
            rows[-1] = [" ".join(filter(None, pair)) for pair in zip(rows[-1], row, strict=True)]
        else:
            rows.append(list(row))
    return rows


def _paragraphs(lines: Sequence[Line]) -> Iterator[Block]:
    if not lines:
        return
    parts = [lines[0].text]
    for before, line in pairwise(lines):
        apart = line.top - before.bottom > 0.8 * (line.bottom - line.top)
        parts += ["\n\n" if apart else "\n", line.text]
    yield Block(lines[0].top, "".join(parts))
