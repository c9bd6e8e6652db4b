"""What has the form of personal data, and what only looks like it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.privacy.forms import find, redacted, redacted_value

HOLDS = [
    ("write to jo.doe+x@mail.firm.example today", "[email]"),
    ("card 4111 1111 1111 1111 exp 12/27", "[card]"),
    ("IBAN DE89 3704 0044 0532 0130 00 please", "[iban]"),
    ("call +49 (0)30 1234 5678", "[phone]"),
    ("call (555) 123-4567", "[phone]"),
    ("ssn 123-45-6789", "[ssn]"),
    ("AKIAIOSFODNN7EXAMPLE", "[secret]"),
    ("ghp_" + "a1B2" * 9, "[secret]"),
    ("password: hunter2!x", "[secret]"),
    ("-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----", "[secret]"),
]
HOLDS_NONE = [
    "order 4111 1111 1111 1112 is late",  # fails Luhn
    "DE89 3704 0044 0532 0130 01",  # fails mod 97
    "password: reset needed",
    "my secret is safe",
    "version 1.2.3.4 of 2024-05-01",
    "scp user@host:/path file",
    "in 1999-2000 about 1,234,567.89",
    "serial 000-00-0000",
    "0000 0000 0000 0000",
    "see RFC 1234-567-8901-2",
]


@pytest.mark.parametrize(("text", "mark"), HOLDS)
def test_it_is_found_and_replaced(text: str, mark: str) -> None:
    assert mark in redacted(text) and len(find(text)) == 1


@pytest.mark.parametrize("text", HOLDS_NONE)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert redacted(text) == text


@given(st.text())
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    assert redacted(redacted(text)) == redacted(text)


def test_values_inside_json_are_redacted_and_keys_stay() -> None:
    value = {"a@b.example": ["a@b.example", 4111111111111111, None]}
    assert redacted_value(value) == {"a@b.example": ["[email]", 4111111111111111, None]}
