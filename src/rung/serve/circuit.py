"""What servers know together of a model that is away."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor

from rung.errors import StoreError
from rung.serve.limits import SHARED_REST_S, SHARED_WAIT_S
from rung.solver import CircuitBreaker
from rung.traffic.store import TrafficStore

log = logging.getLogger("rung.serve")
LOOK_S = 1.0
"""How often a server tells the others what it found, and hears of what they did."""


async def share(breaker: CircuitBreaker, store: TrafficStore, model: str) -> None:
    """Rest with all servers that keep their log in one PostgreSQL, until cancelled.

    One statement each time. While the database is away each server goes by what it finds itself.
    """
    threads, away = ThreadPoolExecutor(1, "rung-circuit"), False
    loop = asyncio.get_running_loop()
    while True:
        over = breaker.recovered
        asked = loop.run_in_executor(threads, store.rest, f"circuit {model}", breaker.found, over)
        try:
            left = await asyncio.wait_for(asked, SHARED_WAIT_S)
        except (StoreError, TimeoutError) as error:
            if not away:
                log.error("each server finds out by itself who is away: %s", error or "no answer")
            away = True
            await asyncio.sleep(SHARED_REST_S)
            continue
        away, breaker.recovered = False, breaker.recovered and not over
        breaker.told(left)
        await asyncio.sleep(LOOK_S)
