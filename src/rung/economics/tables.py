"""Our own small dated price tables: what the price library lacks, each row with source and date.

Rows are only ever appended: a price that moved is a new row under the same id with a later date,
so that an old run can still be explained. `chain()` proves it: one hash over all rows in order.
"""

import hashlib
import tomllib
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Literal, get_args

from rung.errors import UserError
from rung.money import dec
from rung.task.types import Frozen
from rung.task.wording import did_you_mean

TableName = Literal[
    "machines", "gpus", "tuning", "stores", "labelling", "caching", "rerank", "library"
]
STALE_AFTER = timedelta(days=90)


class Source(Frozen):
    """Where a price comes from, and of which day it is."""

    what: str
    url: str = ""
    checked: date | None = None
    """None: the user's own figure."""
    stands_in: bool = False
    """Of no known day: a later price in place of one that is not known."""

    def stale(self, on: date) -> bool:
        """Older than 90 days on the day of the prices."""
        return self.checked is not None and on - self.checked > STALE_AFTER

    def __str__(self) -> str:
        day = f", {self.checked}" if self.checked else ""
        return f"{self.what}{day}"


@dataclass(frozen=True, slots=True)
class Row:
    """One priced item of one day."""

    id: str
    what: str
    usd: Decimal
    unit: str
    source: str
    checked: date
    card: str = ""
    note: str = ""
    min_tokens: int = 0
    lifetime_s: int = 0

    def as_source(self) -> Source:
        """The row as the source of a figure."""
        return Source(what=self.what, url=self.source, checked=self.checked)


@cache
def rows(table: TableName) -> tuple[Row, ...]:
    """All rows of one table, in the order in which they were appended."""
    text = (files(__package__) / "tables" / f"{table}.toml").read_text(encoding="utf-8")
    plain = tomllib.loads(text, parse_float=Decimal)
    unit = plain["unit"]
    return tuple(
        Row(**{"unit": unit, **row, "usd": dec(row.get("usd", "0"))}) for row in plain["rows"]
    )


def find(table: TableName, name: str, on: date) -> Row:
    """The newest row of that id not after `on`; the oldest where all are later."""
    same = [row for row in rows(table) if row.id == name]
    if not same:
        known = sorted({row.id for row in rows(table)})
        hint = did_you_mean(name, known)
        raise UserError(f"No row {name!r} in the price table {table!r}; {hint}")
    past = [row for row in same if row.checked <= on]
    return max(past, key=lambda row: row.checked) if past else same[0]


def gpu(name: str, on: date) -> Row:
    """A GPU by row id, or by card: then the middle price among its providers."""
    cards = [row for row in rows("gpus") if row.card == name.lower()]
    if not cards:
        return find("gpus", name, on)
    ids = sorted({row.id for row in cards})
    offers = sorted((find("gpus", one, on) for one in ids), key=lambda row: (row.usd, row.id))
    return offers[len(offers) // 2]


def dearest_gpu(on: date) -> Row:
    """The highest price per GPU hour in the table: an upper bound where no card is named."""
    ids = sorted({row.id for row in rows("gpus")})
    return max((find("gpus", one, on) for one in ids), key=lambda row: (row.usd, row.id))


def chain() -> list[str]:
    """Running sha256 of each table's rows in order: a changed or removed row changes its hash."""
    hashes = []
    for table in get_args(TableName):
        running = hashlib.sha256(table.encode()).hexdigest()
        for row in rows(table):
            running = hashlib.sha256((running + repr(row)).encode()).hexdigest()
            hashes.append(f"{table}/{row.id}@{row.checked}:{running[:16]}")
    return hashes
