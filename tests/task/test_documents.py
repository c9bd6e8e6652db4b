"""Documents of every kind: cells in their rows, letters as written, what is lost counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rung.task import documents as reading
from rung.task.documents import Documents, load_documents
from rung.task.encoding import markup_text
from rung.task.readers import READERS

from . import papers

pytest.importorskip("markitdown", reason="the extra docs is not installed")


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read in this process: what the child adds is `test_hostile_documents`'s."""
    monkeypatch.setattr(
        reading,
        "convert",
        lambda files: {i: READERS[path.suffix](path.read_bytes()) for path, i in files},
    )


def load(folder: Path, before: Path | None = None) -> Documents:
    return load_documents(folder, "docs", before)


def text_of(folder: Path) -> str:
    (one,) = load(folder).documents
    return one.text


PRICES = [
    ("Item", "Size", "Price"),
    ("Lamp", "small", "3.50"),
    ("Tent", "", "70.00"),
    ("Kettle", "one litre", "12.00"),
]
AS_TABLE = (
    "| Item | Size | Price |\n| --- | --- | --- |\n| Lamp | small | 3.50 |\n"
    "| Tent |  | 70.00 |\n| Kettle | one litre | 12.00 |"
)
XS = (72, 200, 330)


@pytest.mark.parametrize(
    "row",
    [
        {"_id": "a", "title": "t", "text": "x", "metadata": {}},
        {"docid": "a", "title": "t", "contents": "x"},
        {"doc_id": "a", "title": "t", "body": "x"},
        {"id": "a", "title": "t", "page_content": "x"},
    ],
)
def test_rows_of_documents_under_the_names_of_others(tmp_path: Path, row: dict[str, str]) -> None:
    (tmp_path / "d.jsonl").write_text(json.dumps(row), encoding="utf-8")
    (read,) = load_documents(tmp_path / "d.jsonl", "d.jsonl").documents
    assert (read.id, read.title, read.text) == ("a", "t", "x")


def test_a_ruled_table_of_a_pdf_keeps_its_rows(tmp_path: Path) -> None:
    ys = [100 + 20 * i for i in range(5)]
    words = [w for i, cells in enumerate(PRICES) for w in papers.row(ys[i] + 14, XS, cells)]
    words += [(72, 80, "Prices of May, net and per piece."), (72, 220, "Freight is free.")]
    papers.pdf(tmp_path / "a.pdf", [words], papers.grid([70, 198, 328, 400], ys), title="May list")
    (one,) = load(tmp_path).documents
    assert one.text == f"Prices of May, net and per piece.\n\n{AS_TABLE}\n\nFreight is free."
    assert one.title == "May list"


def test_a_table_without_rules_too(tmp_path: Path) -> None:
    words = [w for i, cells in enumerate(PRICES) for w in papers.row(114 + 16 * i, XS, cells)]
    words += [(72, 80, "Prices of May, net and per piece, for every customer of the shop.")]
    words += [(72, 220, "Freight is free for orders above fifty Euro, else it costs four Euro.")]
    papers.pdf(tmp_path / "a.pdf", [words])
    text = text_of(tmp_path)
    assert AS_TABLE in text and text.index("net and") < text.index("| Item") < text.index("Freight")


def test_numbers_set_flush_right_stay_in_their_columns(tmp_path: Path) -> None:
    lines = [("Year", "Sold", "Sum"), ("2024", "7", "1,000.00"), ("2025", "1,200", "5.00")]
    words = []
    for i, cells in enumerate(lines):
        words += [
            (right - 5.2 * len(c), 100 + 14 * i, c)
            for right, c in zip((100, 180, 280), cells, strict=True)
        ]
    papers.pdf(tmp_path / "a.pdf", [words])
    assert "| 2024 | 7 | 1,000.00 |\n| 2025 | 1,200 | 5.00 |" in text_of(tmp_path)


def test_a_cell_of_several_lines_is_one_cell(tmp_path: Path) -> None:
    words = papers.row(100, XS[:2], ("Part", "What it is for"))
    words += papers.row(120, XS[:2], ("Valve", "Lets steam out when the pressure"))
    words += papers.row(132, XS[:2], ("", "rises above two bar."))
    words += papers.row(152, XS[:2], ("Lid", "Keeps it in."))
    papers.pdf(tmp_path / "a.pdf", [words])
    assert "| Valve | Lets steam out when the pressure rises above two bar. |" in text_of(tmp_path)


