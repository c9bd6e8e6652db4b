"""Drafts on disk, and what a person makes of them.

    .rung/drafts.jsonl   every draft, and what became of it
    drafted.jsonl        those that a person kept, in Rung's own form: `[task] drafted` names it

A kept one is written to the examples first and marked as done with second, so that a kill between
the two shows it again and writes it once.
"""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal

from pydantic import Field

from rung.errors import UserError
from rung.project import ProjectFolder, alone, write_whole
from rung.state import read_lines
from rung.task.examples import parse_rows
from rung.task.faults import Row
from rung.task.naming import name_in_task
from rung.task.types import DRAFTED, Example, Frozen, JsonValue, Output

FILE, EXAMPLES = "drafts.jsonl", "drafted.jsonl"
CURE = "move it away and draft again: the examples that were kept are not in it"
State = Literal["waiting", "approved", "corrected", "discarded"]


class Draft(Frozen):
    """One candidate example."""

    id: str
    input: str | dict[str, JsonValue]
    expected: JsonValue
    context_ids: tuple[str, ...] = ()
    model: str
    """Who wrote it."""
    topic: str = ""
    """The label, document or row that it was to be about."""
    difficulty: str = ""
    state: State = "waiting"
    who: str = ""
    """Who approved, corrected or discarded it."""


class Kept(Frozen):
    """A line of the examples."""

    id: str
    input: str | dict[str, JsonValue]
    expected: JsonValue
    context_ids: tuple[str, ...] = ()
    meta: dict[str, JsonValue] = Field(default_factory=dict)


class Drafts:
    """Those of the task in `root`."""

    def __init__(self, root: Path) -> None:
        self.root, self.project = root, ProjectFolder(root)

    @property
    def path(self) -> Path:
        """Every draft."""
        return self.project.folder / FILE

    def all(self) -> list[Draft]:
        """Every draft, in the order in which they were written."""
        return read_lines(self.path, Draft, CURE)

    def waiting(self) -> list[Draft]:
        """Those that nobody has looked at."""
        return [draft for draft in self.all() if draft.state == "waiting"]

    def add(self, drafts: Iterable[Draft]) -> None:
        """Put new ones behind those that are there."""
        with self._alone():
            known = self.all()
            ids = {draft.id for draft in known}
            self._write([*known, *(draft for draft in drafts if draft.id not in ids)])

    def discard(self, ident: str, who: str) -> None:
        """Throw one away. Raises `UserError` where no such draft waits."""
        with self._alone():
            self._settle(self._named(ident), "discarded", who)

    def keep(
        self,
        ident: str,
        output: Output,
        who: str,
        given: tuple[str | dict[str, JsonValue], JsonValue] | None = None,
    ) -> State:
        """Make an example of one, with another input and answer where they are given.

        Raises `UserError` where the task's contract refuses the answer.
        """
        with self._alone():
            draft = self._named(ident)
            asked, answer = given or (draft.input, draft.expected)
            changed = (asked, answer) != (draft.input, draft.expected)
            state: State = "corrected" if changed else "approved"
            made = example_of(draft.model_copy(update={"input": asked, "expected": answer}), output)
            meta = {DRAFTED: state, "drafted_by": draft.model, "kept_by": who}
            line = Kept(**made.model_dump(include=set(Kept.model_fields)) | {"meta": meta})
            path = self.root / EXAMPLES
            kept = read_lines(path, Kept, f"correct that line of {EXAMPLES}")
            others = [one for one in kept if one.id != line.id]
            write_whole(path, "".join(f"{one.model_dump_json()}\n" for one in [*others, line]))
            self._settle(draft, state, who)
        return state

    def name_in_config(self) -> str | None:
        """Let `rung.toml` name the examples; the line to add by hand where it cannot be added."""
        return name_in_task(self.root, "drafted", EXAMPLES)

    def _alone(self) -> AbstractContextManager[None]:
        return alone(self.path.with_suffix(".lock"), "the drafts are being written: try again")

    def _named(self, ident: str) -> Draft:
        for draft in self.all():
            if draft.id == ident and draft.state == "waiting":
                return draft
        raise UserError(
            f"no draft {ident[:80]!r} waits: it was looked at already, or never drafted"
        )

    def _settle(self, draft: Draft, state: State, who: str) -> None:
        done = draft.model_copy(update={"state": state, "who": who})
        self._write([done if one.id == draft.id else one for one in self.all()])

    def _write(self, drafts: Iterable[Draft]) -> None:
        write_whole(self.path, "".join(f"{draft.model_dump_json()}\n" for draft in drafts))


def example_of(draft: Draft, output: Output) -> Example:
    """The draft as an example. Raises `UserError` where the contract refuses it."""
    fields = draft.model_dump(include={"id", "input", "expected", "context_ids"})
    fields["context_ids"] = list(draft.context_ids)
    [made] = parse_rows([Row("the draft", 1, fields)], output).examples
    return made
