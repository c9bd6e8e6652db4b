"""Personal data and secrets replaced by placeholders before anything is stored.

Found by form and, where numbers carry one, by checksum: mail addresses, telephone numbers, payment
cards (Luhn), IBANs (mod 97), US social security numbers, IP addresses, keys and tokens of known
forms, passwords that are announced as such. Names, street addresses and whatever else has no form
are NOT found: a pattern of one's own or a shorter retention is what helps there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from ipaddress import ip_address
from typing import NamedTuple

from rung.errors import UserError
from rung.task.types import JsonValue


class Pattern(NamedTuple):
    """One kind of value: how it looks, and a check that look-alikes fail.

    Where the expression has a group `value`, only that is replaced. A value that is written in up
    to `groups` groups may stand beside others of the kind: any run of them that passes counts.
    Every expression takes time in proportion to the text: clients choose what is searched.
    """

    kind: str
    looks: re.Pattern[str]
    check: Callable[[str], bool] = bool
    groups: int = 0


_LENGTHS = """
AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20
EG29 ES24 FI18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30
KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24
PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22
VG24 XK20
"""
IBAN_LENGTHS = {country: int(size) for country, size in re.findall(r"([A-Z]{2})(\d\d)", _LENGTHS)}
"""Characters of an account number, by country (SWIFT's IBAN registry)."""


def luhn(text: str) -> bool:
    """Whether 13 to 19 digits end in the check digit of ISO/IEC 7812-1."""
    digits = [int(c) for c in reversed(_digits(text))]
    doubled = (sum(divmod(2 * d, 10)) for d in digits[1::2])
    return 13 <= len(digits) <= 19 and any(digits) and (sum(digits[::2]) + sum(doubled)) % 10 == 0


def card(text: str) -> bool:
    """Whether a number is a payment card's: check digit, first digit and grouping as printed."""
    if not 13 <= len(text) <= 24 or text[0] not in "23456":
        return False
    shape = tuple(len(group) for group in re.findall(r"\d+", text))
    return (len(shape) == 1 or shape in _CARD_SHAPES) and luhn(text)


_CARD_SHAPES = {(4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 4, 3)}


def iban(text: str) -> bool:
    """Whether length and check digits are right (ISO 13616)."""
    bare = re.sub(r"\W", "", text)
    if IBAN_LENGTHS.get(bare[:2].upper()) != len(bare) or not bare[2:4].isdecimal():
        return False
    return int("".join(str(int(c, 36)) for c in bare[4:] + bare[:4])) % 97 == 1


def _digits(text: str) -> str:
    return "".join(c for c in text if c in "0123456789")


def _telephone(text: str) -> bool:
    return 8 <= len(_digits(text)) <= 15


def _address(text: str) -> bool:
    try:
        return not ip_address(text).is_unspecified
    except ValueError:
        return False


_FORMS_OF_SECRETS = r"""
    -----BEGIN\ (?:[A-Z0-9]+\ )*PRIVATE\ KEY-----.*?
        (?:-----END\ (?:[A-Z0-9]+\ )*PRIVATE\ KEY-----|\Z)
  | \b(?:sk|pk|rk|rung)[-_][A-Za-z0-9_-]{16,}   # OpenAI, Anthropic, Stripe, Rung
  | \bgh[pousr]_[A-Za-z0-9]{20,} | \bgithub_pat_\w{20,} | \bglpat-[\w-]{16,}
  | \b(?:AKIA|ASIA)[A-Z0-9]{16}\b | \bAIza[\w-]{35} | \bxox[abeprs]-[\w-]{10,}
  | \bhf_[A-Za-z0-9]{20,} | \beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*
"""
_SECRET_NAME = re.compile(
    r"\b(?:pass(?:word|phrase|wd|code)|pwd|secret|(?:api|access|secret)[_ -]?key|"
    r"(?:auth|access|refresh)[_ -]?token)\b",
    re.IGNORECASE,
)
_ANNOUNCED = rf"{_SECRET_NAME.pattern}[\"']?\s*(?:[:=]|\bis\b)\s*[\"']?(?P<value>[^\s\"',;]{{4,}})"

PATTERNS = (
    Pattern("secret", re.compile(_FORMS_OF_SECRETS, re.VERBOSE | re.DOTALL)),
    Pattern("secret", re.compile(r"://(?P<value>[^\s/@:]*:[^\s/@]+)@")),
    Pattern("secret", re.compile(r"\bBearer (?P<value>[\w.~+/=-]{12,})", re.IGNORECASE)),
    Pattern("secret", re.compile(_ANNOUNCED, re.IGNORECASE)),
    Pattern(
        "email",
        re.compile(
            r"(?<![\w.!#$%&*+/=?^`{|}~'-])[\w.!#$%&*+/=?^`{|}~'-]+@(?:[\w-]+\.)+[^\W\d_][\w-]+",
            re.UNICODE,
        ),
    ),
    Pattern(
        "iban",
        re.compile(r"\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{1,4}){3,12}\b", re.IGNORECASE),
        iban,
        groups=9,
    ),
    Pattern("card", re.compile(r"(?<![\w.])\d+(?:[ -]\d+)*(?!\w)"), card, groups=5),
    Pattern("ssn", re.compile(r"(?<![\w-])(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\w-])")),
    Pattern("ip", re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\d)"), _address),
    Pattern(
        "ip", re.compile(r"(?<![\w:])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{1,4}(?![\w:])", re.I), _address
    ),
    Pattern(
        "phone", re.compile(r"(?<!\w)(?:\+|00)[1-9](?:[ ()./-]{0,2}\d){6,14}(?!\d)"), _telephone
    ),
    Pattern("phone", re.compile(r"(?<![\w-])\(?[2-9]\d{2}\)?[ .-][2-9]\d{2}[ .-]\d{4}(?![\w-])")),
    Pattern(
        "phone",
        re.compile(r"(?<![\w.-])\(?0[1-9]\d{1,3}\)?[ /-]{1,3}\d{3,}(?:[ /-]\d{2,})*(?![\w-])"),
        _telephone,
    ),
)
"""In this order: what one has replaced, the next no longer sees."""


class Redactor:
    """Replaces values by numbered placeholders, such as `[email-1]`.

    Within one record an equal value gets an equal placeholder, so that an answer that repeats
    what the input said still does so.
    """

    def __init__(self, also: Mapping[str, str] | None = None) -> None:
        """`also`: regular expressions of one's own by kind. `UserError` for a broken one."""
        own = [Pattern(kind, _compiled(kind, looks)) for kind, looks in (also or {}).items()]
        self._patterns = (*own, *PATTERNS)

    def redact(self, value: JsonValue) -> tuple[JsonValue, dict[str, int]]:
        """The value without what was found in its strings, and how many of each kind."""
        seen: dict[tuple[str, str], str] = {}
        numbers: dict[str, int] = {}

        def placeholder(kind: str, text: str) -> str:
            key = (kind, text.casefold())
            if key not in seen:
                numbers[kind] = numbers.get(kind, 0) + 1
                seen[key] = f"[{kind}-{numbers[kind]}]"
            return seen[key]

        def mend(text: str) -> str:
            for pattern in self._patterns:
                text = pattern.looks.sub(partial(_replaced, pattern, placeholder), text)
            return text

        return _walk(value, mend, placeholder), numbers


def storable(value: JsonValue) -> JsonValue:
    """The value without what databases refuse: NUL, and halves of surrogate pairs."""

    def mend(text: str) -> str:
        return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()

    return _walk(value, mend)


def _walk(
    value: JsonValue,
    mend: Callable[[str], str],
    secret: Callable[[str, str], str] | None = None,
) -> JsonValue:
    """Every string mended, those under a name such as `password` replaced whole by `secret`."""
    if isinstance(value, str):
        return mend(value)
    if isinstance(value, list | tuple):
        return [_walk(inner, mend, secret) for inner in value]
    if not isinstance(value, dict):
        return value
    made = {}
    for name, inner in value.items():
        hidden = secret is not None and isinstance(inner, str) and inner
        if hidden and _SECRET_NAME.fullmatch(name) and not _PLACEHOLDER.fullmatch(inner):
            made[name] = secret("secret", inner)  # type: ignore[misc]
        else:
            made[mend(name)] = _walk(inner, mend, secret)
    return made


_PLACEHOLDER = re.compile(r"\[[\w-]+-\d+\]")


def _replaced(
    pattern: Pattern, placeholder: Callable[[str, str], str], found: re.Match[str]
) -> str:
    whole = found.group()
    group = "value" if "value" in pattern.looks.groupindex else 0
    value = found.group(group)
    if _PLACEHOLDER.match(value):
        return whole
    offset = found.start(group) - found.start()
    made, last = "", 0
    for start, end in _places(value, pattern):
        made += whole[last : offset + start] + placeholder(pattern.kind, value[start:end])
        last = offset + end
    return made + whole[last:]


def _places(value: str, pattern: Pattern) -> Iterator[tuple[int, int]]:
    """Where in a look-alike the values are: all of it, or runs of groups, longest first."""
    if not pattern.groups:
        if pattern.check(value):
            yield 0, len(value)
        return
    groups = [m.span() for m in re.finditer(r"[^\W_]+", value)]
    at = 0
    while at < len(groups):
        for after in range(min(len(groups), at + pattern.groups), at, -1):
            if pattern.check(value[groups[at][0] : groups[after - 1][1]]):
                yield groups[at][0], groups[after - 1][1]
                at = after
                break
        else:
            at += 1


def _compiled(kind: str, looks: str) -> re.Pattern[str]:
    try:
        pattern = re.compile(looks)
    except re.error as error:
        raise UserError(f"the redaction pattern {kind}={looks!r} is broken: {error}") from None
    if pattern.search("") or not re.fullmatch(r"[\w-]+", kind):
        raise UserError(
            f"the redaction pattern {kind}={looks!r} cannot be used: its name is letters, digits "
            "and dashes, and it must not match an empty text"
        )
    return pattern
