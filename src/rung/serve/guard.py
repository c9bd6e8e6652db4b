"""What stands before every handler: who asks, how often, how much, how slowly.

Plain ASGI, so that a request is refused before its body is read, and read only as far as it may
be. Headers that two servers could read in two ways are refused.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rung.errors import StoreError
from rung.serve.errors import ApiError, unauthorized
from rung.serve.limits import Overloaded
from rung.serve.patience import Arrival
from rung.serve.settings import LOOPBACK

if TYPE_CHECKING:
    from rung.serve.service import Service

MOST_MESSAGES = 2_000
"""Of one request, the parts of their contents included."""
OPEN = frozenset({"/health"})
"""Paths that need no key."""
ALWAYS = frozenset({"/health", "/metrics"})
"""Paths that are answered however much there is to do: they say so."""
CHAT = "/v1/chat/completions"
BODIES = frozenset({CHAT, "/v1/feedback"})
"""Paths that are sent something; what is sent to others is not read."""
ONCE = (b"content-length", b"transfer-encoding", b"host", b"authorization", b"content-type")
SAFE = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'"),
)

log = logging.getLogger("rung.serve")


class Guard:
    """Wraps the application."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self.app, self.service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it here."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def say(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *SAFE]
            await send(message)

        arrival: Arrival | None = scope.get("state", {}).pop("arrival", None)
        try:
            body = await self._let_in(scope, receive, arrival)
        except Overloaded as error:
            self.service.metrics.refused.labels(error.reason).inc()
            if error.reason == "connections" or arrival is None or not arrival.whole():
                error.headers["connection"] = "close"
            await error.response()(scope, receive, say)
        except ApiError as error:
            self.service.metrics.refused.labels(error.code or str(error.status)).inc()
            # What is left of the body is not read: the connection ends here.
            error.headers["connection"] = "close"
            await error.response()(scope, receive, say)
        except StoreError as error:
            log.error("%s", error)
            await _failed()(scope, receive, say)
        else:
            await self._answer(scope, _replay(body, receive), say)

    async def _let_in(self, scope: Scope, receive: Receive, arrival: Arrival | None) -> bytes:
        """The body of a request that may be answered. Raises `ApiError` and `StoreError`."""
        headers = self._headers(scope)
        connections = arrival.connections if arrival is not None else 1
        if scope["path"] not in ALWAYS:
            self.service.pressure.refuse(connections)
        self._refuse_foreign_host(headers)
        await self._know(scope, headers)
        if scope["method"] != "POST" or scope["path"] not in BODIES:
            return b""
        body = await self._body(headers, receive)
        self.service.pressure.refuse(connections)  # the body may have taken its time
        return _json(body)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the application answer; a chat request is inside until its answer is sent."""
        if scope["path"] != CHAT:
            await self.app(scope, receive, send)
            return
        pressure, inside = self.service.pressure, True
        pressure.inside += 1

        async def leave(message: Message) -> None:
            nonlocal inside
            if inside:  # a client that does not read its answer takes nobody's place
                pressure.inside -= 1
                inside = False
            await send(message)

        try:
            await self.app(scope, receive, leave)
        finally:
            pressure.inside -= inside

    def _headers(self, scope: Scope) -> dict[bytes, bytes]:
        headers = scope["headers"]
        times = Counter(name for name, _ in headers)
        twice = next((name for name in ONCE if times[name] > 1), None)
        if twice is not None:
            raise ApiError(400, f"The header {twice.decode()} is given twice.", code="bad_header")
        named = dict(headers)
        if b"transfer-encoding" in named and b"content-length" in named:
            raise ApiError(
                400, "Both content-length and transfer-encoding are given.", code="bad_header"
            )
        return named

    def _refuse_foreign_host(self, headers: dict[bytes, bytes]) -> None:
        """Without keys, a web page must not reach this server by a name of its own making."""
        if self.service.keys_needed():
            return
        host = headers.get(b"host", b"").decode("latin-1").rpartition("@")[2]
        name = (
            host.partition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
        )
        if name not in LOOPBACK and name != self.service.settings.host:
            raise ApiError(
                421, "Without API keys this server answers to localhost only.", code="bad_host"
            )

    async def _know(self, scope: Scope, headers: dict[bytes, bytes]) -> None:
        """Who asks, and whether it is within its rate."""
        name: str | None = None
        if self.service.keys_needed() and scope["path"] not in OPEN:
            scheme, _, key = headers.get(b"authorization", b"").partition(b" ")
            name = self.service.keys.owner(key.strip() if scheme.lower() == b"bearer" else b"")
            if name is None:
                raise unauthorized()
        scope["state"] = {**scope.get("state", {}), "key_name": name}
        if self.service.rate is not None and scope["method"] == "POST":
            wait = await self.service.rate.take(name or "")
            if wait > 0:
                raise ApiError(
                    429,
                    f"Too many requests: try again in {wait:.1f} s.",
                    code="rate_limit_exceeded",
                    retry_after_s=wait,
                )

    async def _body(self, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        """The whole body, as long as it is small enough and comes in time."""
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if kind != b"application/json":
            raise ApiError(415, "Send content-type: application/json.", code="bad_content_type")
        limits = self.service.settings.limits
        most = limits.max_body_kb * 1024
        announced = headers.get(b"content-length", b"0")
        if not announced.isdigit() or int(announced) > most:
            raise _too_large(limits.max_body_kb)
        parts, size = [], 0
        try:
            async with asyncio.timeout(limits.body_timeout_s):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ApiError(400, "The connection was lost.", code="disconnected")
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    if size > most:
                        raise _too_large(limits.max_body_kb)
                    if not message.get("more_body", False):
                        return b"".join(parts)
        except TimeoutError:
            raise ApiError(408, "The request took too long to arrive.", code="too_slow") from None


def _json(body: bytes) -> bytes:
    """The body, once it is JSON in UTF-8. Python's own reader also takes UTF-16, NaN and halves of
    surrogate pairs, which nobody behind it does."""
    try:
        request = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise ApiError(400, f"The body is not JSON: {error}.", code="bad_json") from None
    messages = request.get("messages") if isinstance(request, dict) else None
    if isinstance(messages, list) and _pieces(messages) > MOST_MESSAGES:
        # Counted before each is looked at, which takes seconds for very many.
        raise ApiError(
            400,
            f"messages: there are more than {MOST_MESSAGES:,}, parts included: send the last ones.",
            param="messages",
        )
    return body


def _pieces(messages: list[Any]) -> int:
    """Messages and the parts of their contents."""
    contents = (m.get("content") for m in messages if isinstance(m, dict))
    return len(messages) + sum(len(c) for c in contents if isinstance(c, list))


def _too_large(most_kb: int) -> ApiError:
    return ApiError(413, f"The request is larger than {most_kb} KiB.", code="request_too_large")


def _failed() -> JSONResponse:
    return ApiError(500, "The server failed: this is no fault of the request.").response()


def _replay(body: bytes, receive: Receive) -> Receive:
    """The body once, then whatever else the connection says."""
    given = False

    async def again() -> Message:
        nonlocal given
        if not given:
            given = True
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return again
