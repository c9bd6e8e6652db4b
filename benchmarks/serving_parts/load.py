"""An open-loop load generator: so many requests a second, whether or not answers come.

    python benchmarks/serving_parts/load.py URL MODEL KEY RATE SECONDS

Latency counts from the moment a request was due, so a server that falls behind cannot hide it
(no coordinated omission). Prints one JSON object: milliseconds of every answer, and the failures.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections import Counter
from urllib.parse import urlsplit

MESSAGE = (
    "A question about the tree behind the house: its bark is white and peels in thin layers, its "
    "leaves are small and toothed. Which one is it?"
)
TIMEOUT_S = 10.0


class Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request on it."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.waiting: asyncio.Future[int] | None = None
        self.open = True

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport

    def ask(self, request: bytes) -> asyncio.Future[int]:
        """The status of the answer, when it is whole."""
        self.waiting = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self.waiting

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self.buffer[:end]).lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0])
        if len(self.buffer) < end + 4 + length:
            return
        if b"connection: close" in head:
            self.open = False
        self.buffer.clear()
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_result(int(head[9:12]))

    def connection_lost(self, error: Exception | None) -> None:
        self.open = False
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_exception(error or ConnectionError("closed"))


class Load:
    """Requests to one place, over as many connections as it takes."""

    def __init__(self, url: str, model: str, key: str) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "127.0.0.1", parts.port or 80
        body = {"model": model, "messages": [{"role": "user", "content": MESSAGE}]}
        data = json.dumps(body).encode()
        self.request = (
            f"POST {parts.path}/chat/completions HTTP/1.1\r\nhost: {parts.netloc}\r\n"
            f"content-type: application/json\r\nauthorization: Bearer {key}\r\n"
            f"content-length: {len(data)}\r\n\r\n"
        ).encode() + data
        self.idle: list[Connection] = []
        self.milliseconds: list[float] = []
        self.failures: Counter[str] = Counter()

    async def run(self, rate: float, seconds: float, seed: int) -> None:
        """Poisson arrivals, as independent clients make them."""
        dice, tasks = random.Random(seed), []
        started = time.perf_counter()
        due = started
        while due < started + seconds:
            delay = due - time.perf_counter()
            if delay > 0:
                await asyncio.sleep(delay)
            tasks.append(asyncio.create_task(self.one(due)))
            due += dice.expovariate(rate)
        await asyncio.wait(tasks, timeout=TIMEOUT_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def one(self, due: float) -> None:
        """One request, timed from when it was due."""
        connection: Connection | None = None
        try:
            async with asyncio.timeout(TIMEOUT_S):
                connection = await self.connection()
                status = await connection.ask(self.request)
        except TimeoutError:
            self.failures["timeout"] += 1
        except OSError as error:
            self.failures[type(error).__name__] += 1
        else:
            if status == 200:
                self.milliseconds.append((time.perf_counter() - due) * 1000)
            else:
                self.failures[str(status)] += 1
            if connection.open:
                self.idle.append(connection)

    async def connection(self) -> Connection:
        while self.idle:
            found = self.idle.pop()
            if found.open:
                return found
        loop = asyncio.get_running_loop()
        _, made = await loop.create_connection(Connection, self.host, self.port)
        return made


async def main(url: str, model: str, key: str, rate: float, seconds: float) -> None:
    load = Load(url, model, key)
    await load.run(rate, seconds, seed=6)
    print(json.dumps({"milliseconds": load.milliseconds, "failures": dict(load.failures)}))


if __name__ == "__main__":
    import uvloop

    url, model, key, rate, seconds = sys.argv[1:]
    uvloop.run(main(url, model, key, float(rate), float(seconds)))
