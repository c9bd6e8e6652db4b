"""Dates as rows carry them."""

import re
from datetime import date, datetime

from rung.task.types import JsonValue

_YEAR = re.compile(r"(?:19|20)\d\d")


def day_of(value: JsonValue) -> float | None:
    """A date as a day number: ISO dates and times, or a year; anything else is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return None
    if _YEAR.fullmatch(value.strip()):
        return float(date(int(value), 7, 1).toordinal())
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return moment.toordinal() + (moment.hour * 60 + moment.minute) / 1440
