"""Personal data and secrets by their form, and by checksum where a form has one.

Mail addresses, phone numbers, payment cards, accounts (IBAN), US social security numbers, IP
addresses, keys and tokens of known forms, passwords that are announced as such. Names, street
addresses and whatever else has no form are not found.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from ipaddress import ip_address
from itertools import accumulate
from string import ascii_uppercase
from typing import Any, NamedTuple

from rung.task.types import JsonValue

SECRET = "secret"
"""The kind of what opens something."""
_GONE = "\0"
"""Stands where something was found: no form begins, ends or goes on with it."""


class Form(NamedTuple):
    """One form of a value: how it looks, and a check that look-alikes fail.

    Where the expression has a group `value`, only that is meant. A value that is written in up to
    `groups` groups may stand beside others of the kind: any run of them that passes counts.
    Every expression takes time in proportion to the text: strangers choose what is searched.
    """

    kind: str
    what: str
    """In a sentence: `a mail address`."""
    looks: re.Pattern[str]
    check: Callable[[str], bool] = bool
    sure: Callable[[str], bool] = bool
    """False for a value as ordinary text has them: worth hiding in a log, no ground for a flag."""
    groups: int = 0
    signs: range = range(0)
    """How many letters and digits a value in groups has: no other run of groups is checked."""
    needs: re.Pattern[str] | None = None
    """A text without this holds none: quick to see."""


class Finding(NamedTuple):
    """One place in a text."""

    kind: str
    what: str
    start: int
    end: int
    sure: bool


class Finder:
    """Finds values of some forms. Where two overlap, the form that is listed first has it."""

    def __init__(self, forms: Sequence[Form]) -> None:
        self.forms = tuple(forms)
        kinds = "|".join(sorted({re.escape(form.kind) for form in forms}))
        self._placeholder = re.compile(rf"\[(?:{kinds})(?:-\d+)?\]")

    def is_placeholder(self, text: str) -> bool:
        """Whether a text stands for a value of a kind, as `[email]` and `[email-1]` do."""
        return self._placeholder.fullmatch(text) is not None

    def find(self, text: str) -> list[Finding]:
        """Every finding in order; a placeholder of a kind is none."""
        findings: list[Finding] = []
        taken = bytearray(len(text))
        for form in self.forms:
            if form.needs and not form.needs.search(text):
                continue
            new = [
                Finding(form.kind, form.what, start, end, form.sure(text[start:end]))
                for start, end in self._places(form, text)
                if not any(taken[start:end])
            ]
            if new:
                findings += new
                text = replaced(text, new, lambda one: _GONE * (one.end - one.start))
                for one in new:
                    taken[one.start : one.end] = b"\1" * (one.end - one.start)
        return sorted(findings, key=lambda finding: finding.start)

    def _places(self, form: Form, text: str) -> Iterator[tuple[int, int]]:
        group = "value" if "value" in form.looks.groupindex else 0
        for match in form.looks.finditer(text):
            value, at = match.group(group), match.start(group)
            if not self._placeholder.match(value):
                yield from ((at + start, at + end) for start, end in _runs(value, form))


def replaced(text: str, findings: Sequence[Finding], by: Callable[[Finding], str]) -> str:
    """The text with something else for every finding; they are in order and do not overlap."""
    parts, last = [], 0
    for one in findings:
        parts += [text[last : one.start], by(one)]
        last = one.end
    return "".join([*parts, text[last:]])


def _runs(value: str, form: Form) -> Iterator[tuple[int, int]]:
    """Where in a look-alike the values are: all of it, or runs of groups, longest first."""
    if not form.groups:
        if form.check(value):
            yield 0, len(value)
        return
    groups = [m.span() for m in re.finditer(r"[^\W_]+", value)]
    signs = list(accumulate((end - start for start, end in groups), initial=0))
    at = 0
    while at < len(groups):
        for after in range(min(len(groups), at + form.groups), at, -1):
            if signs[after] - signs[at] in form.signs and form.check(
                value[groups[at][0] : groups[after - 1][1]]
            ):
                yield groups[at][0], groups[after - 1][1]
                at = after
                break
        else:
            at += 1


def luhn(text: str) -> bool:
    """Whether 13 to 19 digits, not all the same, end in the check digit of ISO/IEC 7812-1."""
    from stdnum import luhn as checked

    digits = _digits(text)
    return 13 <= len(digits) <= 19 and len(set(digits)) > 1 and checked.is_valid(digits)


def card(text: str) -> bool:
    """Whether a number is a payment card's: check digit, length, first digit, and grouping.

    Networks give out 13 digits (the oldest of Visa, 4), 14 (Diners, 3), 15 (American Express, JCB,
    UATP: 1 to 3) and 16 to 19. Groups have four digits or more, but for the last of the shorter
    ones, 4-6-5, 4-6-4 and 4-4-4-4-3.
    """
    shape = tuple(len(group) for group in re.findall(r"\d+", text))
    first = {13: "4", 14: "3", 15: "123"}.get(sum(shape), "123456789")
    return _as_printed(shape) and text[0] in first and luhn(text)


def _as_printed(shape: tuple[int, ...]) -> bool:
    if shape in ((4, 6, 5), (4, 6, 4), (4, 4, 4, 4, 3)) or len(shape) == 1:
        return True
    return min(shape, default=0) >= 4 or (sum(shape) <= 15 and shape[:-1] == (4, 4, 4))


_AS_NUMBER = {ord(letter): str(int(letter, 36)) for letter in ascii_uppercase}


def iban(text: str) -> bool:
    """Whether length and check digits are right (ISO 13616)."""
    bare = re.sub(r"\W", "", text).upper()
    if not (15 <= len(bare) <= 34 and bare[2:4].isdecimal() and bare.isascii()):
        return False
    # The check digits first (ISO 7064, mod 97-10): the registry of countries is slow to ask.
    if int((bare[4:] + bare[:4]).translate(_AS_NUMBER)) % 97 != 1:
        return False
    from stdnum import iban as checked

    return bool(checked.is_valid(bare, check_country=False))


def _digits(text: str) -> str:
    return "".join(c for c in text if c in "0123456789")


def _of_digits(least: int, most: int) -> Callable[[str], bool]:
    return lambda text: least <= len(_digits(text)) <= most


def _has(looks: str, least: int = 0) -> Callable[[str], bool]:
    return lambda text: len(text) >= least and re.search(looks, text) is not None


def _address(text: str) -> bool:
    """Not `0.0.0.0`, nor the machine itself."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return not (address.is_unspecified or address.is_loopback)


