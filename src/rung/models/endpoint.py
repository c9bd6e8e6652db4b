"""Where an OpenAI-compatible model is reached: its name read into address, model and key.

Nothing here opens a connection. A secret is never kept: the key is read from the environment
when a call needs it, and whatever a base URL carries besides its address stays out of `place`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from rung.errors import ProviderError, UserError
from rung.models import google


class Vendor(NamedTuple):
    """What the vendors differ in."""

    base_url: str
    key_env: str
    key_needed: bool = True
    prices_id: str | None = None
    """The vendor's id in genai-prices, which also knows context windows."""
    limit_field: str = "max_tokens"
    """How the limit on answer tokens is called."""
    locate: Callable[[str], tuple[str, str]] | None = None
    """Base URL and model of a name, where one address does not fit all."""
    token: Callable[[str], str] | None = None
    """What is sent as the key to a place, where the environment holds none."""


VENDORS = {
    # OpenAI's reasoning models refuse `max_tokens`: https://github.com/openai/openai-python/issues/2046
    "openai": Vendor(
        "https://api.openai.com/v1",
        "OPENAI_API_KEY",
        prices_id="openai",
        limit_field="max_completion_tokens",
    ),
    # https://platform.claude.com/docs/en/api/openai-sdk (ignores response_format and seed)
    "anthropic": Vendor("https://api.anthropic.com/v1", "ANTHROPIC_API_KEY", prices_id="anthropic"),
    # https://ai.google.dev/gemini-api/docs/openai
    "gemini": Vendor(
        "https://generativelanguage.googleapis.com/v1beta/openai",
        "GEMINI_API_KEY",
        prices_id="google",
    ),
    "vertex": Vendor(
        "",
        google.KEY_ENV,
        prices_id="google",
        locate=google.vertex_chat,
        token=google.google_token,
    ),
    # https://docs.together.ai/docs/openai-api-compatibility
    "together": Vendor("https://api.together.ai/v1", "TOGETHER_API_KEY", prices_id="together"),
    # https://docs.fireworks.ai/tools-sdks/openai-compatibility
    "fireworks": Vendor(
        "https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY", prices_id="fireworks"
    ),
    # https://docs.ollama.com/api/openai-compatibility
    "ollama": Vendor("http://localhost:11434/v1", "RUNG_API_KEY", key_needed=False),
}
"""By the first part of a model's name."""

SERVED_YOURSELF = Vendor("", "RUNG_API_KEY", key_needed=False)

NO_KEY = "none"
"""Sent where a server needs no key; the protocol wants one."""

UNKNOWN_WINDOW = {True: 128_000, False: 8192}
"""Tokens assumed where nobody tells: a vendor's model, a server of one's own (those are often
started with little, and cut longer prompts in silence)."""


class Endpoint(NamedTuple):
    """Address, model and key of one chat model."""

    base_url: str
    model: str
    key_env: str
    key_needed: bool
    vendor: Vendor
    query: tuple[tuple[str, str], ...] = ()

    @property
    def place(self) -> str:
        """The address without credentials and query: fit for messages and identities."""
        return _bare(self.base_url)

    def key(self) -> str:
        """The key, from the environment. Raises `ProviderError` where it is missing or broken."""
        if self.vendor.token is not None:
            return self.vendor.token(self.place)
        return read_key(self.key_env, self.place, needed=self.key_needed) or NO_KEY

    def context_window(self) -> int:
        """Tokens, as genai-prices knows the model, else a careful guess."""
        from genai_prices.data_snapshot import get_snapshot

        known = None
        if self.vendor.prices_id:
            try:
                found = get_snapshot().find_provider_model(
                    self.model, None, self.vendor.prices_id, None
                )
                known = found[1].context_window
            except LookupError:
                pass
        return known or UNKNOWN_WINDOW[self.vendor.prices_id is not None]


def read_key(env: str, place: str, *, needed: bool = True) -> str:
    """The key in the environment, empty where there is none and none is needed.

    Raises `ProviderError` where it is missing, or holds what a header cannot carry.
    """
    key = os.environ.get(env, "").strip()
    if not key and needed:
        raise ProviderError(f"{place} needs a key: set {env} in the environment", outage=True)
    if not (key.isascii() and key.isprintable()):
        raise ProviderError(
            f"the key in {env} holds characters that no key has: copy it again", outage=True
        )
    return key


def read_endpoint(
    name: str, base_url: str | None = None, api_key_env: str | None = None, model: str | None = None
) -> Endpoint:
    """`vendor/model`, or `http(s)://host/v1#model`; a given `base_url` overrides the address.

    Raises `UserError` for a name without a model, of no known form, or with credentials in its
    address: names stand in run files.
    """
    if name.startswith(("http://", "https://")):
        address, _, named = name.partition("#")
        parts = urlsplit(address)
        if parts.query or "@" in parts.netloc:
            raise UserError(
                f"the model name {_bare(address)!r} may carry neither credentials nor a query, "
                "because it is written to run files: put the key into RUNG_API_KEY, and a query or "
                f'headers into [models.settings."{_bare(address)}#{named}"]'
            )
        vendor = SERVED_YOURSELF
    else:
        prefix, _, named = name.partition("/")
        vendor = VENDORS.get(prefix, SERVED_YOURSELF)
        address = vendor.base_url
        if vendor.locate is not None and named:
            address, named = vendor.locate(named)
    address, model = base_url or address, model or named
    if not address:
        raise UserError(
            f"{name!r} names no endpoint: use {', '.join(f'{v}/<model>' for v in VENDORS)} or "
            "http://host:port/v1#<model>"
        )
    if not model or not urlsplit(address).hostname:
        raise UserError(
            f"{_bare(name)!r} lacks a host or a model: write it as vendor/<model> or "
            "http://host:port/v1#<model>"
        )
    query = urlsplit(address).query
    return Endpoint(
        base_url=urlunsplit(urlsplit(address)._replace(query="", fragment="")).rstrip("/"),
        model=model,
        key_env=api_key_env or vendor.key_env,
        key_needed=vendor.key_needed and base_url is None,
        vendor=vendor,
        query=tuple(parse_qsl(query)),
    )


def _bare(address: str) -> str:
    parts = urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))
