"""Handshakes with the endpoints of a climb, kept in the project folder so that none is repeated."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from rung.errors import ProviderError, UserError
from rung.models.base import ChatModel
from rung.models.handshake import PROBE, Handshake, adopt, shake
from rung.models.openai_compatible import OpenAICompatible
from rung.project import write_whole
from rung.records import Usage

if TYPE_CHECKING:
    from rung.climbing.tools import Tools

ENDPOINTS_FILE = "endpoints.json"


class Handshakes:
    """What is known of endpoints, by address and model."""

    def __init__(self, folder: Path, *earlier: Path) -> None:
        """Kept in `folder`; what it does not know is looked up in the `earlier` ones."""
        self._path = folder / ENDPOINTS_FILE
        self._known: dict[str, Handshake] = {}
        for place in (*reversed(earlier), folder):
            self._known |= _read(place / ENDPOINTS_FILE)

    def of(self, model: ChatModel) -> Handshake | None:
        """What is known of a model's endpoint."""
        return self._known.get(_key(model)) if isinstance(model, OpenAICompatible) else None

    def said(self, model: ChatModel) -> str:
        """How a model is asked, where that is not as others are; a local one knows itself."""
        known = self.of(model)
        if known is not None:
            return known.said()
        from rung.models.local.engine import LocalModel

        return model.said() if isinstance(model, LocalModel) else ""

    def adopt(self, model: ChatModel) -> None:
        """Have a model speak as it is known to be understood."""
        known = self.of(model)
        if known is not None and isinstance(model, OpenAICompatible):
            adopt(model, known)

    def keep(self, model: OpenAICompatible, found: Handshake) -> None:
        """Write down what an endpoint said."""
        if self._known.get(_key(model)) != found:
            self._known[_key(model)] = found
            plain = {key: one.model_dump(mode="json") for key, one in self._known.items()}
            write_whole(self._path, json.dumps(plain, indent=1, sort_keys=True) + "\n")

    def keep_dialect(self, model: ChatModel) -> None:
        """Write down what an endpoint has shown since."""
        known = self.of(model)
        if known is not None and isinstance(model, OpenAICompatible):
            self.keep(model, known.model_copy(update={"dialect": model.dialect}))


async def shake_hands(
    tools: Tools, names: Iterable[str], note: Callable[[str], None]
) -> dict[str, str]:
    """Ask every endpoint that nothing is known of; why each one that cannot be asked cannot be.

    What the answers cost is booked. Within a budget that does not cover them nothing is asked.
    """
    found = await asyncio.gather(*(_shaken(tools, name, note) for name in dict.fromkeys(names)))
    return {name: why for name, why in found if why is not None}


async def _shaken(tools: Tools, name: str, note: Callable[[str], None]) -> tuple[str, str | None]:
    try:
        model = tools.raw(name)
    except UserError:
        return name, None  # the plan says so
    if not isinstance(model, OpenAICompatible):
        return name, None
    model.note = note
    budget, known = tools.budget, tools.handshakes.of(model)
    prompt = model.count_tokens(PROBE.messages)
    dearest = tools.price(Usage(input_tokens=prompt, output_tokens=PROBE.max_tokens), name)
    covered = budget.limit is None or budget.spent + budget.reserved + dearest <= budget.limit
    if known is not None or not covered:
        return name, None
    budget.reserve(dearest)
    cost = Decimal(0)
    try:
        known, usage = await shake(model, tools.task.climb.temperature)
        cost = tools.price(usage, name)
        tools.counter.made += 1
    except ProviderError as error:
        if error.asks_nothing_more:
            return name, str(error)
        note(f"{error}; asking on")
        return name, None
    finally:
        budget.settle(dearest, cost)
    tools.handshakes.keep(model, known)
    tools.chat(name).refresh()
    return name, None


def _key(model: OpenAICompatible) -> str:
    return f"{model.endpoint.place}#{model.endpoint.model}"


def _read(path: Path) -> dict[str, Handshake]:
    """What was kept; nothing where it cannot be read, since it can be asked again."""
    try:
        plain = json.loads(path.read_text())
        return {key: Handshake.model_validate(one) for key, one in plain.items()}
    except (OSError, ValueError, ValidationError, AttributeError):
        return {}
