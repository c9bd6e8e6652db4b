"""What went wrong at an endpoint, said in one sentence that holds no secret."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from rung.errors import ProviderError
from rung.models.endpoint import NO_KEY, Endpoint

if TYPE_CHECKING:
    import openai

MOST_SAID = 200
"""Characters of a server's own words that are passed on."""

_UNKNOWN = re.compile(
    r"unsupported|not support|unexpected|unrecogni|unknown|not permitted|not allowed|not enabled|"
    r"deprecated|extra input|no longer",
    re.IGNORECASE,
)
_TOO_LONG = re.compile(
    r"context.?(length|window|size)|too (long|large|many)|maximum", re.IGNORECASE
)

ACCOUNT_PROBLEMS = {
    401: "does not accept the key",
    402: "wants the account to be paid up",
}
_OUTAGES = ACCOUNT_PROBLEMS | {
    403: "does not allow this key to use the model",
    404: "knows no such model or address",
}


def translated(
    error: Exception, endpoint: Endpoint, key: str, timeout_s: float, attempts: int
) -> ProviderError | None:
    """The `ProviderError` for an error of the SDK; None for one that is not the endpoint's."""
    import openai

    if isinstance(error, openai.APIConnectionError):
        return _unreached(error, endpoint, timeout_s, attempts)
    if isinstance(error, openai.APIStatusError):
        return _refused(error, endpoint, key, attempts)
    if isinstance(error, UnicodeEncodeError):
        return ProviderError("the request holds half characters (lone surrogates): mend the input")
    if isinstance(error, (openai.OpenAIError, ValueError)):
        return ProviderError(f"{endpoint.place} sent an answer that cannot be read as JSON")
    return None


def refused_parameter(error: openai.APIStatusError, sent: Sequence[str]) -> str | None:
    """Which of the optional parameters the server will not have, if that is its complaint."""
    said = words(error.body)
    top = str(error.param or "").split(".")[0]
    named = [name for name in sent if name == top or re.search(rf"\b{name}\b", said, re.IGNORECASE)]
    if "response_format" in sent and ("response_format" in named or "json_schema" in said):
        return "response_format"
    # "max_tokens is too large" is about this prompt; "max_tokens is not supported" is for good.
    unknown = error.code == "unsupported_parameter" or _UNKNOWN.search(said)
    for_good = unknown and not _TOO_LONG.search(said)
    return named[0] if named and for_good else None


def _unreached(
    error: openai.APIConnectionError, endpoint: Endpoint, timeout_s: float, attempts: int
) -> ProviderError:
    import httpx2
    import openai

    if isinstance(error.__cause__, (httpx2.ConnectError, httpx2.ConnectTimeout)):
        return ProviderError(
            f"{endpoint.place} cannot be reached: check the address and that the server runs",
            outage=True,
        )
    tries = f"{attempts} attempts" if attempts > 1 else "1 attempt"
    if isinstance(error, openai.APITimeoutError):
        return ProviderError(
            f"{endpoint.place} did not answer within {timeout_s:g} s ({tries}): run again later, "
            "or allow more time"
        )
    return ProviderError(f"{endpoint.place} broke the connection ({tries}): run again later")


def _refused(
    error: openai.APIStatusError, endpoint: Endpoint, key: str, attempts: int
) -> ProviderError:
    status, place = error.status_code, endpoint.place
    wait = seconds_to_wait(error.response.headers.get("retry-after"))
    if status in _OUTAGES or error.code == "insufficient_quota":
        what = _OUTAGES.get(status, "says that the quota is used up")
        look = {401: f"the key in {endpoint.key_env}", 404: "the model's name and the address"}
        return ProviderError(
            f"{place} {what} ({status}, model {endpoint.model!r}): check "
            f"{look.get(status, 'the account')}",
            status=status,
            outage=True,
        )
    if status == 429 or status >= 500:
        what = "asks for fewer requests" if status == 429 else "failed"
        later = f"in {wait:.0f} s" if wait is not None else "later"
        return ProviderError(
            f"{place} {what} ({status}, {attempts} attempts): run again {later}",
            status=status,
            retry_after_s=wait,
        )
    said = words(error.body) if key == NO_KEY else words(error.body).replace(key, "***")
    return ProviderError(
        f"{place} refused the request ({status}): {said[:MOST_SAID]}", status=status
    )


def words(body: object) -> str:
    """A server's words on one line: OpenAI's `message`, FastAPI's `detail`, else its body."""
    while isinstance(body, dict):
        inner = body.get("message") or body.get("detail") or body.get("error")
        if not inner:
            break
        body = inner
    return " ".join(str(body or "no reason given").split())


def seconds_to_wait(retry_after: str | None) -> float | None:
    """Seconds by `Retry-After`, given as a number or a date (RFC 9110, 10.2.3)."""
    if retry_after is None:
        return None
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        date = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    # "-0000" says that the zone is not known, which is UTC all the same.
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.now(UTC)).total_seconds())
