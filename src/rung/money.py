"""Money and measurements as `Decimal`: currency never passes through a float.

A measurement (tokens, seconds, a score) may be a float; it enters as the decimal that Python
prints for it, which is the number that was typed or measured. Amounts in files are read as
decimals from the start.
"""

import re
from decimal import ROUND_CEILING, ROUND_HALF_UP, Context, Decimal, InvalidOperation

from pydantic import ValidationError

from rung.errors import UserError

Number = int | float | str | Decimal
MTOK = Decimal(1_000_000)
HOURS_PER_MONTH = Decimal(730)
"""365.25 days x 24 h / 12, as clouds bill a month (730.5), rounded to their usual 730."""
SECONDS_PER_HOUR = Decimal(3600)
LARGEST = Decimal(10) ** 15
"""No price, count or volume is larger; a product of several may be, which `EXACT` still holds."""
EXACT = Context(prec=120)
"""For rounding: Python's default of 28 digits is no limit on what a bill may come to."""
PLAIN = "write the figure alone, amounts in USD, such as 0.15."
THOUSANDS = re.compile(r"\d{1,3}(,\d{3})+(\.\d*)?")
POINTED = re.compile(r"[1-9]\d{0,2}\.\d{3}")
SMALLEST = Decimal("0.00001")
"""USD below which a figure is said to be smaller than this: more digits tell nobody anything."""


def dec(value: Number) -> Decimal:
    """The exact decimal of what was written or measured; never the binary of a float."""
    number = _exact(value)
    if abs(number) > LARGEST:
        raise UserError(f"A number of at most {LARGEST:,} is needed, got {value!r}.")
    return number


def _exact(value: Number) -> Decimal:
    if isinstance(value, bool):
        raise UserError(f"A number is needed, got {value!r}; write the figure.")
    try:
        number = Decimal(repr(float(value)) if isinstance(value, float) else value)
    except (InvalidOperation, ValueError, TypeError) as error:
        raise UserError(f"A number is needed, got {value!r}: {PLAIN}") from error
    if not number.is_finite():
        raise UserError(f"A finite number is needed, got {value!r}.")
    return number


def typed(text: str) -> Decimal:
    """A number as people type it: `1,000`, `1_000`. A comma that parts no thousands is refused.

    So is a point that may part them: 10.000 is ten to some and ten thousand to others.
    """
    plain = text.strip().replace("_", "")
    if POINTED.fullmatch(plain):
        many = plain.replace(".", "")
        raise UserError(f"{text!r} may be {many}: write {many}, or {plain}0 where it is not.")
    return dec(plain.replace(",", "") if THOUSANDS.fullmatch(plain) else plain)


def given(value: Number) -> Decimal:
    """As `dec`, for fields of a file: pydantic adds to a `ValueError` where it stands."""
    try:
        return dec(value)
    except UserError as error:
        raise ValueError(str(error)) from error


def fault(error: ValidationError) -> str:
    """The first thing that is wrong with fields of a file, in one sentence with its place."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    seen = repr(first["input"])
    return f"{where}: {message}" if seen in message else f"{where} = {seen}: {message}; correct it."


def cents(value: Decimal) -> Decimal:
    """Rounded to the cent, halves up."""
    return value.quantize(Decimal("0.01"), ROUND_HALF_UP, EXACT)


def whole_up(value: Decimal) -> int:
    """The next whole number up: the first request from which a break-even holds."""
    return int(value.to_integral_value(ROUND_CEILING))


def usd(value: Number | None, digits: int = 2) -> str:
    """Dollars as people read them: to the cent from ten cents on, else `digits` significant.

    A dash where there is none; whole dollars without cents.
    """
    if value is None:
        return "–"
    amount = _exact(value)
    sign, size = "-" if amount < 0 else "", abs(amount)
    if size == 0:
        return "$0"
    if size < SMALLEST:
        return f"{sign}<${SMALLEST:f}"
    if size < Decimal("0.0995"):
        last = Decimal(1).scaleb(size.adjusted() - digits + 1)
        rounded = size.quantize(last, ROUND_HALF_UP)
        return f"{sign}${rounded.normalize():f}"
    return f"{sign}${cents(size):,}".removesuffix(".00")


def usd_range(low: Number, high: Number) -> str:
    """`$12.50-15`; one figure where the ends read alike."""
    first, last = usd(low), usd(high)
    return first if first == last else f"{first}-{last.removeprefix('$')}"


def rate(value: Number) -> str:
    """A price digit for digit, as it is listed or set: `$0.0816`, `$2.50`."""
    amount = _exact(value).normalize(EXACT)
    cents_alone = amount == amount.quantize(Decimal("0.1"), context=EXACT) != int(amount)
    return f"${amount:,.2f}" if cents_alone else f"${amount:,f}"


def money_tick(value: float) -> str:
    """A power of ten on an axis, as short as it reads: `$0.001`, `$10`, `$1M`."""
    amount = _exact(value)
    return f"${count(value)}" if value >= 1 else f"${amount.normalize():f}"


def count(value: float) -> str:
    """A figure as short as it reads: `42k`, `1.5M`."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
