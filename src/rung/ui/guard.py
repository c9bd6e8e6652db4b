"""Who may see and do what: hosts, the key, tokens against forged forms, headers of every answer.

On the loopback no key is asked, but the name in the address must be one of this machine's: else a
page elsewhere could have its own name point here and read along. Bound to any other address, every
page needs the key.
"""

import hashlib
import hmac
import secrets
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rung.errors import UserError
from rung.traffic.review import MOST_FORM

LOOPBACK = ("127.0.0.1", "localhost", "::1", "[::1]")
COOKIE = "rung-ui"
TOKEN = "token"
OPEN_PATHS = ("/key", "/static/")
"""Seen without the key."""
MOST_BODY = MOST_FORM
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # `no-referrer` would hide the origin of our own forms too
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class Guard:
    """The rules, and the secrets of one server."""

    def __init__(self, key: str | None = None, port: int = 0) -> None:
        self.key = key
        self.cookie = f"{COOKIE}-{port}"
        """Browsers share cookies between the ports of a host: two servers keep their own."""
        self._secret = secrets.token_bytes(32)

    def new_session(self) -> str:
        """A cookie's value that only this server can have made."""
        name = secrets.token_urlsafe(18)
        return f"{name}.{self._sign('session', name)}"

    def session(self, request: Request) -> str | None:
        """The session of a request; None where its cookie is missing or was not made here."""
        given = request.cookies.get(self.cookie, "")
        name, _, signature = given.partition(".")
        good = hmac.compare_digest(signature.encode(), self._sign("session", name).encode())
        return given if name and good else None

    def token(self, session: str) -> str:
        """What a form of that session has to carry."""
        return self._sign("form", session)

    def opens(self, given: str) -> bool:
        """Whether it is the key."""
        return self.key is not None and hmac.compare_digest(given.encode(), self.key.encode())

    def _sign(self, what: str, text: str) -> str:
        return hmac.new(self._secret, f"{what}:{text}".encode(), hashlib.sha256).hexdigest()

    def knows_host(self, request: Request) -> bool:
        """Without a key, only names of this machine: another name may belong to another's page."""
        if self.key is not None:
            return True
        return urlsplit(f"//{request.headers.get('host', '')}").hostname in LOOPBACK

    def may_see(self, request: Request, session: str | None) -> bool:
        """With a key: the session got it, or the request carries it."""
        if self.key is None or session is not None:
            return True
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and self.opens(given.strip())


class Guarded:
    """Lets through what the guard allows, and puts the headers on every answer."""

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        self.app, self.guard = app, guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        session = self.guard.session(request)
        fresh = None
        if session is None and self.guard.key is None:
            session = fresh = self.guard.new_session()
        scope.setdefault("state", {})["session"] = session

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
                if fresh is not None:
                    headers.append("Set-Cookie", self.set_cookie(fresh))
            await send(message)

        refused = self._refusal(request, session)
        await (refused or self.app)(scope, receive, with_headers)

    def set_cookie(self, session: str) -> str:
        """The header that keeps a session in the browser until it closes."""
        return f"{self.guard.cookie}={session}; Path=/; HttpOnly; SameSite=Strict"

    def _refusal(self, request: Request, session: str | None) -> Response | None:
        if not self.guard.knows_host(request):
            host = request.headers.get("host", "")
            return PlainTextResponse(
                f"This server answers to names of this machine, not to {host!r}: "
                "open it as http://127.0.0.1, or start it with --host and a key.\n",
                421,
            )
        path = request.url.path
        if not path.startswith(OPEN_PATHS) and not self.guard.may_see(request, session):
            if path.endswith(".json"):
                return PlainTextResponse(
                    "The key is missing: send Authorization: Bearer KEY.\n", 401
                )
            return RedirectResponse("/key", 303)
        if request.method not in ("GET", "HEAD") and not _same_origin(request):
            return PlainTextResponse("This request comes from another page.\n", 403)
        return None


def _same_origin(request: Request) -> bool:
    """What the browser says of where a form stands. Absent headers leave it to the token."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host", "")


async def posted(request: Request, guard: Guard) -> dict[str, str]:
    """The fields of a form that one of our own pages sent, a line each where several were ticked.

    Raises `UserError`.
    """
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BODY:
            raise UserError(f"The form is larger than {MOST_BODY:,} bytes: it was not read")
    fields: dict[str, Any] = {}
    for name, value in parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True):
        fields[name] = f"{fields[name]}\n{value}" if name in fields else value
    session = request.scope["state"].get("session")
    given = fields.pop(TOKEN, "")
    if session is None or not hmac.compare_digest(
        str(given).encode(), guard.token(session).encode()
    ):
        raise Forged(
            "This form is not from a page of this server as it runs now: load the page again and "
            "send it once more"
        )
    return fields


class Forged(UserError):
    """A form without the token of its session."""
