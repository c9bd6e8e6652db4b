"""What is told of requests without an answer while a climb runs."""

from __future__ import annotations

from rung.climbing.observer import Observer
from rung.climbing.unanswered import Unanswered
from rung.records import Answer, Attempt


class Notes(Observer):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def attempts(pattern: str) -> list[Attempt]:
    """`x` for one without an answer."""
    base = {"candidate": "c", "split": "dev"}
    return [
        Attempt(**base, example_id=str(n), error="timed out after 60 s")
        if sign == "x"
        else Attempt(**base, example_id=str(n), answer=Answer(text="a"), score=0.0)
        for n, sign in enumerate(pattern)
    ]


def told(*phases: str) -> list[str]:
    listener = Notes()
    counting = Unanswered(listener)
    for pattern in phases:
        counting.phase("c", "dev", len(pattern))
        for attempt in attempts(pattern):
            counting.attempt(attempt)
    return listener.notes


def test_wrong_answers_and_single_failures_are_not_told() -> None:
    assert told("o" * 40, "xoxo", "xoxo") == []


def test_failures_are_told_when_they_have_doubled_and_begin_anew_with_a_phase() -> None:
    first = "3 of 5 not answered: timed out after 60 s"
    assert told("xxoox" + "o" * 20) == [first]
    assert told("xxoox" + "o" * 20, "xxoox") == [first, first]


def test_more_than_half_is_told_with_the_way_out() -> None:
    notes = told("x" * 13)
    assert [note.split(" not")[0] for note in notes] == ["3 of 3", "6 of 6", "12 of 12"]
    assert "More than half fail" not in notes[1] and "Ctrl-C stops" in notes[2]
