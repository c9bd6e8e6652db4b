"""Labels that look wrong, one at a time: a person takes the likelier one, keeps theirs, or skips.

What is said goes to `rung.task.corrections`' file, one line an answer; undoing takes the last out.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from rung.audit.checks.label_noise import suspects
from rung.audit.material import Material
from rung.errors import UserError
from rung.project import ProjectFolder, alone, write_whole
from rung.task.columns import Columns
from rung.task.config import read_config
from rung.task.corrections import FILE, Correction, read_corrections
from rung.task.load import CONFIG_NAME
from rung.task.naming import name_in_task
from rung.task.rows import read_table
from rung.task.shapes import take
from rung.task.types import Frozen, JsonValue


class Suspect(Frozen):
    """A row whose label looks wrong."""

    id: str
    place: str
    """File and line, as messages name them; empty where the row stands in no file of rows."""
    input: str | dict[str, JsonValue]
    given: str
    suggested: str


def suspected(material: Material) -> list[Suspect]:
    """Every one that nobody has looked at, the most suspicious first."""
    doubted = suspects(material)
    places = places_of(material) if doubted else {}
    written = dict(zip(material.same_answer, material.answer_texts, strict=True))
    made = []
    for row, better in doubted:
        example, part = material.rows[row].example, material.rows[row].part
        suspect = Suspect(
            id=example.id,
            place=places.get((part, example.id), ""),
            input=example.input,
            given=material.answer_texts[row],
            suggested=written.get(better, better),
        )
        if not example.alternatives:
            made.append(suspect)
    return made


def places_of(material: Material) -> dict[tuple[str, str], str]:
    """File and line of each row, by its file's key and its id."""
    root = material.task.root
    if root is None or not (root / CONFIG_NAME).is_file():
        return {}
    table = read_config(root / CONFIG_NAME).task
    places = {}
    for part, examples in material.parts.items():
        name = getattr(table, part)
        lines = _lines(root / name, name, table.columns)
        for example, line in zip(examples, lines, strict=False):  # drafted rows come after these
            places[part, example.id] = line
    return places


def _lines(path: Path, name: str, columns: Columns | None) -> Iterator[str]:
    for row in take(read_table(path, name).rows, columns).rows:
        yield f"{name} {row.place} {row.line}"


class Labels:
    """What a person says of labels, in the project's folder `root`."""

    def __init__(self, root: Path) -> None:
        self.root, self.path = root, root / FILE

    def all(self) -> list[Correction]:
        """What was said so far, the last at the end."""
        return read_corrections(self.path)

    def settle(self, suspect: Suspect, who: str, *, accept: bool) -> None:
        """Keep what a person says; a row that was spoken of already is left as it is."""
        line = Correction(
            id=suspect.id,
            input=suspect.input,
            was=suspect.given,
            expected=suspect.suggested if accept else suspect.given,
            who=who,
        )
        with self._alone():
            by_hand = name_in_task(self.root, "corrections", FILE)
            if by_hand is not None:
                raise UserError(f"add this to [task] of {CONFIG_NAME} by hand first: {by_hand}")
            decided = self.all()
            if line.before not in {one.before for one in decided}:
                self._write([*decided, line])

    def undo(self) -> Correction | None:
        """Take the last one back; None where nothing was said."""
        with self._alone():
            decided = self.all()
            if decided:
                self._write(decided[:-1])
        return decided[-1] if decided else None

    def _alone(self) -> AbstractContextManager[None]:
        lock = ProjectFolder(self.root).folder / "corrections.lock"
        return alone(lock, "the labels are being looked at elsewhere: try again")

    def _write(self, decided: list[Correction]) -> None:
        write_whole(self.path, "".join(f"{one.model_dump_json()}\n" for one in decided))
