"""The strongest local model, asked in words which candidate to take: it measures nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from rung.models.base import ChatRequest, Message
from rung.models.registry import open_model
from truth_parts.replay import Said
from truth_parts.tables import Table

MODEL = "local/smollm2-135m-instruct"
"""The one chat model that comes with Rung; name a stronger local one here where there is one."""
NAME = f"{MODEL}, asked in words"


def question(table: Table, target: float) -> str:
    """The task, its candidates with what a month costs, and the target, in plain words."""
    lines = [
        f"{place}. {candidate.technique} with {candidate.model}, ${usd:.2f} a month"
        for place, (candidate, usd) in enumerate(
            zip(table.candidates, table.monthly_usd, strict=True), start=1
        )
    ]
    return (
        f"The task is {table.name}. At least {target:.0%} of its answers must be right. Which is "
        "the cheapest of these that suffices? Answer with its number alone, or 0 where none does.\n"
        + "\n".join(lines)
    )


def read(text: str, candidates: int) -> Said:
    """What a chosen number says; what is no number of a candidate tells nothing."""
    number = int(text) if text.strip().isdecimal() else -1
    if number == 0:
        return Said("insufficient")
    return Said("sufficient", number - 1) if 0 < number <= candidates else Said("undecided")


def answers(table: Table, targets: Mapping[str, Iterable[float]]) -> dict[float, Said]:
    """What it says at each target. Asks once a target: it sees no rows."""
    return asyncio.run(_answers(table, sorted({t for some in targets.values() for t in some})))


async def _answers(table: Table, targets: list[float]) -> dict[float, Said]:
    model = open_model(MODEL, None)
    numbers = tuple(str(number) for number in range(len(table.candidates) + 1))
    try:
        found = {}
        for target in targets:
            asked = Message(role="user", content=question(table, target))
            reply = await model.reply(ChatRequest(messages=(asked,), choices=numbers))
            found[target] = read(reply.text, len(table.candidates))
        return found
    finally:
        await model.aclose()
