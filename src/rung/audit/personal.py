"""Personal data and secrets by pattern and checksum, and texts without them.

Finds what has a form: addresses of mail, cards, accounts, phone and social security numbers, keys.
Names of people and street addresses have none and are not found.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from rung.task.types import JsonValue


class Finding(NamedTuple):
    """One place in a text."""

    kind: str
    start: int
    end: int


EMAIL = "a mail address"
CARD = "a card number"
IBAN = "an account number"
SSN = "a social security number"
PHONE = "a phone number"
KEY = "an access key"
PRIVATE_KEY = "a private key"
PASSWORD = "a password"
SECRETS = frozenset({KEY, PRIVATE_KEY, PASSWORD})
"""What opens something."""
MARKS = {
    EMAIL: "[email]",
    CARD: "[card]",
    IBAN: "[account]",
    SSN: "[ssn]",
    PHONE: "[phone]",
    KEY: "[key]",
    PRIVATE_KEY: "[private key]",
    PASSWORD: "[password]",
}

_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        PRIVATE_KEY,
        re.compile(
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
        ),
    ),
    (
        KEY,
        re.compile(
            r"\b(?:sk-(?:ant-|proj-)?[A-Za-z0-9_-]{20,}|AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36,}"
            r"|github_pat_[A-Za-z0-9_]{22,}|xox[abprs]-[A-Za-z0-9-]{10,}|AIza[0-9A-Za-z_-]{35}"
            r"|[sr]k_live_[0-9A-Za-z]{16,}|hf_[A-Za-z0-9]{30,}"
            r"|eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,})"
        ),
    ),
    (
        PASSWORD,
        # A colon or an equals sign, and a value with a digit or a sign: "password: reset" is none.
        re.compile(
            r"(?i)\b(?:password|passwort|passwd|pwd|api[_-]?key|secret)\s*[:=]\s*"
            r"[\"']?(?=[^\s\"']*[\d!@#$%^&*])([^\s\"',;]{6,})"
        ),
    ),
    (EMAIL, re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,24}\b")),
    (IBAN, re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")),
    (CARD, re.compile(r"(?<![\d.])\d(?:[ -]?\d){12,18}(?![\d.]\d)")),
    (SSN, re.compile(r"(?<![\d-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])")),
    (
        PHONE,
        re.compile(
            r"(?<![\w+.-])(?:\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d(?:[ .-]?\d){6,11}"
            r"|\(\d{3}\) ?\d{3}[ .-]\d{4}|\d{3}[.-]\d{3}[.-]\d{4})(?![\w-])"
        ),
    ),
)


def find(text: str) -> list[Finding]:
    """Every finding in order; where two overlap, the one that is listed first above."""
    found: list[Finding] = []
    for kind, pattern in _PATTERNS:
        if kind == EMAIL and "@" not in text:
            continue
        for match in pattern.finditer(text):
            start, end = match.span(1 if kind == PASSWORD else 0)
            free = all(end <= other.start or other.end <= start for other in found)
            if free and _holds(kind, text[start:end]):
                found.append(Finding(kind, start, end))
    return sorted(found, key=lambda finding: finding.start)


def redacted(text: str) -> str:
    """The text with every finding replaced by its kind in brackets."""
    parts, last = [], 0
    for finding in find(text):
        parts += [text[last : finding.start], MARKS[finding.kind]]
        last = finding.end
    return "".join([*parts, text[last:]])


def redacted_value(value: JsonValue) -> JsonValue:
    """Every text inside a JSON value redacted; keys and numbers stay."""
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, dict):
        return {key: redacted_value(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [redacted_value(inner) for inner in value]
    return value


def _holds(kind: str, text: str) -> bool:
    """Whether the checksum agrees, where the kind has one."""
    if kind == CARD:
        return luhn(text)
    if kind == IBAN:
        return iban(text)
    return True


def luhn(text: str) -> bool:
    """The checksum of card numbers (ISO/IEC 7812-1); a run of one digit is none."""
    digits = [int(c) for c in text if c.isdigit()]
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    doubled = [d if i % 2 == 0 else d * 2 - 9 * (d > 4) for i, d in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0


def iban(text: str) -> bool:
    """The checksum of account numbers (ISO 13616, mod 97)."""
    plain = text.replace(" ", "")
    if not 15 <= len(plain) <= 34:
        return False
    turned = plain[4:] + plain[:4]
    return int("".join(str(int(c, 36)) for c in turned)) % 97 == 1