def _client(text: str) -> bool:
    """Somebody's address in the net, and no numbering such as `3.1.1.11` or name such as `a::b`."""
    long_parts = len(re.findall(r"\d\d", text)) >= 2 if "." in text else text.count(":") > 2
    return long_parts and ip_address(text).is_global


_PRIVATE_KEY = r"""
    -----BEGIN\ (?:[A-Z0-9]+\ )*PRIVATE\ KEY(?:\ BLOCK)?-----.*?
        (?:-----END\ (?:[A-Z0-9]+\ )*PRIVATE\ KEY(?:\ BLOCK)?-----|\Z)
"""
# Lower case alone is a name in a program (`pk_of_the_first_table`), not a key.
_KEYS = r"""
    \b(?:sk|pk|rk|rung)[-_](?=[a-z_-]{0,60}[A-Z0-9])[A-Za-z0-9_-]{16,}   # OpenAI, Stripe, Rung …
  | \bgh[pousr]_[A-Za-z0-9]{20,} | \bgithub_pat_\w{20,} | \bglpat-[\w-]{16,}
  | \b(?:AKIA|ASIA)[A-Z0-9]{16}\b | \bAIza[\w-]{35} | \bxox[abeprs]-[\w-]{10,}
  | \bhf_[A-Za-z0-9]{20,} | \beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*
"""
SECRET_NAME = re.compile(
    r"(?<![^\W_])(?:pass(?:word|wort|phrase|wd|code)|pwd|secret|(?:api|access|secret)[_ -]?key|"
    r"(?:auth|access|refresh)[_ -]?token)\b",
    re.IGNORECASE,
)
"""What a password is called where it is announced, or as the name of a field."""


_ANNOUNCED = (
    SECRET_NAME.pattern + r"[\"']?\s*(?:{})\s*[\"']?(?P<value>(?!Bearer\b)[^\s\"',;]{{4,}})"
)
_MARKS = r".!#$%&*+/=?^`{|}~'-"
"""What the part of a mail address before the @ may hold besides letters, digits and `_`."""
_INTERNATIONAL = r"[1-9](?:[ ()./-]{0,2}\d){6,14}(?!\d)"
KEY, PASSWORD, CARD = "an access key", "a password", "a card number"
IP, PHONE = "an IP address", "a phone number"


def _form(
    kind: str, what: str, looks: str, flags: int = 0, needs: str = r"\d", **more: Any
) -> Form:
    return Form(kind, what, re.compile(looks, flags), needs=re.compile(needs), **more)


