"""What went wrong at an endpoint, said in one sentence that holds no secret."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from rung.errors import ProviderError
from rung.models.endpoint import NO_KEY, Endpoint
from rung.models.told_to_wait import told_to_wait
from rung.task.scripts import whole_characters
from rung.task.types import JsonValue

if TYPE_CHECKING:
    import openai

MOST_SAID = 200
"""Characters of a server's own words that are passed on."""

ACCOUNT_PROBLEMS = {401: "does not accept the key", 402: "wants the account to be paid up"}
_SET_UP = {
    403: "does not allow this key to use the model",
    404: "knows no such model or address",
    405: "takes no questions at this address",
}
_OVERLOADED = 529
"""Anthropic's own. https://platform.claude.com/docs/en/api/errors"""
_HASTE = re.compile(
    r"rate.?limit|\bqps\b|too many(?! tokens(?! per))|overload|capacity|throttl|"
    r"resource.?exhausted",
    re.I,
)
_THROTTLED = re.compile(
    r"rate.?limit.?exceeded|rate exceeded|throttl|too many requests", re.IGNORECASE
)
_QUOTA = re.compile(
    r"insufficient.{0,12}(quota|balance|credit|fund)|(credit|balance).{0,16}(too low|exhaust)|"
    r"exceeded your current quota|billing.?hard.?limit|out of credit|欠费|余额不足",
    re.IGNORECASE,
)
_KINDS = (
    (429, re.compile(f"{_QUOTA.pattern}|{_HASTE.pattern}", re.IGNORECASE)),
    (401, re.compile(r"invalid.{0,8}api.?key|authentication|unauthori[sz]ed", re.IGNORECASE)),
    (404, re.compile(r"model.?not.?found|no such model|model .{0,80}does not exist", re.I)),
    (
        400,
        re.compile(
            r"invalid.?request|bad.?request|context.?length|content.?filter|too (many|long)", re.I
        ),
    ),
)
"""Statuses by what a refusal without one says."""
_NEVER = re.compile(r"limit:? (\d+),? .{0,40}?requested:? (\d+)", re.IGNORECASE)
_PER_MINUTE = re.compile(r"requests? per min\w*.{0,40}?limit:? ?(\d+)", re.IGNORECASE)
_LOADING = re.compile(
    r"(?<!over)load|warm|starting|start.?up|initiali|not ready|booting", re.IGNORECASE
)
_TOO_LONG = re.compile(
    r"context.?(length|window|size)|too (long|large|many tokens)|maximum.{0,30}(length|tokens)|"
    r"exceed.{0,40}(token|length|context|size)",
    re.IGNORECASE,
)


class Refusal(Exception):
    """A server's answer that is no completion: its status and its own words."""

    def __init__(
        self, status: int, body: JsonValue, headers: Mapping[str, str], code: str = ""
    ) -> None:
        self.status, self.body = status, body
        self.said = words(body)
        self.code = code or _code(body)
        self.clue = f"{self.said} {self.code} {_param(body)}"
        """Its words and the parameter that it names beside them."""
        super().__init__(f"{status}: {self.said[:MOST_SAID]}")
        self.location = headers.get("location", "").partition("?")[0]
        self.retry_after_s = told_to_wait(headers, body, self.said)

    @property
    def quota(self) -> bool:
        """The account has run out. "Current quota" is also said of a minute's (Gemini)."""
        if "quota" in self.code and self.code.startswith("insufficient"):
            return True
        return self.retry_after_s is None and _QUOTA.search(self.said) is not None

    @property
    def hasty(self) -> bool:
        """Too much was asked at once, whatever the status that says so."""
        if self.quota or self.never:
            return False
        clue = f"{self.said} {self.code}"
        if self.status in (400, 403):
            return _THROTTLED.search(clue) is not None
        busy = self.status == 503 and _HASTE.search(clue) is not None
        return busy or self.status in (429, _OVERLOADED)

    @property
    def never(self) -> bool:
        """One request alone asks for more than a minute lets through: no wait helps it."""
        limits = _NEVER.search(self.said)
        return limits is not None and int(limits.group(2)) > int(limits.group(1))

    @property
    def loading(self) -> bool:
        """The server is there, and not ready yet."""
        return self.status in (425, 503) and _LOADING.search(self.said) is not None

    @property
    def passing(self) -> bool:
        """Another try may fare better."""
        return self.status in (408, 409) or (self.status >= 500 and not self.hasty)

    @property
    def limit_per_minute(self) -> float | None:
        """Requests a minute, where the server names them."""
        limit = _PER_MINUTE.search(self.said)
        return float(limit.group(1)) if limit and self.hasty else None

    @property
    def too_long(self) -> bool:
        """Whether it speaks of the length of what was sent."""
        return self.status == 413 or self.never or _TOO_LONG.search(self.said) is not None


def of_status(error: openai.APIStatusError) -> Refusal:
    """The refusal that the SDK raised."""
    return Refusal(error.status_code, error.body, error.response.headers, str(error.code or ""))


def inside_200(error: JsonValue, headers: Mapping[str, str] | None = None) -> Refusal:
    """The refusal that a router passed on as an answer: its `code` is the status behind it.

    Where no number says it, the words for its kind do; 502 where nothing does.
    """
    fields = error if isinstance(error, dict) else {}
    kinds = [fields[name] for name in ("code", "status", "status_code", "type") if fields.get(name)]
    numbers = [int(str(kind)) for kind in kinds if str(kind).isdecimal()]
    status = next((number for number in numbers if 400 <= number <= 599), None)
    if status is None:
        clue = f"{' '.join(map(str, kinds))} {words(error)}"
        status = next((number for number, pattern in _KINDS if pattern.search(clue)), 502)
    code = next((str(kind) for kind in kinds if not str(kind).isdecimal()), "")
    return Refusal(status, {"error": error}, headers or {}, code)


