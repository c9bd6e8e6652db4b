"""Personal data and secrets are found by form and checksum; look-alikes are left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.errors import UserError
from rung.privacy.redaction import Redactor, storable

FOUND = {
    "write to Ann.O'Neil+tag@mail.example.co.uk please": "write to [email-1] please",
    "card 4111 1111 1111 1111 12/27": "card [card-1] 12/27",
    "card 4111-1111-1111-1111.": "card [card-1].",
    "order 12 4111111111111111 paid": "order 12 [card-1] paid",
    "4000 4111 1111 1111 1111 and 4012-8888-8888-1881": "4000 [card-1] and [card-2]",
    "amex 378282246310005": "amex [card-1]",
    "to DE89 3704 0044 0532 0130 00 PAID": "to [iban-1] PAID",
    "gb82west12345698765432": "[iban-1]",
    "NO93 8601 1117 947": "[iban-1]",
    "ssn 536-90-4399": "ssn [ssn-1]",
    "from 192.168.10.254:8080": "from [ip-1]:8080",
    "from 2001:db8::8a2e:370:7334": "from [ip-1]",
    "call +49 (0)30 1234-5678 now": "call [phone-1] now",
    "call 0049 30 12345678": "call [phone-1]",
    "call (555) 234-5678": "call [phone-1]",
    "call 020 7946 0958": "call [phone-1]",
    "ring 0171/2345678": "ring [phone-1]",
    "key sk-proj-abcDEF123456ghiJKL789": "key [secret-1]",
    "AKIAIOSFODNN7EXAMPLE": "[secret-1]",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a": "[secret-1]",
    "Authorization: Bearer abc.def-ghi_jkl": "Authorization: Bearer [secret-1]",
    "my password is hunter2!": "my password is [secret-1]",
    "api_key='abcd1234'": "api_key='[secret-1]'",
    "postgres://joe:pa55@db/x": "postgres://[secret-1]@db/x",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P": "[secret-1]",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nbye": "[secret-1]\nbye",
}
LEFT = (
    "order 4111 1111 1111 1112 of 2026-11-21 10:30",
    "article 978-3-16-148410-0, size 10.5, 3 x 250 g",
    "on 01.02.2026 at 10:30, ticket 20261121",
    "version 1.2.3 and 10.4.300.1",
    "motor error E-0417, frame WB12 3456 7890 1234 5678 0",
    "the password field is empty; skip the desk-and-chair set",
    "I paid 1 200 000 for 12 500 units in 2025/2026",
    "DE89 3704 1044 9532 1130 01",
)


@pytest.mark.parametrize(("text", "expected"), FOUND.items())
def test_found(text: str, expected: str) -> None:
    assert Redactor().redact(text)[0] == expected


@pytest.mark.parametrize("text", LEFT)
def test_left_alone(text: str) -> None:
    assert Redactor().redact(text) == (text, {})


def test_equal_values_get_equal_placeholders_across_a_record() -> None:
    plain = {
        "input": {"from": "a@x.org", "cc": ["b@x.org", "A@x.org"], "password": "tulip"},
        "answer": {"text": "b@x.org wrote", "n": 3, "ok": True, "none": None},
    }
    made, kinds = Redactor().redact(plain)
    assert made == {
        "input": {"from": "[email-1]", "cc": ["[email-2]", "[email-1]"], "password": "[secret-1]"},
        "answer": {"text": "[email-2] wrote", "n": 3, "ok": True, "none": None},
    }
    assert kinds == {"email": 2, "secret": 1}


def test_patterns_of_ones_own() -> None:
    redactor = Redactor({"order": r"\bAA-\d{6}\b"})
    assert redactor.redact("AA-123456 of a@x.org")[0] == "[order-1] of [email-1]"
    for broken in ("(", "a*"):
        with pytest.raises(UserError, match="redaction pattern order="):
            Redactor({"order": broken})


@given(st.text(alphabet=st.characters(), max_size=200))
def test_any_text_can_be_redacted_and_stays_as_it_is_then(text: str) -> None:
    once = Redactor().redact(text)[0]
    assert Redactor().redact(once)[0] == once
    storable(once).encode()
