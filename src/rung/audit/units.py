"""Which test examples are one unit of evidence: declared clusters, clusters that nobody declared,
and repeats.

Ten messages of one talk stand or fall together. Counted as ten they certify what is false in a
third of the cases; their mean, a score for each talk, does not. A group counts as a cluster by what
its name or its values look like, never by how answers score. What this cannot see: examples that
belong together and say so nowhere.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from rung.task.duplicates import groups
from rung.task.types import Example, JsonValue, Task, digest

ALONE = "id"
"""As `[task] cluster`: every example is a unit of its own, whatever else is found."""

FEWEST = 5
"""Different values below which a field is taken for a kind of example, not for a source of them."""
LONG = 80
"""Characters from which equal fields of inputs are one text that several questions are about."""
KEPT = 8

_NAMES = re.compile(
    r"(^|[_\W])(talk|conversation|dialog(ue)?|thread|session|chat|call|ticket|case|order|user|"
    r"customer|client|author|speaker|patient|person|account|company|tenant|"
    r"doc(ument)?|article|page|file|url|story|passage|report|group|cluster)s?"
    r"([_\W]?(id|name|nr|no|number|key|ref|hash|uuid))?s?$",
    re.IGNORECASE,
)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_NAME_OF_ONE = re.compile(r".+_(id|uuid|ref|no)$")
_VALUE = re.compile(r"^(?=.*\d)(?=.*[^\d.,\s])\S+$")
"""A letter or a sign and a digit, no blank: `t17`, `conv-3`, `a.md#2`, a UUID."""
_DATE = re.compile(r"^\d{1,4}[-/.]\d{1,2}([-/.]\d{1,4})?([T ].*)?$")
_PARTS = re.compile(r"^(.*\d)[-_/.:#]\d+$")
"""An example's id as `talk17-3`: what stands before the last number."""

Key = Callable[[Example], str | None]


class Units(NamedTuple):
    """The units of a task's dev and test examples."""

    name_of: dict[str, str]
    """Unit of each example, by its id."""
    field: str | None
    """What makes a unit, in words: the declared or the found field; None where examples do."""
    declared: bool
    repeats: frozenset[str]
    """Ids of test examples that repeat another one, which stands for them."""

    @property
    def clustered(self) -> bool:
        """Whether a unit is the mean of several examples."""
        return self.field is not None

    def of(self, example: Example) -> str:
        """The unit of an example."""
        return self.name_of.get(example.id, example.id)


_kept: list[tuple[tuple[Example, ...], tuple[Example, ...], str | None, Units]] = []
"""The units of the tasks looked at last: the same examples need not be compared again."""


def units_of(task: Task) -> Units:
    """The units of a task: worked out once for the same examples."""
    for test, dev, cluster, known in _kept:
        if test is task.test and dev is task.dev and cluster == task.cluster:
            return known
    units = _units(task)
    _kept.append((task.test, task.dev, task.cluster, units))
    del _kept[:-KEPT]
    return units


def _units(task: Task) -> Units:
    name, key = (task.cluster, _declared(task.cluster)) if task.cluster else _found(task.test)
    if task.cluster == ALONE:
        name, key = None, _nothing
    named = {e.id: key(e) or e.id for e in (*task.dev, *task.test)}
    return Units(named, name, task.cluster is not None, frozenset(_repeats(task.test, named)))


def _repeats(test: Sequence[Example], unit: dict[str, str]) -> list[str]:
    """Ids of rows that say what another row of another unit says, all but one of each.

    Equal inputs whatever their answers; nearly equal ones only with the same answer, for inputs
    made from one template ask for different things.
    """
    roots = groups([e.input_text() for e in test])
    equal = groups([e.input_text() for e in test], near=False)
    seen: dict[str, str] = {}
    keys = []
    order = sorted(range(len(test)), key=lambda i: digest(test[i].id))  # no order of the file
    for i in order:
        example = test[i]
        names = [f"equal {equal[i]}", f"near {roots[i]} {digest(example.expected)}"]
        first = next((seen[n] for n in names if n in seen), None)
        for n in names:
            seen.setdefault(n, example.id)
        if first is not None and unit[first] != unit[example.id]:
            keys.append(example.id)
    return keys


