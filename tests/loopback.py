"""A real HTTP server on this machine, for the doubles of other people's servers."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType


class Handler(BaseHTTPRequestHandler):
    """One call; silent on standard error."""

    protocol_version = "HTTP/1.1"

    def body(self) -> bytes:
        """What was sent."""
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def say(
        self, data: bytes, status: int = 200, headers: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """Answer, as JSON unless `headers` say otherwise. Whoever asked may be gone."""
        said = {"content-type": "application/json", "content-length": str(len(data)), **headers}
        with suppress(OSError):
            self.send_response(status)
            for key, value in said.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def listening(handler: type[Handler]) -> Iterator[str]:
    """The address of a server on a free port, for as long as the block lasts."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