def unreached(
    error: Exception, endpoint: Endpoint, timeout_s: float, attempts: int
) -> ProviderError | None:
    """The error for one of the SDK that came before any answer; None for one that is not ours."""
    import httpx2
    import openai

    if isinstance(error, openai.APIConnectionError):
        if isinstance(error.__cause__, (httpx2.ConnectError, httpx2.ConnectTimeout)):
            return ProviderError(
                f"{endpoint.place} cannot be reached: check the address and that the server runs",
                outage=True,
            )
        tries = f"{attempts} attempts" if attempts > 1 else "1 attempt"
        if isinstance(error, openai.APITimeoutError):
            return ProviderError(
                f"{endpoint.place} did not answer within {timeout_s:g} s ({tries}): run again "
                f"later, or allow more: [models.settings] timeout_s"
            )
        return ProviderError(f"{endpoint.place} broke the connection ({tries}): run again later")
    if isinstance(error, UnicodeEncodeError):
        return ProviderError("the request holds half characters (lone surrogates): mend the input")
    if isinstance(error, (openai.OpenAIError, ValueError)):
        return ProviderError(f"{endpoint.place} sent an answer that cannot be read as JSON")
    return None


def failed(refusal: Refusal, endpoint: Endpoint, key: str, attempts: int) -> ProviderError:
    """The error for a refusal that is about the account or the server's health."""
    place, status, wait = endpoint.place, refusal.status, refusal.retry_after_s
    if status in ACCOUNT_PROBLEMS or refusal.quota:
        what = ACCOUNT_PROBLEMS.get(status, "says that the quota is used up")
        look = f"the key in {endpoint.key_env}" if status == 401 else "the account"
        return ProviderError(
            f"{place} {what} ({status}, model {endpoint.model!r}): check {look}"
            f"{_quoted(refusal, key)}",
            status=status,
            outage=True,
        )
    later = f"in {wait:.0f} s" if wait is not None else "later"
    if refusal.hasty:
        return ProviderError(
            f"{place} asks for fewer requests ({status}): run again {later}{_quoted(refusal, key)}",
            status=status,
            retry_after_s=wait,
            outage=True,
        )
    tries = f"{attempts} attempts" if attempts > 1 else "1 attempt"
    return ProviderError(
        f"{place} failed ({status}, {tries}): run again {later}{_quoted(refusal, key)}",
        status=status,
        retry_after_s=wait,
    )


def set_up(refusal: Refusal, endpoint: Endpoint, key: str) -> ProviderError:
    """The error for a refusal that every request of this form meets, whatever the example."""
    what = _SET_UP.get(refusal.status)
    if 300 <= refusal.status < 400:
        what = f"sends questions on to {refusal.location or 'another address'}"
    if what is not None:
        look = "the account" if refusal.status == 403 else "the model's name and the address"
        return ProviderError(
            f"{endpoint.place} {what} ({refusal.status}, model {endpoint.model!r}): check {look}"
            f"{_quoted(refusal, key)}",
            status=refusal.status,
            outage=True,
        )
    return ProviderError(
        f"{endpoint.place} could not be asked ({refusal.status}, model {endpoint.model!r}), "
        f"whatever was left out{_quoted(refusal, key)}",
        status=refusal.status,
        set_up=True,
    )


def of_example(refusal: Refusal, endpoint: Endpoint, key: str) -> ProviderError:
    """The error for a request that is refused for what stands in it."""
    what = "says that it is too long" if refusal.too_long else "refused the request"
    return ProviderError(
        f"{endpoint.place} {what} ({refusal.status}): {_shown(refusal, key)}",
        status=refusal.status,
        example=True,
    )


def _quoted(refusal: Refusal, key: str) -> str:
    return f'; it says "{_shown(refusal, key)}"' if refusal.said != NOTHING_SAID else ""


def _shown(refusal: Refusal, key: str) -> str:
    """The server's words without the key, nor a part of it that a server shows."""
    quoted = refusal.said
    if key != NO_KEY:
        quoted = quoted.replace(key, "***")
        quoted = re.sub(rf"{re.escape(key[:6])}[\w*.…-]*", "***", quoted)
    return quoted[:MOST_SAID]


NOTHING_SAID = "no reason given"


def words(body: object) -> str:
    """A server's words on one line: OpenAI's `message`, FastAPI's `detail`, else its body."""
    while isinstance(body, (dict, list)):
        if isinstance(body, list):
            if len(body) != 1 or not isinstance(body[0], dict) or "error" not in body[0]:
                break
            body = body[0]
        inner = body.get("message") or body.get("detail") or body.get("error")
        if not inner:
            break
        body = inner
    return " ".join(whole_characters(str(body or NOTHING_SAID)).split())


def _code(body: object) -> str:
    """The word for its kind that a server adds: `code`, else `type`."""
    inner = body.get("error", body) if isinstance(body, dict) else {}
    names = ("code", "type", "__type")
    fields = inner if isinstance(inner, dict) else {}
    kind = next((fields[name] for name in names if fields.get(name)), None)
    return str(kind or "")


def _param(body: object) -> str:
    inner = body.get("error", body) if isinstance(body, dict) else {}
    return str(inner.get("param") or "") if isinstance(inner, dict) else ""