FORMS = (
    # What goes on to the next space comes first: it may hold what looks like another.
    _form(SECRET, "a private key", _PRIVATE_KEY, re.VERBOSE | re.DOTALL, "BEGIN"),
    _form(
        SECRET, KEY, r"\bBearer (?P<value>[\w.~+/=-]{12,})", re.I, "(?i)bearer", sure=_has(r"\d")
    ),
    _form(SECRET, PASSWORD, _ANNOUNCED.format("[:=]"), re.I, "[:=]", sure=_has(r"[\d!@#$%^&*]", 6)),
    _form(SECRET, PASSWORD, _ANNOUNCED.format(r"\bis\b"), re.I, r"(?i)\bis\b", sure=_has(r"\d", 6)),
    _form(SECRET, PASSWORD, r"://(?P<value>[^\s/@:]*:[^\s/@]+)@", needs="@", sure=_has(r":.*\d")),
    _form(SECRET, KEY, _KEYS, re.VERBOSE, "[-_.A-Z]"),
    _form(
        "email",
        "a mail address",
        rf"(?<![\w{_MARKS}])[{_MARKS}]*(?P<value>\w[\w{_MARKS}]*@(?:[\w-]+\.)+[^\W\d_][\w-]+)",
        needs="@",
    ),
    _form(
        "iban",
        "an account number",
        r"\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{1,4}){3,12}\b",
        re.I,
        check=iban,
        groups=9,
        signs=range(15, 35),
    ),
    _form(
        "card", CARD, r"(?<![\w.])\d+(?:[ -]\d+)*(?!\w)", check=card, groups=5, signs=range(13, 20)
    ),
    _form(
        "card",
        CARD,
        r"(?<![\w.])(?<!\d[ -])\d(?:[ -]\d){12,18}(?![ -]?\w)",
        check=lambda spelled: card(_digits(spelled)),
    ),
    _form(
        "ssn",
        "a social security number",
        r"(?<![\d-])(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\d-])",
    ),
    _form(
        "ip",
        IP,
        r"(?<![\w.])(?<!ersion )(?<!\bEC )(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\d)",
        check=_address,
        sure=_client,
    ),
    _form(
        "ip",
        IP,
        r"(?<![\w:])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{1,4}(?![\w:])",
        re.I,
        needs=":",
        check=_address,
        sure=_client,
    ),
    _form("phone", PHONE, rf"(?<![\w+])\+{_INTERNATIONAL}", check=_of_digits(8, 15)),
    # Padded numbers, columns of figures and times from till look like the rest.
    _form(
        "phone",
        PHONE,
        rf"(?<!\w)(?<!\d[ -])00{_INTERNATIONAL}",
        check=_of_digits(8, 15),
        sure=_has(r"^00\d{1,3}[ ()/-](?:\D*\d){8}"),
    ),
    _form(
        "phone",
        PHONE,
        r"(?<![\w-])(?:\(\d{3}\) ?\d{3}[ .-]\d{4}|\d{3}[.-]\d{3}[.-]\d{4}"
        r"|\(?[2-9]\d{2}\)?[ .-][2-9]\d{2}[ .-]\d{4})(?![\w-])",
        sure=_has(r"^(?:\(\d+\)|[^ ]+$)"),
    ),
    _form(
        "phone",
        PHONE,
        r"(?<![\w.-])(?<!\d[ /-])\(?0[1-9]\d{1,3}\)?[ /-]{1,3}\d{3,}(?:[ /-]\d{2,})*(?![\w-])",
        check=_of_digits(8, 15),
        sure=_of_digits(10, 12),
    ),
)
"""In this order: what one has found, the next no longer sees."""


_FINDER = Finder(FORMS)


def find(text: str) -> list[Finding]:
    """Every finding in order."""
    return [finding for finding in _FINDER.find(text) if finding.sure]


def redacted(text: str) -> str:
    """The text with every finding replaced by its kind in brackets, such as `[email]`."""
    return replaced(text, find(text), lambda finding: f"[{finding.kind}]")


def redacted_value(value: JsonValue) -> JsonValue:
    """Every text inside a JSON value redacted; keys and numbers stay."""
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, dict):
        return {key: redacted_value(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [redacted_value(inner) for inner in value]
    return value


class Names:
    """What tells rows apart, such as ids: redacted, two of them stay two."""

    def __init__(self, redact: bool) -> None:
        self._redact = redact
        self._known: dict[str, str] = {}

    def of(self, name: str) -> str:
        """`[email-1]`, `[email-2]` for two mail addresses; a name without findings as it is."""
        findings = find(name) if self._redact else []
        if findings and name not in self._known:
            number = len(self._known) + 1
            self._known[name] = replaced(name, findings, lambda one: f"[{one.kind}-{number}]")
        return self._known.get(name, name)

    def hidden(self, row: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """A row with every text redacted, where that is wanted."""
        return {key: redacted_value(value) if self._redact else value for key, value in row.items()}
