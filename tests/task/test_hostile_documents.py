"""Documents built to keep a reader busy, to fill the memory or to reach out."""

from __future__ import annotations

import http.server
import re
import threading
import time
import zipfile
from itertools import pairwise
from pathlib import Path

import pytest

from rung.errors import UserError
from rung.task import converting
from rung.task.documents import load_documents

from . import papers

pytest.importorskip("markitdown", reason="the extra docs is not installed")
pytestmark = pytest.mark.slow
TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/'
    'content-types"><Default Extension="xml" ContentType="application/xml"/><Default '
    'Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-'
    'officedocument.wordprocessingml.document.main+xml"/></Types>'
)
RELS = (
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/'
    'relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/'
    '2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>'
)
HEAD = (
    '<?xml version="1.0"?><w:document xmlns:w="http://schemas.openxmlformats.org/'
    'wordprocessingml/2006/main"><w:body>'
)
PARAGRAPH = "<w:p><w:r><w:t>Drain the boiler.</w:t></w:r></w:p>"
END = "</w:body></w:document>"


def docx(path: Path, paragraphs: int) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", TYPES)
        archive.writestr("_rels/.rels", RELS)
        with archive.open("word/document.xml", "w", force_zip64=True) as file:
            file.write(HEAD.encode())
            block = PARAGRAPH.encode() * 10_000
            for _ in range(paragraphs // 10_000):
                file.write(block)
            file.write(PARAGRAPH.encode() * (paragraphs % 10_000) + END.encode())


def refusal(folder: Path) -> str:
    with pytest.raises(UserError) as refused:
        load_documents(folder, "docs")
    return str(refused.value)


def test_a_docx_of_some_lines_is_read(tmp_path: Path) -> None:
    docx(tmp_path / "a.docx", 3)
    (tmp_path / "b.html").write_text("<h1>Valves</h1><p>Open slowly.</p>")
    found = load_documents(tmp_path, "docs").documents
    assert "Drain the boiler." in found[0].text and found[1].title == "Valves"


def test_one_that_unzips_to_very_much_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    docx(tmp_path / "bomb.docx", 12_000_000)
    assert (tmp_path / "bomb.docx").stat().st_size < 3_000_000
    started = time.monotonic()
    said = refusal(tmp_path)
    assert "bomb.docx: is not read (it unzips to" in said and "split it" in said
    assert time.monotonic() - started < 30


def test_computing_and_memory_have_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(converting, "MEMORY", 64 << 20)
    (tmp_path / "short").mkdir()
    docx(tmp_path / "short" / "short.docx", 20)
    assert load_documents(tmp_path / "short", "docs")  # enough for an ordinary one
    docx(tmp_path / "long.docx", 200_000)  # below what it may unzip to
    assert re.search("needs more than 64 MiB of memory|its reader died", refusal(tmp_path))
    monkeypatch.undo()
    monkeypatch.setattr(converting, "CPU_S", 1)
    assert "takes more than 1 s of computing" in refusal(tmp_path)


def swapped(source: Path, path: Path, member: str, old: bytes, new: bytes) -> None:
    with zipfile.ZipFile(source) as given, zipfile.ZipFile(path, "w") as made:
        for name in given.namelist():
            data = given.read(name)
            assert name != member or old in data
            made.writestr(name, data.replace(old, new) if name == member else data)


ENTITIES = "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in pairwise("abcdefghijklm"))


def test_files_of_other_kinds_are_refused_each_with_what_it_exceeds(tmp_path: Path) -> None:
    sources, folder = tmp_path / "sources", tmp_path / "docs"
    sources.mkdir()
    folder.mkdir()
    papers.xlsx(sources / "a.xlsx")
    papers.pptx(sources / "a.pptx")
    sheet, slide = "xl/worksheets/sheet1.xml", "ppt/slides/slide1.xml"
    swapped(sources / "a.xlsx", folder / "merged.xlsx", sheet, b"A1:D1", b"A1:XFD1048576")
    laughs = f'?><!DOCTYPE x [<!ENTITY a "lol">{ENTITIES}]>'.encode()
    swapped(sources / "a.pptx", sources / "b.pptx", slide, b"?>", laughs)
    swapped(sources / "b.pptx", folder / "laughs.pptx", slide, b"<a:t>", b"<a:t>&m;")
    with (
        zipfile.ZipFile(folder / "bomb.epub", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a.xhtml", "w", force_zip64=True) as file,
    ):
        for _ in range(513):
            file.write(bytes(1 << 20))
    mail = b"hi"
    for i in range(2000):
        mail = b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n%s" % (i, i, mail)
    (folder / "deep.eml").write_bytes(mail)
    (folder / "deep.html").write_text("<table><tr><td>" * 200)
    papers.pdf(folder / "long.pdf", [[]] * 5_001)
    said = refusal(folder)
    for part in (
        "merged.xlsx: is not read (a merged cell over more than",
        "laughs.pptx: cannot be read (Maximum entity amplification",
        "bomb.epub: is not read (it unzips to 513 MiB",
        "deep.eml: is not read (it is nested too deeply)",
        "deep.html: is not read (tables in tables",
        "long.pdf: is not read (more than 5,000 pages)",
    ):
        assert part in said


def test_all_files_that_cannot_be_read_are_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_bytes(b"no zip")
    (tmp_path / "b.html").write_text("<p>Fine.")
    (tmp_path / "c.pdf").write_bytes(b"%PDF-1.4 broken")
    assert re.search(r"a\.docx: cannot be read.*c\.pdf: cannot be read", refusal(tmp_path))


def test_waiting_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(converting, "WALL_S", 0.01)
    docx(tmp_path / "a.docx", 3)
    assert "a.docx: takes more than 0.01 s to read" in refusal(tmp_path)


def test_nothing_is_fetched(tmp_path: Path) -> None:
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    at = f"http://127.0.0.1:{server.server_port}"
    (tmp_path / "a.html").write_text(
        f'<!DOCTYPE html SYSTEM "{at}/dtd"><link rel="stylesheet" href="{at}/css">'
        f'<img src="{at}/img"><script src="{at}/js"></script><iframe src="{at}/f"></iframe><p>Hi'
    )
    assert "Hi" in load_documents(tmp_path, "docs").documents[0].text
    server.shutdown()
    assert asked == []


def test_the_child_opens_no_connection() -> None:
    with pytest.raises(PermissionError, match="may not reach out"):
        converting._refuse("socket.connect", ())
