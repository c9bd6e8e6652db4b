"""A chat model whose every call is looked up, paid for out of a budget, and kept.

The budget is checked before a call is made: the dearest that the call can become is set aside,
and what it did not use is given back. Equal calls in flight at once are made once.
"""

import asyncio
from collections.abc import Callable
from decimal import Decimal

from rung.measure.budget import Budget
from rung.measure.cache import Cache
from rung.models.base import (
    ChatModel,
    ChatReply,
    ChatRequest,
    Message,
    paid_aside,
    parameters,
    thinks,
)
from rung.models.local.machine import on_device
from rung.models.replies import UnreadableReply
from rung.records import Usage

Price = Callable[[Usage], Decimal]


class Counter:
    """Calls of this invocation."""

    def __init__(self) -> None:
        self.made = 0
        self.cached = 0


class MeteredModel:
    """Wraps any `ChatModel`; same contract."""

    def __init__(
        self,
        inner: ChatModel,
        cache: Cache,
        budget: Budget,
        price: Price,
        counter: Counter,
        seconds_per_token: float = 0.0,
    ) -> None:
        """`seconds_per_token` is the pace that a budget reckons with until a call shows a slower
        one: without it the first calls of a model priced by its time would all seem free."""
        self.inner = inner
        self.name = inner.name
        self.refresh()
        self.constrains, self.trains = inner.constrains, inner.trains
        self.parameters = parameters(inner)
        self._cache, self._budget, self._price, self._counter = cache, budget, price, counter
        self._in_flight: dict[str, asyncio.Future[ChatReply]] = {}
        self._seconds_per_token = seconds_per_token
        self.fresh = False
        """While set, every call is made anew, within the budget: for timing."""

    def refresh(self) -> None:
        """Take over what an endpoint has shown meanwhile."""
        self.identity, self.context_window = self.inner.identity, self.inner.context_window
        self.thinks = thinks(self.inner)

    async def reply(self, request: ChatRequest) -> ChatReply:
        """The cached reply, or a new one that is cached before it is returned.

        An answer is kept under what the endpoint is known to be when it is there: what was asked
        in another dialect is another answer.
        """
        self.refresh()
        if self.fresh:
            return await self._ask(request)
        key = request.cache_key(self.identity)
        known = self._cache.get(key)
        if known is not None:
            self._counter.cached += 1
            return known
        if key in self._in_flight:
            return await asyncio.shield(self._in_flight[key])
        future: asyncio.Future[ChatReply] = asyncio.get_running_loop().create_future()
        self._in_flight[key] = future
        try:
            async with self._cache.turn(key) as reply:
                if reply is not None:
                    self._counter.cached += 1
                else:
                    reply = await self._ask(request)
                    self.refresh()
                    self._cache.put(request.cache_key(self.identity), self.name, reply)
        except BaseException as error:
            if not isinstance(error, Exception):
                future.cancel()
            else:
                future.set_exception(error)
                future.exception()  # marked as seen: nobody else may be waiting
            raise
        else:
            future.set_result(reply)
            return reply
        finally:
            del self._in_flight[key]

    async def _ask(self, request: ChatRequest) -> ChatReply:
        dearest = self._dearest(request)
        await self._budget.set_aside(dearest)
        cost = Decimal(0)
        try:
            reply = await self.inner.reply(request)
            cost = self._price(reply.usage)
            tokens = reply.usage.input_tokens + reply.usage.output_tokens
            if tokens:
                self._seconds_per_token = max(
                    self._seconds_per_token, reply.usage.computed / tokens
                )
            self._counter.made += 1
            return reply
        except UnreadableReply as error:  # thrown away, but paid for
            cost = self._price(error.usage)
            self._counter.made += 1
            raise
        finally:
            aside = sum(map(self._price, paid_aside(self.inner)), Decimal(0))
            self._budget.settle(dearest, cost + aside)

    def _dearest(self, request: ChatRequest) -> Decimal:
        """What the call costs if it writes all it may, at the slowest pace seen so far."""
        if self._budget.limit is None:
            return Decimal(0)
        prompt = self.inner.count_tokens(request.messages)
        pace = (prompt + request.max_tokens) * self._seconds_per_token
        return self._price(
            on_device(pace) + Usage(input_tokens=prompt, output_tokens=request.max_tokens)
        )

    def count_tokens(self, messages: tuple[Message, ...]) -> int:
        """As the inner model counts."""
        return self.inner.count_tokens(messages)

    async def aclose(self) -> None:
        """Close the inner model."""
        await self.inner.aclose()
