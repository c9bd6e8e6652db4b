"""What a climb may spend: money is set aside before a call, and settled after it."""

import asyncio
from decimal import Decimal

from rung.errors import BudgetExceeded
from rung.money import usd


class Budget:
    """USD that may still be spent. `limit` None means no limit."""

    def __init__(self, limit: Decimal | None, spent: Decimal = Decimal(0)) -> None:
        self.limit = limit
        self.spent = spent
        self.reserved = Decimal(0)
        self._waiting: list[asyncio.Future[None]] = []

    async def set_aside(self, dearest: Decimal) -> None:
        """As `reserve`, but where only calls in flight stand in the way, wait for what they leave:
        most cost far less than they may."""
        while (
            self.limit is not None
            and self.spent + dearest <= self.limit < self.spent + self.reserved + dearest
        ):
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            await turn
        self.reserve(dearest)

    def reserve(self, dearest: Decimal) -> None:
        """Set money aside; raises `BudgetExceeded` when it would not be covered."""
        if self.limit is not None and self.spent + self.reserved + dearest > self.limit:
            raise BudgetExceeded(
                f"the next call could cost {usd(dearest)}, but {usd(self.spent)} of the budget "
                f"of {usd(self.limit)} is spent: raise --budget and run again; answered calls are "
                "kept"
            )
        self.reserved += dearest

    def settle(self, reserved: Decimal, cost: Decimal) -> None:
        """Turn what was set aside into what it cost."""
        self.reserved -= reserved
        self.spent += cost
        for turn in self._waiting:
            if not turn.done():
                turn.set_result(None)
        self._waiting.clear()
