"""Rows of cells as a Markdown table, whatever file they came from."""

from collections.abc import Iterable, Sequence


def markdown_table(rows: Iterable[Sequence[str]]) -> str:
    """Empty rows and columns left out; the first row is the header.

    A row above it that says one thing in all its columns is a line of its own: the table's title.
    One column is no table but lines.
    """
    cells = [[_cell(text) for text in row] for row in rows if any(text.strip() for text in row)]
    width = max(map(len, cells), default=0)
    lines: list[str] = []
    while width > 1 and len(cells) > 1 and len({*filter(None, cells[0])}) == 1:
        lines += [next(filter(None, cells.pop(0))), ""]
    for row in cells:
        row.extend([""] * (width - len(row)))
    kept = [i for i in range(width) if any(row[i] for row in cells)]
    if len(kept) < 2:
        return "\n".join([*lines, *("".join(row) for row in cells)])
    cells = [[row[i] for i in kept] for row in cells]
    header, *body = cells
    return "\n".join([*lines, _row(header), _row(["---"] * len(kept)), *map(_row, body)])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
