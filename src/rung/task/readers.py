"""One reader for each kind of file, run by the child of `converting`: text, title, what is lost.

HTML, DOCX, PPTX and EPUB are markitdown's, with tables of our own: every cell in its row.
"""

import io
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from types import MappingProxyType
from typing import Any, NamedTuple

from rung.task.encoding import markup_text
from rung.task.markdown_table import markdown_table
from rung.task.pdf_pages import LAYOUT, read_pages
from rung.task.tabular import UNSAVED

MOST_CELLS = 2_000_000
"""Of one table, merged cells counted as often as they are repeated."""
MOST_PAGES = 5_000
MOST_DEEP = 20
"""Tables in tables: each looks at all that is in it."""
LONG_CELL = 300
_MARK = "\ue000"
_PLACE = re.compile("\ue000([0-9]+)\ue000")
"""Where a table goes once the rest is Markdown."""
_UNDECODED = re.compile(r"\(cid:\d+\)")
LETTER = "letter that could not be decoded"
_MERGED = re.compile(rb'<mergeCell [^>]*?ref="([A-Z]+[0-9]+:[A-Z]+[0-9]+)"')
_PICTURE = re.compile(r"!\[([^\]]*)\]\([^)]*\)")
_SLIDE = re.compile(r"<!-- Slide number: \d+ -->\n?")
PLAIN_TEXT = {"escape_asterisks": False, "escape_underscores": False}
"""Marks of Markdown that a text holds stay as they are: names would not be found else."""


class TooMuch(Exception):
    """What a file exceeds, in words."""


class Read(NamedTuple):
    """A file as a document, and how much of it was left out or changed, by what."""

    text: str
    title: str = ""
    lost: Mapping[str, int] = MappingProxyType({})


def read_html(data: bytes) -> Read:
    """A page by its declared encoding, UTF-8, or a guess that is counted."""
    markup = markup_text(data)
    lost = Counter({f"page read as {markup.encoding}, a guess": 1} if markup.guessed else {})
    lost[LETTER] += markup.text.count("\ufffd")
    read = _markdown(markup.text)
    return read._replace(lost=lost + Counter(read.lost))


def _markdown(html: str) -> Read:
    """By markitdown, tables put in afterwards."""
    from bs4 import BeautifulSoup
    from markitdown.converters import HtmlConverter

    soup = BeautifulSoup(html, "lxml")
    tables: list[str] = []
    lost: Counter[str] = Counter()
    every = soup.find_all("table")
    if any(len(table.find_parents("table", limit=MOST_DEEP)) == MOST_DEEP for table in every):
        raise TooMuch(f"tables in tables, more than {MOST_DEEP} deep")
    for table in reversed(every):  # the innermost first
        rows = _grid(table)
        inner = _PLACE.search(table.get_text())
        if len(table.find_all(["td", "th"])) == 1 or (inner and not _holds_data(rows)):
            for cell in table.find_all(["td", "th", "tr", "tbody", "thead"]):
                cell.name = "div"
            table.name = "div"
            continue
        lost["table in a cell, flattened"] += bool(inner)
        rows = [
            [_PLACE.sub(lambda m: _flat(tables[int(m[1])]), one) for one in row] for row in rows
        ]
        caption = table.find("caption")
        title = f"{caption.get_text(' ', strip=True)}\n\n" if caption else ""
        place = soup.new_tag("p")
        place.string = f"{_MARK}{len(tables)}{_MARK}"
        tables.append(title + markdown_table(rows))
        table.replace_with(place)
    for image in soup.find_all("img"):
        lost["picture"] += not image.get("alt")
        image.replace_with(str(image.get("alt") or ""))
    title = soup.title.get_text(" ", strip=True) if soup.title else ""
    try:
        made = HtmlConverter().convert_string(str(soup), strict=True, **PLAIN_TEXT).markdown
    except RecursionError:
        made, lost["structure of a page nested too deeply"] = soup.get_text("\n", strip=True), 1
    made = _PLACE.sub(lambda m: f"\n\n{tables[int(m[1])]}\n\n", made)
    return Read(re.sub(r"\n{3,}", "\n\n", made).strip(), title, +lost)


