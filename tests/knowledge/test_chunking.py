"""Passages: exact offsets, a hard maximum, headings carried along."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.errors import UserError
from rung.knowledge.chunking import chunk, headings, is_markdown
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


@settings(max_examples=150, deadline=None)
@given(
    st.text(st.sampled_from("ab. \n#-*`|é😀中\t") | st.characters(codec="utf-8"), max_size=300),
    st.integers(1, 80),
    st.sampled_from(["a.md", "a.txt"]),
)
def test_offsets_are_exact_and_nothing_but_space_is_lost(text: str, size: int, name: str) -> None:
    passages = chunk([Document(id=name, text=text)], size)
    for p in passages:
        assert text[p.start : p.start + len(p.text)] == p.text
        assert 0 < len(p.text) <= size
    if name.endswith(".md"):
        return  # pieces of headings alone are left out on purpose
    ends = [0, *(p.start + len(p.text) for p in passages)]
    starts = [*(p.start for p in passages), len(text)]
    assert all(a <= b and not text[a:b].strip() for a, b in zip(ends, starts, strict=True))


def test_headings_stand_in_the_title_of_pieces_below_them() -> None:
    text = HANDBOOK.format(filler="Clean ones are taken back. " * 12)
    passages = chunk([Document(id="h.md", title="Handbook", text=text)], 120)
    below = [p for p in passages if p.text.startswith("Clean ones")]
    assert below and {p.title for p in below} == {"Handbook › Refunds › Shoes"}
    assert [h.text for h in headings(text)] == ["Handbook", "Refunds", "Shoes", "Shipping"]


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
