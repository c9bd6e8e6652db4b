"""Small documents of every kind, made here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

Placed = tuple[float, float, str]
"""Points from the left and from the top, and what stands there."""


def pdf(
    path: Path, pages: Sequence[Sequence[Placed]], rules: Sequence[str] = (), title: str = ""
) -> None:
    """Pages of 10 point Helvetica; `rules` are lines drawn on every page, in PDF's own words."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    objects.append(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    objects.append(f"<< /Title ({title}) >>".encode())
    kids = []
    for page in pages:
        texts = (  # without round brackets in them
            f"BT /F 10 Tf {x} {792 - y} Td ({text}) Tj ET" for x, y, text in page
        )
        content = "\n".join([*rules, *texts]).encode("cp1252")
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
        kids.append(len(objects) + 1)
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R "
            b"/Resources << /Font << /F 3 0 R >> >> >>" % len(objects)
        )
    listed = " ".join(f"{kid} 0 R" for kid in kids)
    objects[1] = f"<< /Type /Pages /Kids [{listed}] /Count {len(kids)} >>".encode()
    body, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, one in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, one)
    at = len(body)
    body += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    body += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    body += b"trailer << /Size %d /Root 1 0 R /Info 4 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        at,
    )
    path.write_bytes(body)


def grid(xs: Sequence[float], ys: Sequence[float]) -> list[str]:
    """The rules of a table, from its columns' and rows' edges."""
    down = [f"{x} {792 - ys[0]} m {x} {792 - ys[-1]} l S" for x in xs]
    return down + [f"{xs[0]} {792 - y} m {xs[-1]} {792 - y} l S" for y in ys]


def row(y: float, xs: Sequence[float], cells: Sequence[str]) -> list[Placed]:
    return [(x, y, cell) for x, cell in zip(xs, cells, strict=True) if cell]


def docx(path: Path, title: str = "") -> None:
    """A heading, a table with cells merged down and across, and a line after it."""
    from docx import Document

    made: Any = Document()
    made.core_properties.title = title
    made.add_heading("Price list", 1)
    made.add_paragraph("Net prices.")
    table = made.add_table(rows=4, cols=3)
    for at, cells in enumerate(
        [
            ("Group", "Size", "Price"),
            ("Lamps", "small", "3.50"),
            ("", "large", "7.00"),
            ("Freight", "", "free"),
        ]
    ):
        for cell, text in zip(table.rows[at].cells, cells, strict=True):
            cell.text = text
    table.cell(1, 0).merge(table.cell(2, 0))
    table.cell(3, 0).merge(table.cell(3, 1))
    made.add_paragraph("Valid until May.")
    made.save(str(path))


def xlsx(path: Path) -> None:
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    sheet.title = "Stock"
    for line in (["Stock of May"], [], ["Item", None, "Count", "Cost"], ["Lamp", None, 3.0, 1.5]):
        sheet.append(line)
    sheet.append(["Tent", None, 4, "=C5*2"])
    sheet.merge_cells("A1:D1")
    book.create_sheet("Empty")
    book.save(path)


def pptx(path: Path) -> None:
    from pptx import Presentation
    from pptx.util import Inches

    made = Presentation()
    slide = made.slides.add_slide(made.slide_layouts[5])
    slide.shapes.title.text = "Opening hours"
    size = (Inches(1), Inches(2), Inches(4), Inches(1))
    table = slide.shapes.add_table(2, 2, *size).table
    for at, text in enumerate(["Day", "Hours", "Monday", "9 to 5"]):
        table.cell(at // 2, at % 2).text = text
    slide.notes_slide.notes_text_frame.text = "Closed in August."
    made.core_properties.title = "Hours 2026"
    made.save(str(path))


MAIL = b"""From: Ada <ada@example.org>
To: Bo <bo@example.org>
Date: Mon, 2 Mar 2026 10:00:00 +0100
Subject: =?utf-8?q?K=C3=BCche?= and stove
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=x

--x
Content-Type: text/html; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

<p>The stove costs 90=A0Euro, d=FCnn.</p>
--x
Content-Type: application/pdf
Content-Disposition: attachment; filename="stove.pdf"

%PDF
--x--
"""
