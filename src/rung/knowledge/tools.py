"""Tools that are asked for live knowledge: an address, or a server of the Model Context Protocol.

Only the address that the task names is asked: no redirect is followed, and arguments are data of
the request, never a part of where it goes. What a tool says is one line of data, cut where it is
long; nothing of it is carried out.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from ssl import SSLContext
from typing import Any, Protocol
from urllib.parse import urlsplit

from pydantic import AliasChoices, BaseModel, Field, FiniteFloat

from rung.errors import MissingExtraError, SourceError, UserError
from rung.models.base import Offer
from rung.models.cross_encoder import CrossEncoder
from rung.records import Passage, Step
from rung.task.endpoints import from_environment
from rung.task.tools import ToolSettings
from rung.task.types import Frozen, JsonValue

ARGUMENTS_AT_FAULT = frozenset({400, 404, 409, 410, 422})
"""What a server says to these is an answer about the arguments; any other failure is its own."""
MOST_BYTES = 1_000_000


class ToolResult(Frozen):
    """What a tool said, and when."""

    text: str
    at: str
    """ISO 8601, UTC."""
    seconds: float
    usd: float = 0.0

    def passage(self, name: str) -> Passage:
        """As a model reads it: with its source and its time."""
        return Passage(document_id=name, title=f"{name}, {self.at}", text=self.text)

    def step(self, name: str, arguments: str) -> Step:
        """As it is kept with an answer."""
        facts = {"at": self.at, "seconds": self.seconds, "usd": self.usd}
        return Step(name=name, given=arguments, got=self.text, **facts)


class _Scored(BaseModel):
    index: int
    relevance_score: FiniteFloat = Field(validation_alias=AliasChoices("relevance_score", "score"))


class _Reranked(BaseModel):
    results: tuple[_Scored, ...]


class Tool(Protocol):
    """One tool. Called many times at once."""

    settings: ToolSettings

    async def call(self, arguments: Mapping[str, JsonValue]) -> ToolResult:
        """What it says. Raises `SourceError` where it says nothing."""
        ...


class LiveTool:
    """Asks each time. A command is started in `folder`: that of the task, or the present one."""

    def __init__(self, settings: ToolSettings, folder: Path | None = None) -> None:
        self.settings, self._folder = settings, folder
        asks: dict[str, Callable[[Mapping[str, JsonValue]], Awaitable[str]]] = {
            "http": self._over_http,
            "mcp": self._over_mcp,
            "rerank": self._reranked,
            "tei": self._reranked,
        }
        self._ask = asks[settings.protocol]

    async def call(self, arguments: Mapping[str, JsonValue]) -> ToolResult:
        """See `Tool`."""
        own = self.settings
        at, started = datetime.now(UTC), time.perf_counter()
        try:
            async with asyncio.timeout(own.timeout_s):
                answer = await self._ask(arguments)
        except TimeoutError:
            raise SourceError(
                f"the tool {own.name!r} gave no answer within {own.timeout_s:g} s: raise its "
                "timeout_s, or mend it; nothing was scored"
            ) from None
        line = " ".join("".join(c if c.isprintable() else " " for c in answer).split())
        whole = len(line) <= own.max_chars or not own.informs
        return ToolResult(
            text=line if whole else line[: own.max_chars] + " …",
            at=at.isoformat(timespec="seconds"),
            seconds=time.perf_counter() - started,
            usd=own.usd_per_call,
        )

    def _headers(self) -> dict[str, str]:
        return from_environment(self.settings.headers, f"the tool {self.settings.name!r}: header")

    async def _over_http(self, arguments: Mapping[str, JsonValue]) -> str:
        status, body = await self._posted(arguments)
        if status in ARGUMENTS_AT_FAULT:
            return f"error {status}: {_text(body)}"
        self._refuse(status)
        return _text(body)

    async def _reranked(self, arguments: Mapping[str, JsonValue]) -> str:
        """`[[index, score], …]` as JSON, best first, of all the documents; equal ones in order."""
        documents, sent = arguments["documents"], arguments
        if self.settings.protocol == "tei":
            sent = {"query": arguments["query"], "texts": documents, "truncate": True}
        status, body = await self._posted(sent)
        self._refuse(status)
        if self.settings.protocol == "tei":
            body = b'{"results": ' + body + b"}"
        try:
            results = _Reranked.model_validate_json(body).results
        except ValueError:
            results = ()
        assert isinstance(documents, list)
        if sorted(one.index for one in results) != list(range(len(documents))):
            raise self._failed(f"did not rank the {len(documents)} passages that it was sent")
        return _ordered((one.index, one.relevance_score) for one in results)

    def _refuse(self, status: int) -> None:
        if not 200 <= status < 300:
            raise self._failed(f"answered with status {status}", outage=status in (401, 403))

    async def _posted(self, arguments: Mapping[str, JsonValue]) -> tuple[int, bytes]:
        import httpx2

        own, headers = self.settings, self._headers()
        assert own.url is not None
        try:
            async with (
                httpx2.AsyncClient(verify=_trusted(), timeout=own.timeout_s) as client,
                client.stream("POST", own.url, json=dict(arguments), headers=headers) as came,
            ):
                body = b""
                async for part in came.aiter_bytes():
                    body += part
                    if len(body) > MOST_BYTES:
                        break
        except httpx2.ConnectError as error:
            raise self._failed(f"cannot be reached ({error})", outage=True) from None
        except httpx2.HTTPError as error:
            raise self._failed(f"failed ({type(error).__name__})") from None
        return came.status_code, body

    async def _over_mcp(self, arguments: Mapping[str, JsonValue]) -> str:
        import httpx2

        try:
            from mcp import Client, MCPError, StdioServerParameters
            from mcp.client.streamable_http import streamable_http_client
        except ImportError:
            raise MissingExtraError("a tool that speaks MCP", "mcp") from None
        own, headers = self.settings, self._headers()
        try:
            async with AsyncExitStack() as stack:
                server: Any
                if own.command is not None:
                    head, *rest = own.command
                    server = StdioServerParameters(command=head, args=rest, cwd=self._folder)
                else:
                    assert own.url is not None
                    made = httpx2.AsyncClient(
                        verify=_trusted(), headers=headers, timeout=own.timeout_s
                    )
                    http = await stack.enter_async_context(made)
                    server = streamable_http_client(own.url, http_client=http)
                client = await stack.enter_async_context(Client(server))
                result = await client.call_tool(own.name, dict(arguments))
        except MCPError as error:
            raise self._failed(f"refused the call ({str(error)[:200]})") from None
        except (OSError, ExceptionGroup, RuntimeError) as error:
            raise self._failed(f"cannot be reached ({type(error).__name__})", outage=True) from None
        if result.structured_content is not None:
            answer = json.dumps(result.structured_content, ensure_ascii=False)
        else:
            answer = " ".join(getattr(part, "text", "") for part in result.content)
        return f"error: {answer}" if result.is_error else answer

    def _failed(self, how: str, *, outage: bool = False) -> SourceError:
        own = self.settings
        place = urlsplit(own.url).netloc if own.url is not None else (own.command or ("",))[0]
        return SourceError(
            f"the tool {own.name!r} at {place} {how}: mend it, or take it out of [[tools]]; "
            "nothing was scored",
            outage=outage,
        )


class CrossEncoded:
    """A reranker in a folder of this machine, relative to `folder`. It has no time-out."""

    def __init__(self, settings: ToolSettings, folder: Path | None = None) -> None:
        self._encoder = CrossEncoder((folder or Path()) / Path(settings.model).expanduser())
        if settings.digest not in ("", self._encoder.identity):
            raise UserError(
                f"the cross-encoder in {settings.model!r} is not the one that was measured: put "
                "that one back, or climb again"
            )
        self.settings = settings.model_copy(update={"digest": self._encoder.identity})

    async def call(self, arguments: Mapping[str, JsonValue]) -> ToolResult:
        """Orders `documents` for `query`, as a `rerank` endpoint does."""
        at, documents = datetime.now(UTC), arguments["documents"]
        assert isinstance(documents, list)
        scores, seconds = await self._encoder.scores(
            str(arguments["query"]), [str(text) for text in documents]
        )
        return ToolResult(
            text=_ordered(enumerate(scores)),
            at=at.isoformat(timespec="seconds"),
            seconds=seconds,
            usd=self.settings.usd_per_call,
        )


def open_tool(settings: ToolSettings, folder: Path | None = None) -> Tool:
    """The tool of these settings; what it names beside an address lies in `folder`.

    Raises `UserError` where a cross-encoder is not there, or not the one that was measured.
    """
    kind = CrossEncoded if settings.protocol == "cross-encoder" else LiveTool
    return kind(settings, folder)


def _ordered(scored: Iterable[tuple[int, float]]) -> str:
    """`[[index, score], …]` as JSON, best first; equal ones in order."""
    return json.dumps(sorted(scored, key=lambda one: (-one[1], one[0])))


@cache
def _trusted() -> SSLContext:
    """Made once: it takes longer than most calls."""
    import httpx2

    return httpx2.create_ssl_context()


def offer(settings: ToolSettings) -> Offer:
    """As a model is told of it."""
    return Offer(
        name=settings.name, description=settings.description, json_schema=settings.input_schema
    )


def _text(body: bytes) -> str:
    """JSON without its line breaks, any other text as it is."""
    text = body.decode("utf-8", "replace")
    try:
        return json.dumps(json.loads(text), ensure_ascii=False)
    except (ValueError, RecursionError):
        return text
