"""Tools as a climb asks them: what they said once is said to every candidate after.

Live answers differ from day to day. Replayed, every candidate reads the same, a climb can be
repeated, and its tests compare like with like; what is measured holds for the day of the recording.
"""

import asyncio
from collections.abc import Mapping
from decimal import Decimal

from rung.knowledge.tools import Tool, ToolResult
from rung.measure.budget import Budget
from rung.measure.cache import Cache
from rung.task.types import JsonValue, digest


class RecordedTool:
    """A tool whose answers are kept by name, place, protocol and arguments."""

    def __init__(self, live: Tool, cache: Cache, budget: Budget) -> None:
        self.settings = live.settings
        self._live, self._cache, self._budget = live, cache, budget
        self._slots = asyncio.Semaphore(live.settings.in_flight)
        self._turns: dict[str, asyncio.Lock] = {}

    async def call(self, arguments: Mapping[str, JsonValue]) -> ToolResult:
        """As it was said before; asked, paid for out of the budget and kept where it never was."""
        own = self.settings
        # Never headers, which are secrets: one that changes what is said is another tool, by name.
        spoken = (
            [] if own.protocol == "http" else [own.protocol, own.model, *filter(None, [own.digest])]
        )
        key = digest([own.name, own.url, own.command, own.max_chars, dict(arguments), *spoken])
        async with self._turns.setdefault(key, asyncio.Lock()):
            known = self._cache.said(key)
            if known is not None:
                return ToolResult.model_validate_json(known)
            price = Decimal(str(self.settings.usd_per_call))
            await self._budget.set_aside(price)
            spent = Decimal(0)
            try:
                async with self._slots:
                    result = await self._live.call(arguments)
                spent = price
            finally:
                self._budget.settle(price, spent)
            self._cache.keep_said(key, self.settings.name, result.model_dump_json())
            # Another process may have asked at the same time: the first answer stays.
            return ToolResult.model_validate_json(self._cache.said(key) or result.model_dump_json())
