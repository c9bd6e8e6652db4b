"""Many calls at once, for what is fitted on their results."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from rung.errors import BudgetExceeded

Made = TypeVar("Made")


async def all_of(calls: Sequence[Coroutine[Any, Any, Made]]) -> list[Made]:
    """All results in order. Where one fails, the others end with it; where the budget is out, what
    has begun is paid for and kept."""
    asked = [asyncio.create_task(call) for call in calls]
    try:
        return list(await asyncio.gather(*asked))
    except BaseException as error:
        if not isinstance(error, BudgetExceeded):
            for one in asked:
                one.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        raise
