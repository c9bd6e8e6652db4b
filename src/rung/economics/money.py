"""Money and measurements as `Decimal`: currency never passes through a float.

A measurement (tokens, seconds, a score) may be a float; it enters as the decimal that Python
prints for it, which is the number that was typed or measured. Amounts in files are read as
decimals from the start.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal, InvalidOperation

from rung.errors import UserError

Number = int | float | str | Decimal
MTOK = Decimal(1_000_000)
HOURS_PER_MONTH = Decimal(730)
"""365.25 days x 24 h / 12, as clouds bill a month (730.5), rounded to their usual 730."""
SECONDS_PER_HOUR = Decimal(3600)
SMALLEST = Decimal("0.00001")
"""USD below which a figure is said to be smaller than this: more digits tell nobody anything."""


def dec(value: Number) -> Decimal:
    """The exact decimal of what was written or measured; never the binary of a float."""
    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool):
        raise UserError(f"A number is needed, got {value!r}; write the figure.")
    try:
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    except (InvalidOperation, ValueError, TypeError) as error:
        raise UserError(f"A number is needed, got {value!r}; write it like 0.15.") from error
    if not number.is_finite():
        raise UserError(f"A finite number is needed, got {value!r}.")
    return number


def cents(value: Decimal) -> Decimal:
    """Rounded to the cent, halves up."""
    return value.quantize(Decimal("0.01"), ROUND_HALF_UP)


def whole_up(value: Decimal) -> int:
    """The next whole number up: the first request from which a break-even holds."""
    return int(value.to_integral_value(ROUND_CEILING))


def usd(value: Number | None, digits: int = 2) -> str:
    """Dollars as people read them: to the cent from ten cents on, else `digits` significant.

    A dash where there is none; whole dollars without cents.
    """
    if value is None:
        return "–"
    amount = dec(value)
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