def _holds_data(rows: list[list[str]]) -> bool:
    """Whether a table with others in it is one of cells; else it lays out a page."""
    texts = [text for row in rows for text in row if text and not _PLACE.fullmatch(text)]
    full = sum(sum(map(bool, row)) > 1 for row in rows)
    return full > 2 and max(map(len, texts), default=0) < LONG_CELL


def _flat(table: str) -> str:
    rows = [line.strip("| ").split(" | ") for line in table.split("\n") if line.strip(" |-")]
    return "; ".join(", ".join(row) for row in rows)


def _grid(table: Any) -> list[list[str]]:
    """Rows of a table, merged cells repeated in each place that they cover.

    HTML's "forming a table" (https://html.spec.whatwg.org/multipage/tables.html).
    """
    rows: list[list[str]] = []
    down: dict[int, tuple[int, str]] = {}
    cells = 0
    for row in table.find_all("tr"):
        line: list[str] = []
        for cell in row.find_all(["td", "th"], recursive=False):
            line += _from_above(down, len(line))
            text = cell.get_text(" ", strip=True)
            wide, high = _span(cell, "colspan", 1_000), _span(cell, "rowspan", 65_534)
            if high > 1:
                down |= {len(line) + i: (high - 1, text) for i in range(wide)}
            line += [text] * wide
            cells += wide
            if cells > MOST_CELLS:
                raise TooMuch(f"a table of more than {MOST_CELLS:,} cells")
        rows.append([*line, *_from_above(down, len(line))])
    return rows


def _from_above(down: dict[int, tuple[int, str]], at: int) -> Iterator[str]:
    """Texts of the cells that reach down into the places from `at` on."""
    while at in down:
        left, text = down.pop(at)
        if left > 1:
            down[at] = (left - 1, text)
        yield text
        at += 1


def _span(cell: Any, name: str, most: int) -> int:
    value = str(cell.get(name, "1")).strip()
    return max(1, min(int(value), most)) if value.isdecimal() and len(value) < 9 else 1


def read_docx(data: bytes) -> Read:
    """Headings by their styles, notes below, tables with merged cells filled."""
    from mammoth import convert_to_html
    from markitdown.converter_utils.docx.pre_process import pre_process_docx

    made = convert_to_html(pre_process_docx(io.BytesIO(data)))
    return _markdown(made.value)._replace(title=_office_title(data))


def read_pptx(data: bytes) -> Read:
    """Slide by slide, each under its title, with its notes."""
    from markitdown import StreamInfo
    from markitdown.converters import PptxConverter

    converter = PptxConverter()
    converter._html_converter = _Html()
    text = converter.convert(io.BytesIO(data), StreamInfo(extension=".pptx")).markdown
    pictures = len(_PICTURE.findall(text))
    text = _SLIDE.sub("", _PICTURE.sub(r"\1", text))
    return Read(text.strip(), _office_title(data), +Counter({"picture": pictures}))


class _Html:
    """In place of markitdown's own converter of HTML, which its other readers use."""

    def convert_string(self, html: str, **_: Any) -> Any:
        """Of text."""
        from markitdown import DocumentConverterResult

        return DocumentConverterResult(markdown=_markdown(html).text)

    def convert(self, stream: Any, *_: Any, **__: Any) -> Any:
        """Of bytes."""
        return self.convert_string(markup_text(stream.read()).text)


def read_epub(data: bytes) -> Read:
    """Chapter by chapter."""
    from markitdown import StreamInfo
    from markitdown.converters import EpubConverter

    converter = EpubConverter()
    converter._html_converter = _Html()
    made = converter.convert(io.BytesIO(data), StreamInfo(extension=".epub"))
    return Read(made.markdown, made.title or "")


def read_xlsx(data: bytes) -> Read:
    """Every sheet that holds something under its name, as a table; merged cells filled."""
    from openpyxl import load_workbook

    unsaved = _look_ahead(data)
    book = load_workbook(io.BytesIO(data), data_only=True)
    parts: list[str] = []
    lost: Counter[str] = Counter()
    for sheet in book.worksheets:
        if sheet.max_row * sheet.max_column > MOST_CELLS:
            raise TooMuch(f"sheet {sheet.title!r} has more than {MOST_CELLS:,} cells")
        filled = {
            place: sheet.cell(span.min_row, span.min_col).value
            for span in sheet.merged_cells.ranges
            for row in span.rows
            for place in row
        }
        rows = [
            [_shown(filled.get((cell.row, cell.column), cell.value)) for cell in row]
            for row in sheet.iter_rows()
        ]
        table = markdown_table(rows)
        if table:
            parts.append(f"## {sheet.title}\n\n{table}")
        lost["picture or chart"] += len(sheet._images) + len(sheet._charts)
    lost["formula without a saved value"] = unsaved
    return Read("\n\n".join(parts), str(book.properties.title or ""), +lost)


