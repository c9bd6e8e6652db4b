"""One example with every answer to it, and what a table of examples can be asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from rung.records import Attempt
from rung.report.diagnosis import cause_name
from rung.report.examples_data import all_asked, cause_of, outcome
from rung.report.reading import FinishedRun
from rung.task.types import Example, Task, render_expected

NOT_ASKED = "n"


@dataclass(frozen=True)
class Filter:
    """What is looked for; an empty field looks for anything."""

    text: str = ""
    candidate: str = ""
    """A candidate's key."""
    outcome: str = ""
    """A letter of `outcome`; or `f` failed, `-` not asked, `nobody` (right), `differs`."""
    split: str = ""
    cause: str = ""
    """In words."""


@dataclass(frozen=True)
class Line:
    """One example with the answers to it."""

    split: str
    id: str
    example: Example | None
    """None where the task's files do not hold it."""
    answers: Mapping[str, Attempt]
    """By candidate."""
    outcomes: str
    """A letter for each candidate, in the order of the ladder."""
    cause: str
    mended_by: str
    """The probe that turned a failure right; empty where none did."""

    @cached_property
    def input(self) -> str:
        """The input as text; empty where the task's files are not known."""
        return self.example.input_text() if self.example else ""

    @cached_property
    def expected(self) -> str:
        """The expected answer as text."""
        return render_expected(self.example.expected) if self.example else ""

    @property
    def asked(self) -> str:
        """What a search looks through, answers aside."""
        return "\n".join((self.id, self.input, self.expected)).lower()


def lines_of(run: FinishedRun, task: Task | None) -> list[Line]:
    """The examples that any candidate was asked, in the order of the table."""
    order, asked, known = all_asked(run, task)
    keys = [r.key for r in run.result.candidates]
    return [
        Line(
            split=split,
            id=example_id,
            example=known.get((split, example_id)),
            answers=asked[split, example_id],
            outcomes=letters(asked[split, example_id], keys),
            cause=cause_name(cause_of(run, split, example_id) or ""),
            mended_by=_mended(run, example_id),
        )
        for split, example_id in order
    ]


def letters(answers: Mapping[str, Attempt], keys: Sequence[str]) -> str:
    """The outcome of each candidate, a letter each."""
    return "".join(outcome(answers[key]) if key in answers else NOT_ASKED for key in keys)


def fits(outcomes: str, wanted: str, at: int | None) -> bool:
    """Whether an example's outcomes are what `Filter.outcome` wants; `at` looks at one candidate.

    `nobody` and `differs` look at all of them.
    """
    looked = outcomes if at is None else outcomes[at]
    asked = outcomes.replace(NOT_ASKED, "")
    if wanted == "nobody":
        return bool(asked) and "r" not in asked
    if wanted == "differs":
        return len(set(asked)) > 1
    if wanted == "f":
        return any(letter not in "rn" for letter in looked)
    if wanted == "-":
        return NOT_ASKED in looked
    return not wanted or (len(wanted) == 1 and wanted in looked)


def _mended(run: FinishedRun, example_id: str) -> str:
    cause = run.diagnosis.examples.get(example_id) if run.diagnosis else None
    return (cause.flipped_by if cause else None) or ""
