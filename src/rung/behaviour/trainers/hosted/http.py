"""Calls to a provider's management API: retried where that is safe, said in one sentence.

A call that buys is made once. When its answer is lost, `Unanswered` says so, and whoever ordered
looks for the order before placing it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from rung.errors import ProviderError
from rung.models.endpoint import read_key
from rung.models.endpoint_errors import ACCOUNT_PROBLEMS, MOST_SAID, words
from rung.models.told_to_wait import seconds_to_wait

if TYPE_CHECKING:
    from httpx2 import AsyncBaseTransport, AsyncClient, Response

ATTEMPTS = 4
TIMEOUT_S = 60.0
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 20.0
_REASONS = ACCOUNT_PROBLEMS | {403: "does not allow this key to do that"}


class Unanswered(ProviderError):
    """The connection was lost or the server failed: it is not known whether the call was done."""


class Http:
    """One provider's address and key. The key is read when a call needs it, and never kept.

    `token` gives one in place of what `key_env` holds.
    """

    def __init__(
        self,
        place: str,
        key_env: str,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        transport: AsyncBaseTransport | None = None,
        token: Callable[[str], str] | None = None,
    ) -> None:
        self.place, self.key_env = place.rstrip("/"), key_env
        self._token = token or (lambda place: read_key(key_env, place))
        self._pause, self._transport = pause, transport
        self._client: AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        """A JSON object; repeated after 429, 5xx and lost connections."""
        wait = FIRST_WAIT_S
        for left in reversed(range(ATTEMPTS)):
            try:
                return _object(await self.send("GET", path, params=params), self.place)
            except ProviderError as error:
                passing = isinstance(error, Unanswered) or error.status == 429
                if not left or not passing:
                    raise
                await self._pause(min(error.retry_after_s or wait, LONGEST_WAIT_S))
                wait *= 2
        raise AssertionError("unreachable")

    async def post(self, path: str, **body: Any) -> dict[str, Any]:
        """A JSON object; never repeated. `json`, `data`, `files` and `params` as httpx takes."""
        return _object(await self.send("POST", path, **body), self.place)

    async def send(
        self,
        method: str,
        path: str,
        *,
        with_key: bool = True,
        accept: tuple[int, ...] = (),
        **kw: Any,
    ) -> Response:
        """One call. `path` may be a full address; statuses in `accept` are returned as they are.

        Raises `Unanswered` for 5xx and lost connections, `ProviderError` for other refusals.
        """
        import httpx2

        key = self._token(self.place) if with_key else ""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        url = path if path.startswith(("http://", "https://")) else f"{self.place}{path}"
        try:
            response = await self._opened().request(method, url, headers=headers, **kw)
        except httpx2.ConnectError:
            raise ProviderError(
                f"{self.place} cannot be reached: check the address and the network", outage=True
            ) from None
        except httpx2.HTTPError as error:
            raise Unanswered(
                f"{self.place} broke the connection ({type(error).__name__}): run again"
            ) from None
        if response.is_success or response.status_code in accept:
            return response
        raise self._refused(response, key)

    async def aclose(self) -> None:
        """Close connections."""
        client, self._client = self._client, None
        if client is not None and self._loop is asyncio.get_running_loop():
            await client.aclose()

    def _opened(self) -> AsyncClient:
        import httpx2

        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:
            self._client = httpx2.AsyncClient(
                timeout=TIMEOUT_S, follow_redirects=False, transport=self._transport
            )
            self._loop = loop
        return self._client

    def _refused(self, response: Response, key: str) -> ProviderError:
        status = response.status_code
        if status >= 500:
            return Unanswered(f"{self.place} failed ({status}): run again later", status=status)
        if status in _REASONS:
            return ProviderError(
                f"{self.place} {_REASONS[status]} ({status}): check the account and the key in "
                f"{self.key_env}",
                status=status,
                outage=True,
            )
        reason = _said(response)
        if key:
            reason = reason.replace(key, "***")
        return ProviderError(
            f"{self.place} refused the request ({status}): {reason[:MOST_SAID]}",
            status=status,
            retry_after_s=seconds_to_wait(response.headers.get("retry-after")),
        )


def _said(response: Response) -> str:
    try:
        return words(response.json())
    except ValueError:
        return words(response.text)


def _object(response: Response, place: str) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise ProviderError(f"{place} answered something that is no JSON object: check the address")
    return body
