"""What servers say of a refusal, in whatever form they say it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from rung.errors import ProviderError
from rung.models.endpoint import read_key
from rung.models.endpoint_errors import inside_200, words
from rung.models.told_to_wait import seconds_to_wait


@pytest.mark.parametrize(
    "body",
    [
        {"message": "too  long\n", "code": 3},
        {"error": {"message": "too long", "param": None}},
        {"error": "too long"},
        {"error": "Bad Request", "message": "too long"},
        {"detail": {"error": {"message": "too long"}}},
        "too long",
    ],
)
def test_the_words_of_a_server_are_found(body: object) -> None:
    assert words(body) == "too long"


@pytest.mark.parametrize(
    ("error", "hasty"),
    [
        ({"message": "Open api qps request limit reached", "code": 18}, True),
        ({"message": "rate limit", "code": 1002}, True),
        ({"message": "invalid params", "code": 2013}, False),
    ],
)
def test_haste_is_known_by_its_words(error: dict[str, str | int], hasty: bool) -> None:
    assert inside_200(error).hasty is hasty


def test_half_a_character_of_a_server_can_be_shown() -> None:
    assert words({"message": "cut \ud83d"}).encode() == "cut \ufffd".encode()


def test_a_server_without_words_is_said_to_have_none() -> None:
    assert words({}) == words("") == words(None) == "no reason given"
    assert words({"detail": [{"loc": 1}], "message": ""}) == "[{'loc': 1}]"
    assert words({"code": 7}) == "{'code': 7}"


def test_the_time_to_wait_is_a_number_or_a_date() -> None:
    assert seconds_to_wait("2.5") == 2.5 and seconds_to_wait("-3") == 0.0
    assert seconds_to_wait(None) is None and seconds_to_wait("soon") is None
    later = datetime.now(UTC) + timedelta(seconds=60)
    for said in (format_datetime(later), format_datetime(later.replace(tzinfo=None))):
        assert 50 < (seconds_to_wait(said) or 0) <= 60
    assert seconds_to_wait(format_datetime(later - timedelta(hours=1))) == 0.0


@pytest.mark.parametrize("key", ["grüße", "a\nb"])
def test_a_broken_key_is_named_and_not_said(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNG_TEST_KEY", key)
    with pytest.raises(ProviderError, match="the key in RUNG_TEST_KEY holds characters") as caught:
        read_key("RUNG_TEST_KEY", "http://x")
    assert key not in str(caught.value)


def test_a_key_that_is_not_needed_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNG_TEST_KEY", raising=False)
    assert read_key("RUNG_TEST_KEY", "http://x", needed=False) == ""
    with pytest.raises(ProviderError, match="http://x needs a key: set RUNG_TEST_KEY"):
        read_key("RUNG_TEST_KEY", "http://x")
