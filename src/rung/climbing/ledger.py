"""The alpha ledger on disk: how much error test examples still afford, use after use."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from rung.errors import StoreError, UserError
from rung.evidence.ledger import (
    DEV,
    SEEN,
    SHOWN,
    SMALLEST_ALPHA,
    TAUGHT,
    AlphaLedger,
    Use,
    equal_weight,
    summary,
)
from rung.project import write_whole
from rung.state import read_object
from rung.task.duplicates import normalised
from rung.task.examples import has_made_id
from rung.task.types import Example, Task, digest

LEDGER_FILE = "rung.ledger.json"
"""Beside `rung.toml`, to be committed with it: a deleted project folder starts nothing anew."""

EARLIER_FILE = "ledger.json"
"""In the project folder, where the count was kept a split at a time."""

NAME_CHARS = 16
ID_CHARS, ANSWER_CHARS = 8, 4
EDITED = 0.9
"""Share of the ids of an earlier split that must expect the same answers as before for rows of
other words to count as edited ones. Our own threshold: fresh examples that are numbered from 1
again agree less, unless nearly all have one answer."""

CURE = (
    "restore it from a copy, or delete it and give fresh test examples; it keeps count of how "
    "often the test examples were used"
)

WHY = {
    SHOWN: "were shown (`rung reveal`)",
    DEV: "were dev in an earlier climb, which chose by them and shows their answers",
    TAUGHT: "were handed out for training (`rung export`, or a provider), and models may know them",
}
"""What happened to test examples that certify nothing."""


def row_name(example: Example) -> str:
    """What the ledger calls an example: by the letters and digits of its input alone.

    Another label, another place in the file, a comma more or a capital make no fresh example.
    """
    text = normalised(example.input_text())
    return digest("".join(filter(str.isalnum, text)) or text)[:NAME_CHARS]


def _told_of(examples: Iterable[Example]) -> dict[str, tuple[str, str]]:
    """Id and answer of examples whose maker gave the id: what an edit of their words leaves.

    Too few letters of an answer to guess it by.
    """
    return {
        row_name(e): (digest(e.id)[:ID_CHARS], digest(e.expected)[:ANSWER_CHARS])
        for e in examples
        if not has_made_id(e)
    }


class TestLedger:
    """What some held-out examples, the test split's when left out, have left to err.

    `offer` says what a candidate would get and writes nothing: plan its design with it. `grant`
    writes the use, once, and is due before the first test answer is scored. `alpha` is both. A
    weight is a share of what is left at that moment; sums stay below the total by themselves.
    """

    __test__ = False  # a name that pytest would take for a test class

    def __init__(
        self,
        folder: Path,
        task: Task,
        planned: Sequence[str],
        examples: Sequence[Example] | None = None,
    ) -> None:
        """`folder` is the project folder, used where the task has no `rung.toml` to stand beside.

        `planned` are the keys that share equally where no weight is given.
        """
        self.path = (task.root or folder) / LEDGER_FILE
        self._earlier = folder / EARLIER_FILE
        self.confidence = task.target.confidence
        self._salt = task.fingerprint()[:12]
        """What a candidate is certified for: another task on the same test is another question."""
        self._planned = planned
        self.marks: dict[str, str] = {}
        """What else is in a candidate's name: another draw of its answers is another test."""
        tested = task.test if examples is None else examples
        self._told = _told_of(tested)
        self.rows: frozenset[str] = frozenset(map(row_name, tested))
        """Names of the examples that are tested on, with those they had before an edit."""
        self.ledger = self._read()
        names = self._names(self.rows)
        kept = self.rows if examples is not None else self._kept(names)
        self.left_out: dict[str, int] = {}
        """How many are left out of the test, by the first way in which they were seen."""
        seen = {how: self.ledger.shown(how) for how in (DEV, TAUGHT, SHOWN)}
        for row in self.rows - kept:
            how = next(
                (how for how, shown in seen.items() if not names[row].isdisjoint(shown)), SHOWN
            )
            self.left_out[how] = self.left_out.get(how, 0) + 1
        self._certify = len(kept)
        self.rows = frozenset().union(*(names[row] for row in kept))
        self.unused = not self.ledger.touching(self.rows)
        """Nothing was ever measured on any of these examples."""

    def offer(self, key: str, weight: float | None = None) -> float:
        """The error that a candidate has, or would be granted; writes nothing.

        `weight` is a share of what is left; an equal share of the planned ones when left out.
        Raises `UserError` where the examples are used up, or there are none.
        """
        if not self.rows:
            raise UserError("There are no test examples: nothing can be certified; add some.")
        weight = self._equal_weight() if weight is None else weight
        alpha = self.ledger.offer(self._name(key), self.rows, self.confidence, weight)
        if alpha is None:
            keys = {use.key for use in self.uses}
            seen = next((why for how, why in WHY.items() if how in keys), None)
            if seen is not None:  # all of them, else the others would certify
                raise UserError(
                    f"These test examples {seen}: nothing is certified on them; add fresh test "
                    f"examples for {key!r}."
                )
            raise UserError(
                f"These test examples have been used by {len(keys)} candidates, and the error "
                f"of {self.total:.2g} that a confidence of {self.confidence:g} leaves is used up; "
                f"add fresh test examples for {key!r}, and give these up with `rung reveal`."
            )
        return alpha

    def grant(self, key: str, alpha: float, before: Collection[str] = ()) -> None:
        """Write down that a candidate is scored on these rows at the error it was offered.

        Those that were scored `before` in this climb inherit it when the candidate is certified.
        """
        name = self._name(key)
        if self.ledger.find(name, self.rows) is None:
            self.ledger = self._read()  # another process may have written since
            heirs = self.ledger.heirs_by_alpha([*map(self._name, before)], self.rows)
            granted = self.ledger.grant(name, self.rows, self.confidence, alpha, heirs)
            self._write(granted.knowing(self._told))

    def freed(self, key: str, passed: Collection[str]) -> float:
        """Error that a candidate inherits from those that were certified."""
        return self.ledger.freed(self._name(key), self.rows, [*map(self._name, passed)])

    def alpha(self, key: str, weight: float | None = None) -> float:
        """The error granted to a candidate; raises `UserError` when the examples are used up."""
        alpha = self.offer(key, weight)
        self.grant(key, alpha)
        return alpha

    @property
    def uses(self) -> list[Use]:
        """Earlier uses of any of these examples."""
        return self.ledger.touching(self.rows)

    @property
    def total(self) -> float:
        """What all tests at this confidence may err together."""
        return 1.0 - self.confidence

    @property
    def left(self) -> float:
        """What later tests of these examples may err together."""
        return self.ledger.left(self.rows, self.confidence)

    def next(self, weight: float) -> float | None:
        """What a new test would be granted; None where the examples are used up."""
        return max(weight * self.left, SMALLEST_ALPHA) if self.left >= SMALLEST_ALPHA else None

    def show(self) -> None:
        """Write down that the examples' answers were shown."""
        self._write(self._read().show(self.rows))

    def learnt(self, examples: Sequence[Example], how: str = DEV) -> None:
        """Write down which examples are dev: reports show their answers, and they choose."""
        names, answers = {row_name(e) for e in examples}, _told_of(examples)
        if not self.ledger.shown(how).issuperset(names):
            self._write(self._read().show(names, how).knowing(answers))

    def taught(self, examples: Sequence[Example]) -> None:
        """Write down which examples were handed out for training."""
        self.learnt(examples, TAUGHT)

    def sentences(self) -> tuple[str, ...]:
        """What is left out of the test, for the run's notes."""
        return tuple(
            f"{self.left_out[how]} test examples {why} and are left out: {self._certify} others "
            "certify."
            for how, why in WHY.items()
            if how in self.left_out
        )

    def summary(self) -> str:
        """One sentence for the report."""
        return summary(self.uses, self.left)

    def _name(self, key: str) -> str:
        return f"{self._salt}/{key}{self.marks.get(key, '')}"

    def _equal_weight(self) -> float:
        names = map(self._name, self._planned)
        granted = sum(self.ledger.find(name, self.rows) is not None for name in names)
        planned = max(len(self._planned), 1)
        return equal_weight(planned, min(granted, planned - 1))

    def _names(self, rows: Collection[str]) -> dict[str, frozenset[str]]:
        """Every name that an example goes by: its own, and those it had before it was edited.

        Where the examples have ids of their own, and the ids of earlier ones expect nearly the same
        answers as then, what has changed is the wording.
        """
        mine = dict(self._told.values())
        before = [(*one, name) for name, one in self.ledger.known.items() if one[0] in mine]
        earlier: dict[str, list[str]] = {}
        if sum(answer == mine[id_] for id_, answer, _ in before) >= EDITED * len(before):
            for id_, _, name in before:
                earlier.setdefault(id_, []).append(name)
        ids = {name: id_ for name, (id_, _) in self._told.items()}
        return {row: frozenset((row, *earlier.get(ids.get(row, ""), ()))) for row in rows}

    def _kept(self, names: Mapping[str, frozenset[str]]) -> frozenset[str]:
        """The examples that this very task was tested on before, else those that were not shown.

        Rows that are merely used up stay: a split without them would be another promise, which is
        for people to begin, by giving up the old rows.
        """
        rows, every = frozenset(names), frozenset().union(*names.values())
        for use in self.ledger.touching(rows):
            if use.key.startswith(f"{self._salt}/") and use.rows <= every:
                return rows & use.rows
        shown = self.ledger.shown(*SEEN)
        return frozenset(row for row in rows if names[row].isdisjoint(shown)) or rows

    def _read(self) -> AlphaLedger:
        if self.path.exists():
            return AlphaLedger.from_dict(read_object(self.path, CURE))
        return self._taken_over() if self._earlier.exists() else AlphaLedger()

    def _taken_over(self) -> AlphaLedger:
        """What was kept split by split does not name its rows: these examples bear all of it."""
        kept = read_object(self._earlier, CURE)
        try:
            uses = [
                Use(str(key), float(share), 1.0 - float(split["alpha"]), self.rows)
                for split in kept.values()
                for key, share in split["granted"].items()
            ]
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise StoreError(f"{self._earlier} cannot be read ({error!r}): {CURE}") from error
        return AlphaLedger(tuple(uses))

    def _write(self, ledger: AlphaLedger) -> None:
        self.ledger = ledger
        write_whole(self.path, json.dumps(ledger.to_dict(), indent=1) + "\n", durable=True)


def shown_names(root: Path | None) -> frozenset[str]:
    """Names of the examples of a project, by its folder, whose answers `rung reveal` has shown."""
    path = None if root is None else root / LEDGER_FILE
    if path is None or not path.exists():
        return frozenset()
    return AlphaLedger.from_dict(read_object(path, CURE)).shown(SHOWN)
