"""The first words with an endpoint, before anything is spent on it: what it takes, what it is.

One question in the form of a labels task asks for everything at once; what is refused is found by
trying (`rung.models.dialect`). A window is asked of servers of one's own.
"""

import asyncio
import json
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import AwareDatetime, ValidationError

from rung.errors import ProviderError
from rung.models.base import ChatModel, ChatRequest, Message
from rung.models.dialect import Dialect
from rung.models.openai_compatible import OpenAICompatible
from rung.models.replies import UnreadableReply
from rung.project import write_whole
from rung.records import Usage
from rung.task.types import Frozen, JsonValue

ENDPOINTS_FILE = "endpoints.json"
MOST_AGE = timedelta(days=7)
"""A server that is older known is asked anew: it may take more by now."""


class Handshake(Frozen):
    """What one endpoint said."""

    dialect: Dialect
    """That it takes, as far as it has shown since."""
    window: int | None = None
    """Tokens, where the server says it."""
    thinks: bool = False
    """It thought before it answered, aloud or hidden."""
    seconds: float = 0.0
    """That the answer took."""
    at_first: Dialect | None = None
    """What the handshake itself had found."""
    at: AwareDatetime | None = None
    version: str | None = None
    """Of the interface, where the query names one (Azure's `api-version`)."""

    def said(self) -> str:
        """One phrase a reader should know; empty where the endpoint takes everything."""
        phrases = [*self.dialect.said(), *(["it thinks before it answers"] if self.thinks else [])]
        return "; ".join(phrases)

    def is_young(self, now: datetime | None = None) -> bool:
        """Whether it may still be relied on without asking."""
        return self.at is not None and (now or datetime.now(UTC)) - self.at < MOST_AGE


def adopt(model: OpenAICompatible, known: Handshake) -> None:
    """Speak to an endpoint as an earlier handshake found."""
    model.speak(known.dialect)
    model.thinks = known.thinks
    model.context_window = model.settings.context_window or known.window or model.context_window


class KnownEndpoints:
    """Handshakes by address and model."""

    def __init__(self, folder: Path, *earlier: Path, first: JsonValue = None) -> None:
        """Kept in `folder`; what it does not know is looked up in the `earlier` ones. `first` are
        some that count before all, as `plain` gives them."""
        self._path = folder / ENDPOINTS_FILE
        self._known: dict[str, Handshake] = {}
        for place in (*reversed(earlier), folder):
            self._known |= _read(_json(place / ENDPOINTS_FILE))
        self._known |= _read(first)

    def of(self, model: ChatModel) -> Handshake | None:
        """What is known of a model's endpoint, asked through the interface that it is set to."""
        if not isinstance(model, OpenAICompatible):
            return None
        known = self._known.get(_key(model))
        return known if known is not None and known.version == version_of(model) else None

    def adopt(self, model: ChatModel) -> None:
        """Have a model speak as it is known to be understood."""
        known = self.of(model)
        if known is not None and isinstance(model, OpenAICompatible):
            adopt(model, known)

    def keep(self, model: OpenAICompatible, handshake: Handshake) -> None:
        """Write down what an endpoint said."""
        if self._known.get(_key(model)) != handshake:
            self._known[_key(model)] = handshake
            self._write()

    def keep_dialect(self, model: ChatModel) -> None:
        """Write down what an endpoint has shown since; one that took nothing any more is asked
        anew by the next climb."""
        known = self.of(model)
        if known is None or not isinstance(model, OpenAICompatible):
            return
        if model.is_refused:
            del self._known[_key(model)]
            self._write()
        else:
            self.keep(model, known.model_copy(update={"dialect": model.dialect}))

    def plain(self, models: Iterable[ChatModel]) -> dict[str, JsonValue]:
        """What is known of some models, to be kept elsewhere."""
        kept = [(_key(m), self.of(m)) for m in models if isinstance(m, OpenAICompatible)]
        return {key: known.model_dump(mode="json") for key, known in kept if known is not None}

    def _write(self) -> None:
        plain = {key: one.model_dump(mode="json") for key, one in self._known.items()}
        write_whole(self._path, json.dumps(plain, indent=1, sort_keys=True) + "\n")


