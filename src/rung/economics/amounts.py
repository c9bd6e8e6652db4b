"""Cost as sums of products of named amounts, so that every figure can be traced and moved.

A cost line is `scale x a x b / c`; a hosting line is the larger of what the load needs and what is
always on. From this one shape follow the reasons (`--why`), the bounds, the draws, the break-even
and the sensitivity: each is the same sum with some amounts moved. What follows is exact: along any
one amount a cost is `const + linear x + inverse / x` between the points where a floor takes over.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from pydantic_core import CoreSchema, core_schema

from rung.economics.tables import Source
from rung.errors import UserError
from rung.money import dec

ZERO, ONE, TWO = Decimal(0), Decimal(1), Decimal(2)
Basis = Literal["request", "month", "once"]
At = Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Span:
    """A figure with its range; a list price or an agreed figure has low = value = high."""

    value: Decimal
    low: Decimal
    high: Decimal

    def __post_init__(self) -> None:
        if self.low < ZERO:
            raise UserError(f"A figure of 0 or more is needed, got {self.low:f}.")
        if not self.low <= self.value <= self.high:
            raise UserError(
                f"A range goes from the lower to the higher end, got {self.low:f} to "
                f"{self.high:f}: put them in order."
            )

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> CoreSchema:
        """In a file a range is a number, `[low, high]` or `{value, low, high}`: see `span`."""
        return core_schema.no_info_plain_validator_function(_given)

    @property
    def sure(self) -> bool:
        """No uncertainty was stated or measured."""
        return self.low == self.high

    def scaled(self, by: Decimal) -> Span:
        """Every end times `by`."""
        return Span(value=self.value * by, low=self.low * by, high=self.high * by)

    def over(self, by: Decimal) -> Span:
        """Every end divided by `by`."""
        return Span(value=self.value / by, low=self.low / by, high=self.high / by)


def span(given: Any) -> Span:
    """A number, `[low, high]` (value in the middle), or `{value, low, high}`."""
    if isinstance(given, Span):
        return given
    if isinstance(given, Mapping):
        extra = set(given) - {"value", "low", "high"}
        if extra or "value" not in given:
            raise UserError(f"A range is {{value, low, high}}, got {dict(given)!r}.")
        value = dec(given["value"])
        low, high = dec(given.get("low", value)), dec(given.get("high", value))
        return Span(value=value, low=low, high=high)
    if isinstance(given, Sequence) and not isinstance(given, str):
        if len(given) != 2:
            raise UserError(f"A range is [low, high], got {list(given)!r}.")
        low, high = dec(given[0]), dec(given[1])
        return Span(value=(low + high) / TWO, low=low, high=high)
    number = dec(given)
    return Span(value=number, low=number, high=number)


def _given(value: Any) -> Span:
    """As `span`, for fields of a file: pydantic adds to a `ValueError` where it stands."""
    try:
        return span(value)
    except UserError as error:
        raise ValueError(str(error)) from error


def added(spans: Iterable[Span]) -> Span:
    """Every end the sum of the parts' ends."""
    parts = list(spans)
    return Span(
        value=sum((p.value for p in parts), ZERO),
        low=sum((p.low for p in parts), ZERO),
        high=sum((p.high for p in parts), ZERO),
    )


@dataclass(frozen=True, slots=True)
class Amount:
    """A named input: what it is, where it comes from. Equal keys are one and the same input."""

    key: str
    span: Span
    unit: str = ""
    source: str = ""
    listed: Source | None = None
    """The dated list price that it is, where it is one."""

    @property
    def value(self) -> Decimal:
        """The figure itself."""
        return self.span.value


@dataclass(frozen=True, slots=True)
class Product:
    """`scale` times all of `over`, divided by all of `under`."""

    over: tuple[Amount, ...] = ()
    under: tuple[Amount, ...] = ()
    scale: Decimal = ONE

    def at(self, moved: At) -> Decimal:
        """Its value with some amounts moved, by key."""
        total = self.scale
        for amount in self.over:
            total *= moved.get(amount.key, amount.span.value)
        for amount in self.under:
            total /= moved.get(amount.key, amount.span.value)
        return total

    def times(self, amount: Amount) -> Product:
        """Multiplied by one more amount."""
        return Product((*self.over, amount), self.under, self.scale)

    def over_by(self, amount: Amount) -> Product:
        """Divided by one more amount."""
        return Product(self.over, (*self.under, amount), self.scale)

    def bound(self, *, high: bool) -> Decimal:
        """With every amount at the end that makes it smallest or largest."""
        total = self.scale
        for amount in self.over:
            total *= amount.span.high if high else amount.span.low
        for amount in self.under:
            total /= amount.span.low if high else amount.span.high
        return total

    def folded(self, keep: frozenset[str]) -> Product:
        """The same with all amounts but `keep` multiplied into the scale: faster to draw."""
        scale = self.scale
        for amount in self.over:
            scale *= ONE if amount.key in keep else amount.span.value
        for amount in self.under:
            scale /= ONE if amount.key in keep else amount.span.value
        return Product(
            tuple(a for a in self.over if a.key in keep),
            tuple(a for a in self.under if a.key in keep),
            scale,
        )

    def along(self, key: str, moved: At) -> Coefficients:
        """As a function of one amount."""
        total, power = self.scale, 0
        for amount in self.over:
            if amount.key == key:
                power += 1
            else:
                total *= moved.get(amount.key, amount.span.value)
        for amount in self.under:
            if amount.key == key:
                power -= 1
            else:
                total /= moved.get(amount.key, amount.span.value)
        return Coefficients(
            total if power == 0 else ZERO,
            total if power == 1 else ZERO,
            total if power == -1 else ZERO,
        )


