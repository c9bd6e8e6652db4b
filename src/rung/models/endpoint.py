"""Where an OpenAI-compatible model is reached: its name read into address, model and key.

Nothing here opens a connection. A secret is never kept: the key is read from the environment
when a call needs it, and whatever a base URL carries besides its address stays out of `place`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from rung.errors import ProviderError, UserError
from rung.models.vendors import OWN_KEY, SERVED_YOURSELF, VENDORS, Place, Vendor, vendor_of

if TYPE_CHECKING:
    from openai import Omit


NO_KEY = "none"
"""Sent where a server needs no key; the protocol wants one."""

OPERATION = "/chat/completions"
"""Stands at the end of addresses that are copied from a vendor's page; the SDK adds it."""
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

    def headers(self, key: str) -> dict[str, str | Omit]:
        """What the SDK would not send by itself: the key, where another header holds it."""
        if self.vendor.key_header is None:
            return {}
        from openai import Omit

        return {"Authorization": Omit(), self.vendor.key_header: key}

    def context_window(self) -> int:
        """Tokens, as genai-prices knows the model, else a careful guess."""
        from genai_prices.data_snapshot import get_snapshot

        listed = self.vendor.listed(self.model)
        known = None
        if listed is not None:
            provider, model = listed
            try:
                listing = get_snapshot().find_provider_model(model, None, provider, None)
                known = listing[1].context_window
            except LookupError:
                pass
        return known or UNKNOWN_WINDOW[listed is not None]


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
            raise UserError(_kept_out(address, named))
        vendor, place = SERVED_YOURSELF, Place(address, named)
    else:
        vendor, named = vendor_of(name) or (SERVED_YOURSELF, name.partition("/")[2])
        place = Place(vendor.base_url, named)
        if vendor.locate is not None and named:
            place = vendor.locate(named)
    address, model = base_url or place.base_url, model or place.model
    if not address:
        forms = ", ".join(known.form for known in VENDORS.values())
        raise UserError(f"{name!r} names no endpoint: use {forms} or http://host:port/v1#<model>")
    if not model or not urlsplit(address).hostname:
        raise UserError(
            f"{_bare(name)!r} lacks a host or a model: write it as vendor/<model> or "
            "http://host:port/v1#<model>"
        )
    query = urlsplit(address).query
    bare = urlunsplit(urlsplit(address)._replace(query="", fragment="")).rstrip("/")
    return Endpoint(
        base_url=bare.removesuffix(OPERATION).removesuffix("/embeddings"),
        model=model,
        key_env=api_key_env or vendor.key_env,
        key_needed=not vendor.here and vendor is not SERVED_YOURSELF and base_url is None,
        vendor=vendor,
        query=(*parse_qsl(query), *place.query),
    )


def _kept_out(address: str, model: str) -> str:
    """Where what stands in an address besides it belongs: values are not shown, they may be keys.

    An address of Azure's ends in the operation, which is ours to add.
    """
    place = _bare(address).removesuffix("/").removesuffix(OPERATION)
    name = f"{place}#{model or '<model>'}"
    given = [f'"{field}" = "…"' for field, _ in parse_qsl(urlsplit(address).query)]
    query = f"query = {{ {', '.join(given)} }}" if given else "a query"
    advice = (
        f"the model name {_bare(address)!r} may carry neither credentials nor a query, because it "
        f"is written to run files: name the model {name}, put the key into {OWN_KEY}, and {query} "
        f'or other headers under [models.settings."{name}"]'
    )
    if "azure" in (urlsplit(address).hostname or ""):
        advice += (
            "; or write azure/<deployment> with AZURE_OPENAI_ENDPOINT, AZURE_OPENAI_API_KEY and "
            "OPENAI_API_VERSION in the environment"
        )
    return advice


def _bare(address: str) -> str:
    parts = urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))
