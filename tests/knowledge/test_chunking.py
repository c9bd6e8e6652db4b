"""Passages: exact offsets, a hard maximum, headings carried along."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.candidate import Cut
from rung.errors import UserError
from rung.knowledge.chunking import chunk, is_markdown
from rung.knowledge.outline import outline
from rung.task.types import Document

HANDBOOK = """# Handbook

Intro.

## Refunds

### Shoes

Worn shoes are refused. {filler}

```sh
# not a heading
```

## Shipping

Parcels leave at noon.
"""


@pytest.mark.lengthy
@settings(max_examples=150, deadline=None)
@given(
    st.text(st.sampled_from("ab. \n#-*`|é😀中\t") | st.characters(codec="utf-8"), max_size=300),
    st.integers(1, 80),
    st.sampled_from(["a.md", "a.txt", "a.py"]),
)
def test_offsets_are_exact_and_nothing_but_space_is_lost(text: str, size: int, name: str) -> None:
    passages = chunk([Document(id=name, text=text)], size)
    for p in passages:
        assert text[p.start : p.start + len(p.text)] == p.text
        assert 0 < len(p.text) <= size
    if name.endswith((".md", ".py")):
        return  # pieces of headings alone are left out on purpose
    ends = [0, *(p.start + len(p.text) for p in passages)]
    starts = [*(p.start for p in passages), len(text)]
    assert all(a <= b and not text[a:b].strip() for a, b in zip(ends, starts, strict=True))


def test_headings_stand_in_the_title_of_pieces_below_them() -> None:
    text = HANDBOOK.format(filler="Clean ones are taken back. " * 12)
    passages = chunk([Document(id="h.md", title="Handbook", text=text)], 120)
    below = [p for p in passages if p.text.startswith("Clean ones")]
    assert below and {p.title for p in below} == {"Handbook › Refunds › Shoes"}
    assert [h.text for h in outline(text).headings] == ["Handbook", "Refunds", "Shoes", "Shipping"]


def test_a_piece_of_headings_alone_is_left_out() -> None:
    text = HANDBOOK.format(filler="Clean ones are taken back. " * 12)
    passages = chunk([Document(id="h.md", title="Handbook", text=text)], 120)
    assert not [p for p in passages if p.text.endswith(("Refunds", "Shoes"))]
    assert [p.text for p in chunk([Document(id="h.md", text="# Only\n\n## Headings")], 99)]


def test_plain_text_carries_only_the_title() -> None:
    document = Document(id="notes.txt", title="Notes", text="One. Two. " * 30)
    assert not is_markdown(document)
    assert {p.title for p in chunk([document], 50)} == {"Notes"}


def test_documents_are_not_mixed_and_blank_ones_give_nothing() -> None:
    documents = [Document(id=str(i), text=text) for i, text in enumerate(["alpha", " \n ", "beta"])]
    assert [(p.document_id, p.text) for p in chunk(documents, 600)] == [
        ("0", "alpha"),
        ("2", "beta"),
    ]


def test_a_size_below_one_is_refused() -> None:
    with pytest.raises(UserError, match="chunk_chars is 0"):
        chunk([], 0)


def test_odd_marks_take_no_time() -> None:
    odd = Document(id="odd.md", text="# " * 400 + "\nx\n" + "|" * 400 + " " * 400)
    assert chunk([odd], 5000)


PRICES = "# Prices\n\nNet, per piece.\n\n| Name | Price | Stock |\n|---|---|---|\n"
PRICES += "".join(f"| Lamp {i} | {i}.00 | {i * 3} |\n" for i in range(30))
PRICES += "\nFreight is free.\n\n## Old\n\nNone.\n"


def test_a_table_is_kept_whole_where_it_fits() -> None:
    passages = chunk([Document(id="p.md", text=PRICES)], 5000)
    assert [p.text for p in passages] == [PRICES.strip()]


@pytest.mark.parametrize("cut", ["size", "heading", "window"])
def test_pieces_of_a_table_are_rows_under_their_header(cut: Cut) -> None:
    passages = chunk([Document(id="p.md", title="List", text=PRICES)], 200, cut)
    body = [p for p in passages if p.text.startswith("| Lamp")]
    assert len(body) > 2
    rows = [line for p in passages for line in p.text.split("\n") if "|" in line]
    assert all(row[0] == row[-1] == "|" for row in rows)
    assert {p.title for p in body} == {"List › Prices › Name | Price | Stock"}
    assert all(PRICES[p.start : p.start + len(p.text)] == p.text for p in passages)
    assert "Freight is free." in passages[-2].text + passages[-1].text


def test_by_heading_no_passage_holds_two_sections() -> None:
    text = "# A\n\nOne.\n\n## B\n\nTwo.\n\n# C\n\nThree.\n"
    passages = chunk([Document(id="a.md", title="T", text=text)], 600, "heading")
    assert [(p.title, p.text) for p in passages] == [
        ("T", "# A\n\nOne."),
        ("T › A", "## B\n\nTwo."),
        ("T", "# C\n\nThree."),
    ]
    assert len(chunk([Document(id="a.md", title="T", text=text)], 600)) == 1


def test_windows_overlap_and_a_document_stays_whole() -> None:
    text = " ".join(f"Sentence number {i} is here." for i in range(20))
    windows = chunk([Document(id="a.txt", text=text)], 120, "window")
    assert all(a.start + len(a.text) > b.start for a, b in pairwise(windows))
    whole = chunk([Document(id="a.txt", text=f"\n {text}")], 120, "document")
    assert [(p.start, p.text) for p in whole] == [(2, text)]


@pytest.mark.parametrize(
    ("name", "text", "path"),
    [
        ("a.py", "class Shop:\n    def sell(self):\n{}\n", "Shop › sell"),
        ("a.ts", "class Shop {\n  sell() {\n{}\n  }\n}\n", "Shop › sell"),
        ("a.go", "package a\n\nfunc sell() {\n{}\n}\n", "sell"),
        ("a.h", "// é😀\nint sell(int a) {\n{}\n}\n", ""),
        ("a.pyi", "def sell():\n{}\n", ""),
    ],
)
def test_pieces_of_code_say_what_they_are_in(name: str, text: str, path: str) -> None:
    pytest.importorskip("tree_sitter", reason="the extra code is not installed")
    code = text.replace("{}", "\n".join(f"        price(number={i});" for i in range(20)))
    passages = chunk([Document(id=name, title=name, text=code)], 200)
    assert passages[-1].title == (f"{name} › {path}" if path else name)
    assert passages[0].title == name and len(passages) > 2
    assert all(code[p.start : p.start + len(p.text)] == p.text for p in passages)
