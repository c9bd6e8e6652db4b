"""Forms of personal data: what networks and countries give out is found, its neighbour is not."""

from __future__ import annotations

import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.privacy.forms import FORMS, Finder, card, iban, luhn, replaced

FINDER = Finder(FORMS)


def marked(text: str, *, sure: bool = False) -> str:
    found = [one for one in FINDER.find(text) if one.sure or not sure]
    return replaced(text, found, lambda one: f"[{one.kind}]")


SURELY = {
    "card 4111 11111111 1111, please": "card [card], please",
    "4111111111111111": "[card]",
    "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1": "[card]",
    "troy 9792 0303 9444 0796": "troy [card]",
    "client_secret=Zq8!aa91": "client_secret=[secret]",
    "DB_PASSWORD: tulip7": "DB_PASSWORD: [secret]",
    "my password is hunter2!": "my password is [secret]",
    "Passwort: geheim99": "Passwort: [secret]",
    '{"password": "x1y2z3!"}': '{"password": "[secret]"}',
    "password=abc+sk-proj-abcDEF123456ghiJKL789": "password=[secret]",
    "auth_token: Bearer abcdefgh.12345678": "auth_token: Bearer [secret]",
    "secret: -----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\nbye": (
        "secret: [secret]\nbye"
    ),
    "-----BEGIN PGP PRIVATE KEY BLOCK-----\nlQ\n-----END PGP PRIVATE KEY BLOCK-----": "[secret]",
    "postgres://joe:pa55word@db/x": "postgres://[secret]@db/x",
    "'jo@x.example', (ann@x.example)": "'[email]', ([email])",
    "wrote to ?jo@x.example": "wrote to ?[email]",
    "SSN123-45-6789": "SSN[ssn]",
    "from 84.17.46.3 and 2a02:8109:9a40::8a2e:370": "from [ip] and [ip]",
    "call (555) 123-4567 or 212-555-0134": "call [phone] or [phone]",
    "+49 30 1234567 4111 1111 1111 1111": "[phone] [card]",
    "ring 0171/2345678 or 0049 30 12345678": "ring [phone] or [phone]",
    "visa 4686 4712 0009 9, amex 3782 8224 6310 005": "visa [card], amex [card]",
    "YE30": "YE30",
}
PERHAPS = {
    "password: reset": "password: [secret]",
    "Bearer abc.def-ghi_jkl": "Bearer [secret]",
    "no 00493012345678": "no [phone]",
    "open 0900-1700": "open [phone]",
    "300 400 5000 and 212 555 0134": "[phone] and [phone]",
    "fe80::1 of 192.168.10.254, EC number 3.1.1.11": "[ip] of [ip], EC number [ip]",
    "acct # 056 552-9329 001": "acct # [phone]",
    "my password is wrong!": "my password is [secret]",
    "mumble://<user>:<password>@<host>": "mumble://[secret]@<host>",
}
NEVER = (
    "pk_of_the_first_table, sk-learn-feature-extraction",
    "order 4111 1111 1111 1112 is late",
    "at 20261121103055, ISBN 9783161484104, EAN 4006381333931",
    "0000 0000 0000 0000",
    "version 1.2.3.4, Version 10.0.0.1, 127.0.0.1:80, 0.0.0.0, ::1",
    "methylesterase (EC 3.1.1.11)",
    "std::vector, 10:30:45, 00:1a:2b:3c:4d:5e",
    "my [email] and [card-2], password: [secret], password=[secret-1]",
    "nopassword=abcdef1",
)


@pytest.mark.parametrize(("text", "expected"), SURELY.items())
def test_found_for_sure(text: str, expected: str) -> None:
    assert marked(text, sure=True) == marked(text) == expected


@pytest.mark.parametrize(("text", "expected"), PERHAPS.items())
def test_what_only_looks_so_is_hidden_and_not_counted(text: str, expected: str) -> None:
    assert marked(text) == expected
    assert marked(text, sure=True) == text


@pytest.mark.parametrize("text", NEVER)
def test_left_alone(text: str) -> None:
    assert marked(text) == text


@given(st.integers(10**14, 10**15 - 1))
def test_one_check_digit_in_ten_is_right(body: int) -> None:
    assert sum(luhn(f"{body}{digit}") for digit in range(10)) == 1


@given(st.text(string.digits, min_size=12, max_size=18))
def test_every_card_number_is_found_and_its_neighbour_is_not(body: str) -> None:
    firsts = {13: "4", 14: "3", 15: "123"}.get(len(body) + 1, "123456789")
    for digit in range(10):
        number = f"{body}{digit}"
        is_card = luhn(number) and number[0] in firsts
        assert is_card == card(number) == (marked(f"pan {number} ok") == "pan [card] ok")


@given(st.integers(0, 10**18 - 1), st.integers(1, 96))
def test_an_account_with_another_check_number_is_none(body: int, off: int) -> None:
    check = 98 - int(f"{body:018}131400") % 97
    assert iban(f"DE{check:02}{body:018}")
    other = (check - 2 + off) % 97 + 2
    assert not iban(f"DE{other:02}{body:018}")


@given(st.text(string.ascii_uppercase + string.digits, min_size=18, max_size=18))
def test_every_account_number_is_found_however_it_is_grouped(body: str) -> None:
    for check in range(2, 99):
        number = f"DE{check:02}{body}"
        if iban(number):
            grouped = " ".join(number[i : i + 4] for i in range(0, len(number), 4))
            assert marked(f"to {number}.", sure=True).startswith("to [")
            assert body[-3:] not in marked(f"to {grouped} now", sure=True).replace("[iban", "")


@given(st.text(alphabet=st.characters(), max_size=200))
def test_findings_lie_in_order_beside_each_other_and_none_is_left(text: str) -> None:
    found = FINDER.find(text)
    ends = [0, *(place for one in found for place in (one.start, one.end)), len(text)]
    assert ends == sorted(ends)
    once = marked(text)
    assert marked(once) == once


SIZE = 20_000
HOSTILE = {
    "one word": "x" * SIZE,
    "digits": "4" * SIZE,
    "digits apart": "4 " * (SIZE // 2),
    "groups": "4111 " * (SIZE // 5),
    "groups of letters": "DE12 " * (SIZE // 5),
    "at signs": "a@" * (SIZE // 2),
    "dots": "a@" + "a." * (SIZE // 2),
    "marks": "!" * SIZE,
    "marks and letters": "!a" * (SIZE // 2),
    "addresses": "1." * (SIZE // 2),
    "colons": "a:" * (SIZE // 2),
    "keys": "sk-" * (SIZE // 3),
    "many keys": ("sk-" + "A" * 16 + " ") * (SIZE // 20),
    "tokens": "eyJ" * (SIZE // 3),
    "key blocks": "-----BEGIN PRIVATE KEY-----" * (SIZE // 27),
    "passwords": "password: " * (SIZE // 10),
    "passwords of passwords": "password:" * (SIZE // 9),
    "spaces": "password" + " " * SIZE,
    "bearers": "bearer " * (SIZE // 7),
    "places": "://a:" * (SIZE // 5),
    "telephones": "+4 " * (SIZE // 3),
    "telephone": "01" + "1 " * (SIZE // 2),
    "brackets": "(555) " * (SIZE // 6),
    "open brackets": "(" * SIZE,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_no_text_keeps_it_busy(text: str) -> None:
    assert min(seconds(text), seconds(text)) < 0.3


def seconds(text: str) -> float:
    started = time.process_time()
    FINDER.find(text)
    return time.process_time() - started
