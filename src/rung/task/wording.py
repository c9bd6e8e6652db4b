"""How values are shown in error messages: short, quoted, with the nearest known name.

Not for log lines or reports.
"""

import difflib
from collections.abc import Iterable

_SHOWN_CHARS = 80
_LISTED = 12


def shown(value: object) -> str:
    """`repr` of a value, cut to a readable length."""
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARS else text[: _SHOWN_CHARS - 1] + "…"


def listed(names: Iterable[str]) -> str:
    """Names in quotes, comma-separated, the first dozen of them."""
    every = list(names)
    head = ", ".join(repr(name) for name in every[:_LISTED])
    more = len(every) - _LISTED
    return f"{head} and {more} more" if more > 0 else head


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, or None when none is alike."""
    folded = {k.casefold(): k for k in known}
    close = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return folded[close[0]] if close else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`did you mean 'x'?` with the nearest known name, else the list of what is known."""
    every = list(known)
    close = nearest(name, every)
    return f"did you mean {close!r}?" if close else f"known: {listed(every)}"