def test_a_table_that_goes_on_overleaf_is_one(tmp_path: Path) -> None:
    head = papers.row(700, XS, PRICES[0])
    first = head + [
        w for i in range(3) for w in papers.row(714 + 14 * i, XS, (f"Lamp {i}", "s", "1"))
    ]
    then = papers.row(72, XS, PRICES[0])
    then += [w for i in range(3) for w in papers.row(86 + 14 * i, XS, (f"Tent {i}", "l", "2"))]
    papers.pdf(tmp_path / "a.pdf", [first, then])
    text = text_of(tmp_path)
    assert text.count("Item") == 1 and "| Lamp 2 | s | 1 |\n| Tent 0 | l | 2 |" in text


def test_two_columns_of_prose_are_read_one_after_the_other(tmp_path: Path) -> None:
    words = [(60, 80 + 12 * i, f"left line {i} runs on and on to the edge here") for i in range(20)]
    words += [(320, 80 + 12 * i, f"right line {i} runs on and on to the edge") for i in range(20)]
    papers.pdf(tmp_path / "a.pdf", [words])
    text = text_of(tmp_path)
    assert "|" not in text and text.index("left line 19") < text.index("right line 0 ")


def test_bullets_are_no_table(tmp_path: Path) -> None:
    words = [
        w
        for i in range(5)
        for w in papers.row(100 + 14 * i, (72, 100), (f"{i + 1}.", f"Do step {i}"))
    ]
    papers.pdf(tmp_path / "a.pdf", [words])
    assert "|" not in text_of(tmp_path)


def test_pages_without_text_are_counted(tmp_path: Path) -> None:
    papers.pdf(tmp_path / "a.pdf", [[(72, 80, "One page of text.")], [], []])
    assert load(tmp_path).notes == ("docs: 2 x page without text (a scan?), in 'a.pdf'",)


@pytest.mark.lengthy
def test_a_docx_keeps_rows_and_order_and_fills_merged_cells(tmp_path: Path) -> None:
    papers.docx(tmp_path / "a.docx", title="Untitled")
    (one,) = load(tmp_path).documents
    assert one.title == "Price list"
    assert one.text == (
        "# Price list\n\nNet prices.\n\n| Group | Size | Price |\n| --- | --- | --- |\n"
        "| Lamps | small | 3.50 |\n| Lamps | large | 7.00 |\n| Freight | Freight | free |\n\n"
        "Valid until May."
    )


def test_a_workbook_is_a_table_a_sheet(tmp_path: Path) -> None:
    papers.xlsx(tmp_path / "a.xlsx")
    found = load(tmp_path)
    assert found.documents[0].text == (
        "## Stock\n\nStock of May\n\n| Item | Count | Cost |\n| --- | --- | --- |\n"
        "| Lamp | 3 | 1.5 |\n| Tent | 4 |  |"
    )
    assert found.notes == ("docs: 1 x formula without a saved value, in 'a.xlsx'",)


def test_slides_with_their_tables_and_notes(tmp_path: Path) -> None:
    papers.pptx(tmp_path / "a.pptx")
    (one,) = load(tmp_path).documents
    assert one.title == "Opening hours" and "Closed in August." in one.text
    assert "| Day | Hours |\n| --- | --- |\n| Monday | 9 to 5 |" in one.text