def _look_ahead(data: bytes) -> int:
    """Formulas whose result nobody saved; refuses cells merged over more than can be filled."""
    from openpyxl.utils import range_boundaries

    unsaved = 0
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in archive.namelist():
            sheet = archive.read(name) if name.startswith("xl/worksheets/sheet") else b""
            unsaved += len(UNSAVED.findall(sheet))
            for span in _MERGED.findall(sheet):
                left, top, right, bottom = range_boundaries(span.decode())
                if (right - left + 1) * (bottom - top + 1) > MOST_CELLS:
                    raise TooMuch(f"a merged cell over more than {MOST_CELLS:,} cells")
    return unsaved


def _shown(value: Any) -> str:
    """A cell as its spreadsheet shows it: 3 for 3.0, a day without midnight."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        return str(value.date() if value.time() == datetime.min.time() else value)
    return value.isoformat() if isinstance(value, date) else str(value)


def read_pdf(data: bytes) -> Read:
    """Page by page; what has no text (a scan) is counted."""
    from pdfminer.pdfpage import PDFPage
    from pdfplumber import open as open_pdf

    for number, _ in enumerate(PDFPage.get_pages(io.BytesIO(data)), 1):
        if number > MOST_PAGES:
            raise TooMuch(f"more than {MOST_PAGES:,} pages")
    with open_pdf(io.BytesIO(data), laparams=LAYOUT) as pdf:
        pages = read_pages(pdf)
        title = (pdf.metadata or {}).get("Title")
    text, undecoded = _UNDECODED.subn("\ufffd", pages.text)
    lost = Counter(
        {
            "page without text (a scan?)": pages.empty,
            "page whose rules were not looked at": pages.unruled,
            LETTER: undecoded,
        }
    )
    return Read(text, title.strip() if isinstance(title, str) else "", +lost)


def read_eml(data: bytes) -> Read:
    """Subject, who, when, and the body; what is attached is named and counted."""
    mail = BytesParser(policy=policy.default).parsebytes(data)
    assert isinstance(mail, EmailMessage)
    body = mail.get_body(preferencelist=("plain", "html"))
    names = [part.get_filename() or part.get_content_type() for part in mail.iter_attachments()]
    read = Read("")
    if body is not None:
        if body.get_content_charset() is None:  # pages name theirs
            body.set_param("charset", markup_text(bytes(body.get_payload(decode=True))).encoding)
        content = str(body.get_content(errors="replace"))
        read = Read(content) if body.get_content_type() == "text/plain" else _markdown(content)
    lost = Counter(read.lost) + Counter({"attachment": len(names)})
    subject = str(mail.get("subject", "")).strip()
    heads = [f"{name}: {mail[name]}" for name in ("From", "To", "Date") if mail[name]]
    heads += [f"Attached: {', '.join(names)}"] if names else []
    title = [f"# {subject}"] if subject else []
    return Read("\n\n".join([*title, "\n".join(heads), read.text.strip()]).strip(), subject, lost)


def _office_title(data: bytes) -> str:
    """The title in an Office file's properties."""
    from defusedxml.ElementTree import fromstring

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if "docProps/core.xml" not in archive.namelist():
            return ""
        core = fromstring(archive.read("docProps/core.xml"))
    named = core.find("{http://purl.org/dc/elements/1.1/}title")
    return (named.text or "").strip() if named is not None else ""


READERS: dict[str, Callable[[bytes], Read]] = {
    ".html": read_html,
    ".htm": read_html,
    ".xhtml": read_html,
    ".pdf": read_pdf,
    ".docx": read_docx,
    ".pptx": read_pptx,
    ".xlsx": read_xlsx,
    ".epub": read_epub,
    ".eml": read_eml,
}