def _declared(cluster: str) -> Key:
    if cluster == "context_ids":
        return lambda e: _joined(e.context_ids)
    return lambda e: None if e.meta.get(cluster) in (None, "") else str(e.meta[cluster])


def _joined(names: Sequence[str]) -> str | None:
    return "\n".join(names) or None


def _nothing(_: Example) -> None:
    return None


def _part_of_id(example: Example) -> str | None:
    parts = _PARTS.match(example.id)
    return None if parts is None or _DATE.match(parts[1]) else parts[1]


def _found(test: Sequence[Example]) -> tuple[str | None, Key]:
    """The coarsest grouping that looks like where examples come from.

    Not `context_ids`: documents are a fixed set that traffic asks about, not drawn with the
    examples. Who wrote several questions on each document declares it.
    """
    keys: dict[str, Key] = {"the ids of the examples": _part_of_id}
    keys |= {f"meta.{name}": _meta(name) for name in _fields(e.meta for e in test)}
    inputs = [e.input for e in test if isinstance(e.input, dict)]
    keys |= {f"input.{name}": _long(name) for name in _fields(inputs)}
    fitting = {}
    for name, key in keys.items():
        values = [key(e) for e in test]
        if _is_source(name, [v for v in values if v is not None], len(test)):
            fitting[name] = len({v for v in values if v is not None}) + values.count(None)
    if not fitting:
        return None, _nothing
    best = min(fitting, key=lambda name: (fitting[name], name))
    return best, keys[best]


def _fields(rows: object) -> list[str]:
    return sorted({str(name) for row in rows for name in row})  # type: ignore[attr-defined]


def _meta(name: str) -> Key:
    return lambda e: _text(e.meta.get(name))


def _long(name: str) -> Key:
    def key(example: Example) -> str | None:
        value = example.input.get(name) if isinstance(example.input, dict) else None
        return value if isinstance(value, str) and len(value) >= LONG else None

    return key


def _text(value: JsonValue) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value) or None


def _is_source(name: str, values: Sequence[str], rows: int) -> bool:
    """Whether a field tells where examples come from, and some come from one place."""
    counts = Counter(values)
    if len(counts) < FEWEST or max(counts.values()) < 2 or len(values) < rows / 2:
        return False
    kind, _, field = name.partition(".")
    if kind != "meta":
        return True
    if sum(_DATE.match(v) is not None for v in counts) > len(counts) / 2:
        return False
    looks = sum(_VALUE.match(v) is not None for v in counts) >= 0.9 * len(counts)
    return looks or names_a_source(field)


def names_a_source(field: str) -> bool:
    """Whether a field is named like somebody or something that several examples may come from."""
    plain = _CAMEL.sub("_", field)
    return bool(_NAMES.search(plain) or _NAME_OF_ONE.match(plain.casefold()))


def sentences(task: Task) -> tuple[str, ...]:
    """What is joined, and what that changes: for the audit, the run's notes and the plan."""
    units = units_of(task)
    phrases = []
    if units.clustered:
        number = len({units.of(e) for e in task.test})
        how = "as [task] cluster says" if units.declared else "which nobody declared"
        undo = "" if units.declared else f'; [task] cluster = "{ALONE}" counts every example alone'
        phrases.append(
            f"The {len(task.test)} test examples come in {number} groups by {units.field}, {how}: "
            f"what is certified is the mean of groups, each of which weighs as one{undo}."
        )
    if units.repeats:
        number = len(units.repeats)
        phrases.append(
            f"{number} test example{' repeats' if number == 1 else 's repeat'} another one nearly "
            "word for word with the same answer, or word for word: each input is asked and counted "
            "once."
        )
    return tuple(phrases)
