"""The next step for an answer that was cut, limit by limit."""

from __future__ import annotations

import pytest

from rung.models.base import ChatReply
from rung.records import Usage
from rung.solver.room import FOR_THOUGHTS, more_room

WIDE = 100_000
LINE = "All work and no play ... "
"""25 characters, of which the last 24 that are no blank are looked for."""


def cut(text: str, *, thought: bool = False, finish: str = "length") -> ChatReply:
    return ChatReply(text=text, usage=Usage(), finish=finish, thought=thought)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("reply", "first", "room", "spare", "more"),
    [
        (cut("half an ans"), 64, 64, WIDE, 1024),
        (cut("half an ans"), 500, 500, WIDE, 2000),
        (cut("half an ans"), 500, 2000, WIDE, None),
        (cut("half an ans", thought=True), 500, 2000, WIDE, 4096),
        (cut("  "), 500, 2000, WIDE, 4096),
        (cut("  "), 500, 4096, WIDE, 16_384),
        (cut("  "), 500, 16_384, WIDE, None),
        (cut("half an ans"), 64, 64, 700, 700),
        (cut("half an ans"), 64, 64, 64, None),
        (cut("done", finish="stop"), 64, 64, WIDE, None),
        (cut(LINE * 3), 64, 64, WIDE, 1024),
        (cut(LINE * 4), 64, 64, WIDE, None),
        (cut("x" * 23), 64, 64, WIDE, 1024),
        (cut("x" * 24), 64, 64, WIDE, 1024),
        (cut("x" * 95), 64, 64, WIDE, 1024),
        (cut("x" * 96), 64, 64, WIDE, None),
    ],
)
def test_the_next_step(
    reply: ChatReply, first: int, room: int, spare: int, more: int | None
) -> None:
    assert more_room(reply, first, room, spare) == more
    assert FOR_THOUGHTS == (4096, 16_384)
