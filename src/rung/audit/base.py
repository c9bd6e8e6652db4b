"""The words of the audit: what a check is given, what it finds, what an audit says."""

from collections.abc import Callable
from typing import NamedTuple

from rung.audit.material import Material
from rung.records import Flag
from rung.task.types import Frozen


class Ceiling(Frozen):
    """The largest score that the expected answers allow to be shown: of a system always right."""

    value: float
    low: float
    high: float
    """What could be shown at best; a target above it cannot be shown on this data."""
    n: int
    """What was judged: see `unit`."""
    unit: str = "labels"
    """What `n` counts, in words."""
    strict: float | None = None
    """What no system can exceed on the test examples, whatever it answers: equal inputs stand there
    with different answers. Proven, not estimated; None where nothing is proven."""
    method: str


class Checked(Frozen):
    """A check that ran, or why it did not."""

    id: str
    skipped: str = ""


class Audit(Frozen):
    """One object that says everything: `rung audit --json`."""

    task: str
    flags: tuple[Flag, ...]
    """The gravest first, then in the order of the checks."""
    checked: tuple[Checked, ...]
    ceiling: Ceiling | None = None
    """None where nothing is known of the expected answers' errors: undecided, not 1."""
    sizes: dict[str, int]
    """Examples by the file they lie in, and documents."""

    @property
    def blocking(self) -> tuple[Flag, ...]:
        """The flags that stop a climb."""
        return tuple(flag for flag in self.flags if flag.severity == "block")


class Found(NamedTuple):
    """What one check found."""

    flags: tuple[Flag, ...] = ()
    skipped: str = ""
    """Why the check could not run; empty where it did."""
    ceiling: Ceiling | None = None


Check = Callable[[Material], Found]
"""Pure: the same material, the same finding. Asks no model and reads no file, but the database that
a SQL task is judged on."""

NOTHING = Found()


def one(flag: Flag) -> Found:
    """A finding of a single flag."""
    return Found((flag,))


def skip(why: str) -> Found:
    """A check that could not run."""
    return Found(skipped=why)


def percent(share: float) -> str:
    """A share as people read it: `4 %`, `0.4 %`."""
    return f"{share * 100:.1f} %" if 0 < share < 0.01 else f"{share:.0%}".replace("%", " %")


def these(n: int, one_word: str, more: str = "") -> str:
    """`1 example`, `3 examples`."""
    return f"{n:,} {one_word if n == 1 else more or one_word + 's'}"


def verb(n: int, word: str) -> str:
    """`1 example holds`, `3 examples hold`."""
    return f"{word}s" if n == 1 else word
