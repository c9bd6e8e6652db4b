"""A client that does not read, and one that does not write, hold a connection only so long."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
import uvicorn

from rung.serve import patience
from rung.serve.run import listening

BIG = b"x" * 2**24


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Sends more than any buffer holds."""
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(4):
        await send({"type": "http.response.body", "body": BIG, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "UNREAD_S", 0.2)
    monkeypatch.setattr(patience, "HEAD_S", 0.2)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n", b"GET / HT", b""])
async def test_it_is_dropped(data: bytes) -> None:
    with listening("127.0.0.1", 0) as door:
        config = uvicorn.Config(
            application, http=patience.PatientProtocol, ws="none", lifespan="off", log_config=None
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve([door]))
        while not server.started:
            await asyncio.sleep(0.01)
        client = socket.create_connection(door.getsockname())
        client.sendall(data)
        for _ in range(300):
            await asyncio.sleep(0.01)
            if server.server_state.connections:
                break
        for _ in range(300):
            await asyncio.sleep(0.01)
            if not server.server_state.connections:
                break
        assert not server.server_state.connections
        client.close()
        server.should_exit = True
        await serving


async def test_one_that_reads_slowly_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "UNREAD_S", 2.0)
    with listening("127.0.0.1", 0) as door:
        config = uvicorn.Config(
            application, http=patience.PatientProtocol, ws="none", lifespan="off", log_config=None
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve([door]))
        while not server.started:
            await asyncio.sleep(0.01)
        reader, writer = await asyncio.open_connection(*door.getsockname())
        writer.write(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        got = 0
        while part := await reader.read(2**22):
            got += len(part)
            await asyncio.sleep(0.001)
        assert got > 4 * len(BIG)
        writer.close()
        server.should_exit = True
        await serving