def version_of(model: OpenAICompatible) -> str | None:
    """The version that the query of its address names; another one may take other parameters."""
    query = {**dict(model.endpoint.query), **model.settings.query}
    return query.get("api-version")


def _key(model: OpenAICompatible) -> str:
    return f"{model.endpoint.place}#{model.endpoint.model}"


def _json(path: Path) -> JsonValue:
    try:
        content: JsonValue = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return content


def _read(plain: JsonValue) -> dict[str, Handshake]:
    """What was kept; nothing where it cannot be read, since it can be asked again."""
    try:
        return {key: Handshake.model_validate(one) for key, one in plain.items()}
    except (AttributeError, ValidationError):
        return {}


PROBE = ChatRequest(
    messages=(
        Message(role="system", content="Answer with one word."),
        Message(role="user", content="Is water wet?"),
    ),
    max_tokens=64,
    choices=("yes", "no"),
)
WINDOW_WAIT_S = 5.0


async def shake(model: OpenAICompatible, temperature: float = 0.0) -> tuple[Handshake, Usage]:
    """Ask an endpoint what it takes; `model` speaks so from then on. Also what the answer used.

    Everything is asked for anew, whatever the model was known to take.

    Raises `ProviderError` with the server's own words, an `outage` where it can be asked nothing.
    """
    probe = PROBE.model_copy(update={"temperature": temperature})
    model.speak_first()
    try:
        reply = await model.reply(probe)
    except UnreadableReply as error:
        raise ProviderError(str(error), outage=True) from None
    handshake = Handshake(
        dialect=model.dialect,
        at_first=model.dialect,
        at=datetime.now(UTC).replace(microsecond=0),
        version=version_of(model),
        window=await asked_window(model),
        # Cut before the first word of an answer of one word: hidden thoughts took the room.
        thinks=reply.thought or (reply.finish == "length" and not reply.text.strip()),
        seconds=round(reply.latency_s, 3),
    )
    adopt(model, handshake)
    return handshake, reply.usage


async def asked_window(model: OpenAICompatible) -> int | None:
    """Tokens that a server of one's own reads; None where it does not say, or a vendor's price
    list knows.

    vLLM, SGLang, LiteLLM, OpenRouter say it beside the model's name, llama.cpp under /props,
    Ollama among the loaded models, LM Studio in its own list.
    """
    if model.settings.context_window or model.endpoint.vendor.prices is not None:
        return None
    root = model.endpoint.base_url.removesuffix("/v1")
    pages = await asyncio.gather(
        _page(model, f"{root}/props"),
        _page(model, f"{root}/api/ps"),
        _page(model, f"{root}/api/v0/models"),
        _page(model, f"{model.endpoint.base_url}/models"),
    )
    props = pages[0].get("default_generation_settings")
    sizes = [props.get("n_ctx")] if isinstance(props, dict) else []
    keys = ("loaded_context_length", "max_model_len", "context_length", "context_window")
    for page in pages[1:]:
        ours = _ours(page.get("models") or page.get("data"), model.endpoint.model)
        sizes += [ours.get(key) for key in keys]
    return next((size for size in sizes if isinstance(size, int) and size > 0), None)


def _ours(listed: JsonValue, name: str) -> dict[str, Any]:
    """The entry of a model in a list of models; of the only one where none is called so."""
    entries = [e for e in listed if isinstance(e, dict)] if isinstance(listed, list) else []
    named = [e for e in entries if name in (e.get("id"), e.get("name"), e.get("model"))]
    return (named or (entries if len(entries) == 1 else [{}]))[0]


async def _page(model: OpenAICompatible, address: str) -> dict[str, Any]:
    """The JSON object at an address; empty where there is none."""
    from openai import OpenAIError

    with suppress(OpenAIError, ProviderError, TimeoutError, ValueError):
        async with asyncio.timeout(WINDOW_WAIT_S):
            client = model.opened(model.endpoint.key()).client
            page: JsonValue = await client.get(address, cast_to=object)
            return page if isinstance(page, dict) else {}
    return {}
