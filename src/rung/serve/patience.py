"""An HTTP/1.1 protocol for uvicorn that does not wait for ever, nor read heads without end.

uvicorn limits neither how long a request's head may take, nor its size, nor how long a client may
leave a response unread. Bodies are the guard's work.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

HEAD_S = 10.0
"""For the head of a request, from its first byte or the connection on."""
MOST_HEAD = 64 * 1024
"""Bytes of a head."""
UNREAD_S = 30.0
"""For a client to go on reading a response that fills the buffers."""


class Arrival:
    """What a connection knows of a request and the application cannot see; in `scope["state"]`
    under `arrival`."""

    def __init__(self, connections: int, cycle: RequestResponseCycle) -> None:
        self.connections, self._cycle = connections, cycle

    def whole(self) -> bool:
        """All of the body is here: the connection can go on though nobody reads it."""
        return not self._cycle.more_body


class PatientProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._head_size = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a head."""
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Count what comes before a head is whole."""
        if self._head is None and (self.cycle is None or self.cycle.response_complete):
            self._await_head()
        if self._head is not None:
            self._head_size += len(data)
        super().data_received(data)
        if self._head is not None and self._head_size > MOST_HEAD:
            self.transport.abort()

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._have_head()
        super().on_headers_complete()
        self.scope["state"]["arrival"] = Arrival(len(self.connections), self.cycle)

    def pause_writing(self) -> None:
        """The client does not read."""
        super().pause_writing()
        self._unread = self.loop.call_later(UNREAD_S, self.transport.abort)

    def resume_writing(self) -> None:
        """It does again."""
        self._is_read()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more to wait for."""
        self._have_head()
        self._is_read()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        self._head_size = 0
        self._head = self.loop.call_later(HEAD_S, self.transport.abort)

    def _have_head(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _is_read(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
