"""Handshakes with the endpoints of a climb, before anything is spent on them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from rung.decide.ladder import Planned, said_of_encoder, too_long, unlearnt
from rung.decide.usage import expected_cost
from rung.economics.idle import idle
from rung.errors import ProviderError, UserError
from rung.models.base import ChatModel, paid_aside
from rung.models.handshake import PROBE, KnownEndpoints, shake
from rung.models.openai_compatible import OpenAICompatible
from rung.models.span_fields import SPANS, said_of_fields
from rung.records import Usage

if TYPE_CHECKING:
    from rung.climbing.tools import Tools


def how_asked(known: KnownEndpoints, model: ChatModel) -> str:
    """How a model is asked, where that is not as others are; a local one knows itself."""
    handshake = known.of(model)
    if handshake is not None:
        return handshake.said()
    from rung.models.local.engine import LocalModel

    return model.said() if isinstance(model, LocalModel) else ""


def heard_of(tools: Tools, names: Sequence[str], rungs: Sequence[Planned]) -> list[str]:
    """What models will not have as far as is known, and which prices nothing that the task allows
    is paid by, a note each."""
    task, options, prices = tools.task, tools.options, tools.prices
    asked = {name: how_asked(tools.known_endpoints, tools.raw(name)) for name in names}
    tried = () if options.candidates else task.models.to_try
    windows = ((name, tools.raw(name).context_window) for name in tried)
    every = () if options.only else rungs
    return [
        *(f"{name} is asked so: {how}." for name, how in asked.items() if how),
        *(note for name, window in windows if (note := too_long(task, name, window))),
        *(() if options.candidates else unlearnt(task)),
        *(said_of_encoder(task, [r.candidate for r in rungs]) if tools.tunes_embedder else ()),
        *(said_of_fields(task) if any(r.candidate.model == SPANS for r in rungs) else ()),
        *idle([expected_cost(task, r.candidate, r.calls, prices) for r in every], prices),
    ]


async def shake_hands(
    tools: Tools, names: Iterable[str], note: Callable[[str], None]
) -> dict[str, str]:
    """Ask every endpoint that little is known of; why each one that cannot be asked cannot be.

    What the answers cost is booked. Within a budget that does not cover them nothing is asked.
    """
    phrases = await asyncio.gather(*(_shaken(tools, name, note) for name in dict.fromkeys(names)))
    return {name: why for name, why in phrases if why is not None}


async def _shaken(tools: Tools, name: str, note: Callable[[str], None]) -> tuple[str, str | None]:
    try:
        model = tools.raw(name)
    except UserError:
        return name, None  # the plan says so
    if not isinstance(model, OpenAICompatible):
        return name, None
    model.note = note
    budget, known = tools.budget, tools.known_endpoints.of(model)
    prompt = model.count_tokens(PROBE.messages)
    dearest = tools.price(Usage(input_tokens=prompt, output_tokens=PROBE.max_tokens), name)
    covered = budget.limit is None or budget.spent + budget.reserved + dearest <= budget.limit
    if (known is not None and known.is_young()) or not covered:
        return name, None
    budget.reserve(dearest)
    cost = Decimal(0)
    try:
        handshake, usage = await shake(model, tools.task.climb.temperature)
        cost = tools.price(usage, name)
        tools.counter.made += 1
    except ProviderError as error:
        tools.known_endpoints.adopt(model)
        if error.asks_nothing_more:
            return name, str(error)
        note(f"{error}; asking on")
        return name, None
    finally:
        cost += sum((tools.price(used, name) for used in paid_aside(model)), Decimal(0))
        budget.settle(dearest, cost)
    if known is not None and handshake.at_first == known.at_first:
        # Nothing has changed since: what other requests have shown still counts.
        handshake = handshake.model_copy(update={"dialect": known.dialect})
    tools.known_endpoints.keep(model, handshake)
    tools.known_endpoints.adopt(model)
    tools.chat(name).refresh()
    return name, None