@dataclass(frozen=True, slots=True)
class Line:
    """One cost: USD per request, per month, or once. With a floor: a month never costs less."""

    what: str
    group: str
    basis: Basis
    product: Product
    floor: Product | None = None
    """USD per month; only where the basis is a request (machines that are always on)."""


@dataclass(frozen=True, slots=True)
class Coefficients:
    """`const + linear * x + inverse / x`."""

    const: Decimal = ZERO
    linear: Decimal = ZERO
    inverse: Decimal = ZERO

    def __add__(self, other: Coefficients) -> Coefficients:
        return Coefficients(
            self.const + other.const, self.linear + other.linear, self.inverse + other.inverse
        )

    def __sub__(self, other: Coefficients) -> Coefficients:
        return Coefficients(
            self.const - other.const, self.linear - other.linear, self.inverse - other.inverse
        )

    def at(self, x: Decimal) -> Decimal:
        """Its value at x > 0."""
        return self.const + self.linear * x + self.inverse / x

    def roots(self) -> list[Decimal]:
        """Positive x where it changes its sign, ascending."""
        a, b, c = self.linear, self.const, self.inverse
        if a == 0:
            roots = [-c / b] if b != 0 else []
        else:
            inside = b * b - 4 * a * c
            if inside <= 0:
                return []
            root = inside.sqrt()
            q = -(b + root.copy_sign(b)) / TWO
            roots = [q / a] + ([c / q] if q != 0 else [])
        return sorted(x for x in roots if x > 0)


Term = tuple[Product, Product | None]
"""USD per month, all in: a product, or the larger of two."""


def total(terms: Iterable[Term], moved: At) -> Decimal:
    """USD per month with some amounts moved."""
    result = ZERO
    for product, floor in terms:
        value = product.at(moved)
        result += value if floor is None else max(value, floor.at(moved))
    return result


def bound(terms: Iterable[Term], *, high: bool) -> Decimal:
    """USD per month with every amount at the end that makes it smallest or largest."""
    result = ZERO
    for product, floor in terms:
        value = product.bound(high=high)
        result += value if floor is None else max(value, floor.bound(high=high))
    return result


def crossings(a: Sequence[Term], b: Sequence[Term], key: str, moved: At) -> list[Decimal]:
    """Where the two costs change places along one amount: exact, ascending."""
    sure_a, floored_a = _along(a, key, moved)
    sure_b, floored_b = _along(b, key, moved)
    flat = sure_a - sure_b
    floored = [(p, f, ONE) for p, f in floored_a] + [(p, f, -ONE) for p, f in floored_b]
    if not floored:
        return flat.roots()
    bends = sorted({x for p, f, _ in floored for x in (p - f).roots()})
    points: list[Decimal] = []
    for low, high, middle in _segments(bends):
        whole = flat
        for p, f, sign in floored:
            larger = p if p.at(middle) >= f.at(middle) else f
            whole = whole + larger if sign > 0 else whole - larger
        points += [x for x in whole.roots() if low <= x and (high is None or x < high)]
    return points


def _along(
    terms: Sequence[Term], key: str, moved: At
) -> tuple[Coefficients, list[tuple[Coefficients, Coefficients]]]:
    sure, floored = Coefficients(), []
    for product, floor in terms:
        if floor is None:
            sure = sure + product.along(key, moved)
        else:
            floored.append((product.along(key, moved), floor.along(key, moved)))
    return sure, floored


def _segments(bends: list[Decimal]) -> Iterator[tuple[Decimal, Decimal | None, Decimal]]:
    edges: list[Decimal] = [ZERO, *bends]
    for low, high in zip(edges, [*edges[1:], None], strict=True):
        yield low, high, (low + high) / TWO if high is not None else low * TWO + ONE


def amounts(terms: Iterable[Term]) -> dict[str, Amount]:
    """Every input of these costs by key, in order of appearance."""
    seen: dict[str, Amount] = {}
    for product, floor in terms:
        for part in (product, floor):
            if part is not None:
                for amount in (*part.over, *part.under):
                    seen.setdefault(amount.key, amount)
    return seen


def draws(uncertain: Sequence[Amount], count: int, seed: int) -> Iterator[dict[str, Decimal]]:
    """Seeded draws: each amount evenly between low and value, or value and high, half each.

    The value is the median, and a wider range moves each draw outwards: widening never turns a
    draw round. Random numbers are 32-bit integers made decimal, so that no price meets a float.
    """
    generator = random.Random(seed)
    spans = [(amount.key, amount.span) for amount in uncertain if not amount.span.sure]
    half = Decimal(2**31)
    for _ in range(count):
        moved: dict[str, Decimal] = {}
        for key, s in spans:
            side = (Decimal(generator.getrandbits(32)) - half) / half
            moved[key] = s.value + side * (s.high - s.value if side > 0 else s.value - s.low)
        yield moved
