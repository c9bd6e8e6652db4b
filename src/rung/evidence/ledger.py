"""How much error test rows still afford.

Every candidate that is scored on a test row uses some of the row's alpha, and ten climbs on one
split are not ten independent chances. The ledger is the arithmetic only; `rung.climbing.ledger`
keeps it on disk.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from rung.errors import UserError

SMALLEST_ALPHA = 1e-4
"""A smaller share certifies next to nothing: at 0.80 and 500 examples it asks for 87 % right."""

PLANNED_SHARE = 0.8
"""Share of what is left for candidates planned together, where nothing else sets their weights."""

ROUNDING = 1e-9

SHOWN = "shown"
DEV = "dev"
"""The rows were dev, whose answers reports show and on which candidates are chosen."""
TAUGHT = "taught"
"""The rows were handed out for training: a model elsewhere may know their answers."""
SEEN = (SHOWN, DEV, TAUGHT)
SHOWN_ALPHA, SHOWN_CONFIDENCE = 0.5, 1.0 - 1e-12
"""More than any confidence above 0.5 leaves, at every confidence."""


Heirs = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Use:
    """One test that was made on some rows, or one look at them."""

    key: str
    """What was tested: equal keys on equal rows are the same test, and spend once."""
    alpha: float
    """Chance that this test certifies what is false; the whole of `1 - confidence` where the rows
    were shown, since what is written after that has seen their answers."""
    confidence: float
    """Confidence that is printed beside it."""
    rows: frozenset[str]
    """Names of the rows; a name follows from a row's content."""
    heirs: Heirs = ()
    """To whom this test's alpha goes when it certifies, and which share of it; set beforehand."""


