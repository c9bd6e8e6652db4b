"""Which fields of a row hold what: `[task] columns`, and names that forgive case and blanks."""

from collections.abc import Iterable, Mapping, Sequence

from rung.errors import UserError
from rung.task.faults import Row
from rung.task.types import Frozen, JsonValue
from rung.task.wording import did_you_mean

Names = str | tuple[str, ...]


class Columns(Frozen):
    """`columns = { … }` of `[task]`: the fields of a row that hold what Rung asks for.

    A name may lead into an object: `answer.text`. What is left out is taken by Rung's own name,
    or as the shape of the file says.
    """

    input: Names | None = None
    """One field, or several that become the fields of one input."""
    expected: Names | None = None
    """One field, or several that become one JSON object."""
    id: str | None = None
    context_ids: str | None = None
    date: str | None = None
    """Kept as `date` in `meta`, where the audit and `[split] time` look for it."""


def folded(name: str) -> str:
    """A field's name without case, blanks at its ends, and the sign between its words."""
    return "_".join(name.strip("\ufeff \t").casefold().replace("-", " ").replace("_", " ").split())


def renamed(data: Mapping[str, JsonValue], names: Iterable[str]) -> dict[str, JsonValue]:
    """The row with fields that are `names` but for case and blanks under exactly these names."""
    wanted = {folded(name): name for name in names}
    return {
        (wanted.get(folded(key), key) if wanted.get(folded(key)) not in data else key): value
        for key, value in data.items()
    }


def refuse_unknown(rows: Sequence[Row], columns: Columns) -> None:
    """Raise `UserError` for a mapped field that no row has."""
    known = {key for row in rows for key in row.data}
    for name in _all(columns):
        if not any(_found(row.data, name)[0] for row in rows):
            raise UserError(
                f"{rows[0].file}: [task] columns names {name!r}, which no row has; "
                f"{did_you_mean(name, sorted(known))}"
            )


def mapped(row: Row, columns: Columns) -> Row:
    """The row under Rung's own names; what is not mapped stays beside it."""
    given: dict[str, JsonValue] = {}
    for own in ("input", "expected", "id", "context_ids"):
        names = getattr(columns, own)
        if isinstance(names, str):
            there, value = _found(row.data, names)
            if there:
                given[own] = value
        elif names:
            given[own] = {name.rpartition(".")[2]: _found(row.data, name)[1] for name in names}
    used = {_key(row.data, name) for name in _all(columns)}
    rest = {key: value for key, value in row.data.items() if key not in used}
    shadowed = {key: rest.pop(key) for key in list(rest) if key in given}
    if shadowed:
        own_meta = rest.get("meta")
        rest["meta"] = {**(own_meta if isinstance(own_meta, dict) else {}), **shadowed}
    if columns.date is not None:
        rest["date"] = _found(row.data, columns.date)[1]
    return row._replace(data={**given, **rest})


def _all(columns: Columns) -> list[str]:
    given = [value for _, value in columns if value is not None]
    return [name for one in given for name in ((one,) if isinstance(one, str) else one)]


def _key(data: Mapping[str, JsonValue], name: str) -> str | None:
    if name in data:
        return name
    return next((key for key in data if folded(key) == folded(name)), None)


def _found(data: JsonValue, name: str) -> tuple[bool, JsonValue]:
    """Whether a field is there, and its value: by name, else step by step into objects."""
    if not isinstance(data, dict):
        return False, None
    key = _key(data, name)
    if key is not None:
        return True, data[key]
    head, dot, rest = name.partition(".")
    key = _key(data, head) if dot else None
    return _found(data[key], rest) if key is not None else (False, None)
