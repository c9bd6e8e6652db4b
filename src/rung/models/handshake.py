"""The first words with an endpoint, before anything is spent on it: what it takes, what it is.

One question in the form of a labels task asks for everything at once; what is refused is found by
trying (`rung.models.settling`). A window is asked of servers of one's own.
"""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from rung.errors import ProviderError
from rung.models.base import ChatRequest, Message
from rung.models.known_endpoints import Handshake, adopt, version_of
from rung.models.openai_compatible import OpenAICompatible
from rung.models.replies import UnreadableReply
from rung.records import Usage
from rung.task.types import JsonValue

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