@dataclass(frozen=True)
class AlphaLedger:
    """Alpha test row by test row.

    A test at confidence c on rows R is granted `weight` times what R has left, and R has left what
    its most used row has left. So for every row and every c the alphas of the tests at c or above
    that used the row sum to 1 - c at most, and by the union bound (Boole's inequality; Bonferroni
    1936) the chance that any of them certifies what is false is at most 1 - c. That holds for tests
    of any dependence, for splits that overlap in any way, and for weights and an order chosen
    without the rows' answers, as by dev scores or cost. Sums that stay below the total however many
    tests come: Foster and Stine, "Alpha-investing", JRSS-B 70 (2008), 429-444.

    A test at .95 spends nothing of what is promised at .99, yet one at .99 spends of both: a raised
    confidence has its own, smaller total.
    """

    uses: tuple[Use, ...] = ()
    known: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Id and answer of a row, by its name, where its maker gave an id."""

    def spent(self, rows: Collection[str], confidence: float = 0.0) -> float:
        """Alpha that the most used of these rows has spent on tests of `confidence` or above."""
        wanted, spent = set(rows), Counter[str]()
        for use in self.uses:
            if use.confidence >= confidence - ROUNDING:
                for row in use.rows & wanted:
                    spent[row] += use.alpha  # type: ignore[assignment]
        return max(spent.values(), default=0.0)

    def left(self, rows: Collection[str], confidence: float) -> float:
        """Alpha that a new test of these rows at this confidence could still be granted."""
        lower = {use.confidence for use in self.uses if use.confidence < confidence - ROUNDING}
        room = [1.0 - level - self.spent(rows, level) for level in (confidence, *lower)]
        return max(0.0, min(room))

    def show(self, rows: Collection[str], how: str = SHOWN) -> AlphaLedger:
        """The ledger after the rows' answers were shown: nothing is left for any later test."""
        seen = self.shown(how)
        if seen.issuperset(rows):
            return self
        use = Use(how, SHOWN_ALPHA, SHOWN_CONFIDENCE, seen.union(rows))
        return replace(self, uses=(*(use for use in self.uses if use.key != how), use))

    def shown(self, *how: str) -> frozenset[str]:
        """Rows whose answers were shown, in any of these ways."""
        return frozenset[str]().union(*(use.rows for use in self.uses if use.key in how))

    def find(self, key: str, rows: Collection[str]) -> Use | None:
        """The same test of the same rows, if it was made."""
        wanted = frozenset(rows)
        return next((u for u in self.uses if u.key == key and u.rows == wanted), None)

    def touching(self, rows: Collection[str]) -> list[Use]:
        """Uses of any of these rows, in order."""
        wanted = set(rows)
        return [use for use in self.uses if not wanted.isdisjoint(use.rows)]

    def offer(
        self, key: str, rows: Collection[str], confidence: float, weight: float
    ) -> float | None:
        """Alpha of a test: what it was granted before, else `weight` of what is left.

        At least `SMALLEST_ALPHA`; None where less than that is left. Registers nothing.
        """
        if not 0.0 < weight <= 1.0:
            raise UserError(f"Weight is {weight!r}; give a share above 0 and at most 1.")
        known = self.find(key, rows)
        if known is not None:
            return known.alpha
        left = self.left(rows, confidence)
        return max(weight * left, SMALLEST_ALPHA) if left >= SMALLEST_ALPHA else None

    def heirs_by_alpha(self, keys: Collection[str], rows: Collection[str]) -> Heirs:
        """Shares for these tests of the same rows, in proportion to what they were granted."""
        known = [use for key in keys if (use := self.find(key, rows)) is not None]
        total = sum(use.alpha for use in known)
        return tuple((use.key, use.alpha / total) for use in known)

    def freed(self, key: str, rows: Collection[str], passed: Collection[str]) -> float:
        """Alpha that a test has beside its own once the tests `passed` have certified.

        What a certified candidate was granted, with all that came to it, goes to its heirs. Heirs
        were granted before, so nothing comes back. Bretz, Maurer, Brannath and Posch, "A graphical
        approach to sequentially rejective multiple test procedures", Statistics in Medicine 28
        (2009), 586-604; with several looks Maurer and Bretz, Statistics in Biopharmaceutical
        Research 5 (2013), 311-320.
        """
        wanted, come = frozenset(rows), Counter[str]()
        for use in reversed(self.uses):
            if use.rows == wanted and use.key in passed:
                for heir, share in use.heirs:
                    come[heir] += share * (use.alpha + come[use.key])  # type: ignore[assignment]
        return come[key]

    def grant(
        self,
        key: str,
        rows: Collection[str],
        confidence: float,
        alpha: float,
        heirs: Heirs = (),
    ) -> AlphaLedger:
        """The ledger after this test; a known one spends nothing again and keeps its heirs.

        Raises `UserError` where the rows have less left than `alpha`.
        """
        if self.find(key, rows) is not None:
            return self
        left = self.left(rows, confidence)
        if not 0.0 < alpha <= left + ROUNDING:
            raise UserError(
                f"These test examples have an error of {left:.2g} left, not {alpha!r}; "
                f"add fresh test examples for {key!r}."
            )
        use = Use(key, alpha, confidence, frozenset(rows), heirs)
        return replace(self, uses=(*self.uses, use))

    def knowing(self, known: Mapping[str, tuple[str, str]]) -> AlphaLedger:
        """The ledger with the ids and answers of some rows."""
        return replace(self, known={**self.known, **known})

    def to_dict(self) -> dict[str, Any]:
        """Plain data for a JSON file: each set of rows stands once."""
        sets: dict[frozenset[str], str] = {}
        for use in self.uses:
            sets.setdefault(use.rows, f"rows {len(sets) + 1}")
        return {
            "uses": [
                {"key": u.key, "alpha": u.alpha, "confidence": u.confidence, "rows": sets[u.rows]}
                | ({"heirs": dict(u.heirs)} if u.heirs else {})
                for u in self.uses
            ],
            "rows": {name: sorted(rows) for rows, name in sets.items()},
        } | ({"known": dict(self.known)} if self.known else {})

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> AlphaLedger:
        """The ledger that `to_dict` wrote; raises `UserError` for anything else."""
        try:
            sets = {name: frozenset(map(str, rows)) for name, rows in data["rows"].items()}
            uses = [
                Use(
                    str(u["key"]),
                    float(u["alpha"]),
                    float(u["confidence"]),
                    sets[u["rows"]],
                    tuple((str(k), float(share)) for k, share in u.get("heirs", {}).items()),
                )
                for u in data["uses"]
            ]
            known = {str(row): (str(i), str(a)) for row, (i, a) in data.get("known", {}).items()}
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise UserError(
                f"A stored alpha ledger cannot be read ({error!r}); restore it from a copy, "
                "or start with fresh test examples."
            ) from error
        wrong = [u for u in uses if not _possible(u)]
        if wrong:
            raise UserError(
                f"A stored alpha ledger grants {wrong[0].alpha!r} at a confidence of "
                f"{wrong[0].confidence!r}; it has been changed by hand: restore it from a copy, or "
                "start with fresh test examples."
            )
        return cls(tuple(uses), known)


def _possible(use: Use) -> bool:
    shares = [share for _, share in use.heirs]
    inherited = all(share >= 0.0 for share in shares) and sum(shares) <= 1.0 + ROUNDING
    return 0.0 < use.alpha < 1.0 and 0.0 < use.confidence < 1.0 and inherited


def equal_weight(planned: int, granted: int) -> float:
    """Weight of what is left that gives `planned` tests equal shares, `granted` of them before.

    Together they get `PLANNED_SHARE` of what was left before the first.
    """
    if not 0 <= granted < planned:
        raise UserError(f"{granted!r} of {planned!r} planned tests are granted; none is left.")
    share = PLANNED_SHARE / planned
    return share / (1.0 - share * granted)


def summary(uses: Iterable[Use], left: float) -> str:
    """One sentence for the report on the rows of a test split."""
    keys = {use.key for use in uses}
    number = len(keys.difference(SEEN))
    if not keys.isdisjoint(SEEN):
        return "the answers of test examples were shown; add examples for further candidates"
    used = f"this test split has been used by {number} candidate{'' if number == 1 else 's'}"
    if left < SMALLEST_ALPHA:
        return f"{used}; no error is left for further ones: add examples"
    return f"{used}; error left for further ones: {left:.2g}"