def test_a_mail_is_read_and_what_is_attached_is_counted(tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(papers.MAIL)
    found = load(tmp_path)
    assert found.documents[0].title == "Küche and stove"
    assert "costs 90" in found.documents[0].text and "dünn" in found.documents[0].text
    assert "Date: Mon, 02 Mar 2026" in found.documents[0].text
    assert found.notes == ("docs: 1 x attachment, in 'a.eml'",)


def test_a_csv_is_a_table(tmp_path: Path) -> None:
    (tmp_path / "stock.csv").write_text('Item;Note\nLamp;"red; or\nblue | green"\n;\n')
    (one,) = load(tmp_path).documents
    assert (one.title, one.text) == (
        "stock",
        "| Item | Note |\n| --- | --- |\n| Lamp | red; or blue \\| green |",
    )


def test_code_is_a_document_under_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("# no heading\nx = 1\n")
    (one,) = load(tmp_path).documents
    assert (one.title, one.text) == ("a.py", "# no heading\nx = 1\n")


HTML_TABLE = """<table><caption>Rates</caption>
<tr><th>Zone</th><th colspan=2>Rate</th></tr>
<tr><td rowspan=2>Inland<td>day<td>3 | 4</tr><tr><td>night<td>5</tr></table><p>After."""


def test_cells_of_a_page_stay_in_their_rows(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(f"<title>Tolls</title><p>Before. {HTML_TABLE}")
    (one,) = load(tmp_path).documents
    assert one.title == "Tolls"
    assert one.text == (
        "Before.\n\nRates\n\n| Zone | Rate | Rate |\n| --- | --- | --- |\n"
        "| Inland | day | 3 \\| 4 |\n| Inland | night | 5 |\n\nAfter."
    )


def test_a_table_for_layout_falls_away_and_one_in_a_cell_is_counted(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(f"<table><tr><td>Menu<td>{HTML_TABLE}</td></tr></table>")
    rows = "".join(f"<tr><td>{i}<td>x{i}</tr>" for i in range(3))
    inner = "<table><tr><td>k<td>v</tr></table>"
    (tmp_path / "b.html").write_text(f"<table>{rows}<tr><td>4<td>{inner}</tr></table>")
    found = load(tmp_path)
    assert "| Inland | day |" in found.documents[0].text and "Menu" in found.documents[0].text
    assert "| 4 | k, v |" in found.documents[1].text
    assert found.notes == ("docs: 1 x table in a cell, flattened, in 'b.html'",)


@pytest.mark.parametrize(
    ("text", "encoding", "head", "guessed"),
    [
        ("Småg, på", "cp1252", "", True),
        ("café", "cp1252", "", True),
        ("Smågås på", "utf-8", "", False),
        ("Smågås på", "utf-8", "<meta charset=iso-8859-1>", False),
        ("“Preis”: 5 €", "cp1252", "<meta charset=iso-8859-1>", False),
        ("Zażółć gęślą", "cp1250", "<html lang=pl>", True),
        ("Привет, мир", "cp1251", "", True),
        ("مدة ضمان المصباح الأحمر هي 3 شهرا.", "cp1256", "", True),
        ("โคมไฟสีแดงรับประกัน3เดือน", "cp874", "", True),
        ("日本語の文章です", "shift_jis", "", True),
        ("日本語の文章です", "euc_jp", '<meta content="text/html; charset=EUC-JP">', False),
        ("中文文本测试内容", "gb18030", "<meta charset=gb2312>", False),
        ("日本語の文章です", "iso2022_jp", "<meta charset=iso-2022-jp>", False),
        ("Smågås", "utf-16", "", False),
        ("Smågås", "utf-8", "<meta charset=utf-16>", False),
        ("plain", "ascii", "<meta charset=rot13>", False),
    ],
)
def test_a_page_is_read_in_its_own_letters(
    text: str, encoding: str, head: str, guessed: bool
) -> None:
    page = markup_text(f"{head}<p>{text}</p>".encode(encoding))
    assert text in page.text and page.guessed == guessed


def test_a_guessed_page_and_lost_letters_are_said(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_bytes("<p>Småg, på sjön</p>".encode("cp1252"))
    (tmp_path / "b.html").write_bytes(b"<meta charset=utf-8><p>caf\xe9 sol</p>")
    assert load(tmp_path).notes == (
        "docs: 1 x page read as WINDOWS-1252, a guess, in 'a.html'",
        "docs: 1 x letter that could not be decoded, in 'b.html'",
    )


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("---\ntitle: 'Our terms'\ntags: a\n---\n# Terms\n", "Our terms"),
        ('+++\ntitle = "Our terms"\n+++\n\nText.', "Our terms"),
        ("## Later\n\n# First\n", "First"),
        ("## Only\n", "Only"),
        ("No heading.", "a"),
    ],
)
def test_titles(text: str, title: str, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(text)
    assert load(tmp_path).documents[0].title == title


def test_only_what_changed_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docs, before = tmp_path / "docs", tmp_path / "before"
    docs.mkdir()
    for name in "abc":
        (docs / f"{name}.html").write_text(f"<p>Text {name}.")
    asked: list[str] = []
    convert = reading.convert

    def count(files: list[reading.File]) -> dict[str, reading.Read]:
        asked.extend(ident for _, ident in files)
        return convert(files)

    monkeypatch.setattr(reading, "convert", count)
    first = load(docs, before)
    (docs / "b.html").write_text("<p>New.")
    (docs / "c.html").unlink()
    again = load(docs, before)
    assert asked == ["a.html", "b.html", "c.html", "b.html"]
    assert first.documents[0] == again.documents[0] and again.documents[1].text == "New."
    assert len(list(before.iterdir())) == 2
    for kept in before.iterdir():
        kept.write_text("{")
    assert load(docs, before).documents == again.documents
