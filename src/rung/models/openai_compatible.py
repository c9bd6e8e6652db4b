"""Chat models behind any OpenAI-compatible endpoint, through the `openai` SDK.

OpenAI, Anthropic's and Gemini's compatible endpoints, Ollama, vLLM, llama.cpp, a LiteLLM proxy.
A call is repeated after 408, 409, 5xx, timeouts and lost connections, with exponential back-off
and jitter up to 8 s; a server that wants fewer requests is waited for (`rung.models.pace`).
No adapter can be sent.

A server that refuses a request is asked what it takes (`rung.models.dialect`): the same form with
nothing in it. Where that is let through, the refusal is about the example. Where it is not, what
the server will not have is left out from then on, or put another way; and where nothing helps, the
set-up is at fault, which is no score.

`choices` and `json_schema` are asked for as `response_format`, which some servers refuse and
some ignore in silence. Therefore `constrains` is False: an answer is validated by whoever asked.
With `choices` the probabilities of the answer's tokens are asked for too: where the server tells
them, the reply says how sure the model is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from rung.errors import ProviderError
from rung.models.base import ChatReply, ChatRequest, Message
from rung.models.dialect import Dialect, harmless, remedies, response_format, settled
from rung.models.endpoint import Endpoint, read_endpoint
from rung.models.endpoint_errors import Refusal, failed, of_example, set_up
from rung.models.replies import estimated, read_reply, used_for
from rung.records import Usage
from rung.task.endpoints import EndpointSettings
from rung.task.types import JsonValue, digest

if TYPE_CHECKING:
    from rung.models.asking import Session

MOST_ONE_OFFS = 2
"""Changes that a request is asked again with, where only its own content met a refusal."""


class OpenAICompatible:
    """One model of one endpoint. Constructing it reaches no network and reads no key.

    Names: `openai/…`, `anthropic/…`, `gemini/…`, `vertex/…`, `ollama/…`, `http(s)://host/v1#model`;
    with `base_url` any. The key comes from `api_key_env`, else from the vendor's usual variable
    (Vertex: from Google's credentials), else `RUNG_API_KEY`. `settings` are `rung.toml`'s.
    `context_window` is what they say, else what the server said, genai-prices knows, or a careful
    guess.
    """

    def __init__(
        self,
        name: str,
        base_url: str | None = None,
        api_key_env: str | None = None,
        model: str | None = None,
        settings: EndpointSettings | None = None,
        max_attempts: int = 4,
    ) -> None:
        self.endpoint: Endpoint = read_endpoint(name, base_url, api_key_env, model)
        self.name = name
        self.settings = settings or EndpointSettings()
        self.context_window = self.settings.context_window or self.endpoint.context_window()
        self.constrains = False
        self.trains = False
        self.calls_tools = True
        self.thinks = False
        vendor = self.endpoint.vendor
        self._first = Dialect(limit_field=vendor.limit_field).without(*vendor.refuses)
        self.speak(self._first)
        self.note: Callable[[str], None] = lambda text: None
        """Hears of what takes long, such as a server that loads."""
        self.aside: list[Usage] = []
        """Of answers that only showed what is taken: paid for, and not yet booked."""
        self._max_attempts = max_attempts
        self._session: Session | None = None
        self._settling = asyncio.Lock()
        self._passed: dict[str, float] = {}
        """When a request of a form was last answered, by the form."""
        self._failed: dict[str, float] = {}
        """When nothing that was tried got a request of a form through."""

    def speak(self, dialect: Dialect) -> None:
        """Ask in this dialect from now on: what the server takes, as far as it has shown."""
        self.dialect = dialect
        place = f"openai-compatible:{self.endpoint.place}#{self.endpoint.model}"
        self.identity = place + (dialect.mark() if dialect != self._first else "")

    def speak_first(self) -> None:
        """Ask for everything again, as nothing were known of the server."""
        self.speak(self._first)

    @property
    def is_refused(self) -> bool:
        """Some form of request got nothing through, whatever was tried, and has not since."""
        return any(at > self._passed.get(form, 0.0) for form, at in self._failed.items())

    @property
    def left_out(self) -> frozenset[str]:
        """Parameters that the server refused."""
        return self.dialect.left_out

    def __repr__(self) -> str:
        return f"OpenAICompatible({self.endpoint.model!r} at {self.endpoint.place})"

    async def reply(self, request: ChatRequest) -> ChatReply:
        """Ask once. An empty answer is an answer (text ""); see `finish` for why it ended.

        Raises `ProviderError`: `outage` where the endpoint cannot be reached, the key or the
        model is not accepted or the account has run out; `set_up` where no request of this form is
        taken; `example` where this one is refused for what stands in it; otherwise with `status`
        and, if the server said so, `retry_after_s`. No message holds the key or anything of the
        address but host and path. Usage is what the server reports; where it reports none, it is
        estimated by characters.
        """
        if request.adapter is not None:
            raise ProviderError(f"{self!r} cannot load adapters", outage=True)
        started = time.perf_counter()
        completion = await self._completion(request)
        return read_reply(completion, request, self.endpoint.place, time.perf_counter() - started)

    def count_tokens(self, messages: tuple[Message, ...]) -> int:
        """An estimate by characters."""
        return estimated(messages)

    async def aclose(self) -> None:
        """Close the connections; the next call opens new ones."""
        session, self._session = self._session, None
        if session is not None and session.loop is asyncio.get_running_loop():
            await session.client.close()

    def get_ready(self) -> None:
        """Load the SDK and make the client of the running loop; reaches no network.

        Raises `ProviderError` where the key is missing.
        """
        self.opened(self.endpoint.key())

    def opened(self, key: str) -> Session:
        """Connections and pace of the running loop: neither survives a change of loop."""
        from rung.models.asking import opened

        if self._session is None or self._session.loop is not asyncio.get_running_loop():
            self._session = opened(self.endpoint, key, self.settings)
            self._settling = asyncio.Lock()
        self._session.client.api_key = key  # Google's lives for an hour
        return self._session

    async def _completion(self, request: ChatRequest) -> JsonValue:
        """The server's answer, in a dialect that it takes."""
        form, attempts = _form(request), self._max_attempts
        while True:
            dialect, started = self.dialect, time.monotonic()
            try:
                answer = await self._ask(request, dialect, attempts)
            except Refusal as refusal:
                if refusal.passing and form in self._passed:
                    raise failed(refusal, self.endpoint, self.endpoint.key(), attempts) from None
                async with self._settling:
                    if self.dialect != dialect:
                        continue  # another request has found what is taken
                    if self._failed.get(form, 0.0) > started:
                        raise self._given_up(refusal) from None
                    if self._passed.get(form, 0.0) < started:
                        await self._settle(request, form, refusal)
                    if self.dialect != dialect:
                        continue
                return await self._one_off(request, dialect, refusal)
            self._passed[form] = time.monotonic()
            return answer

    def _given_up(self, refusal: Refusal) -> ProviderError:
        """The error where no request of the form is let through."""
        key = self.endpoint.key()
        if refusal.passing or refusal.hasty:
            return failed(refusal, self.endpoint, key, self._max_attempts)
        return set_up(refusal, self.endpoint, key)

    async def _settle(self, request: ChatRequest, form: str, refusal: Refusal) -> None:
        """Find what is taken of such requests, unless this one's content alone was at fault."""
        plain = harmless(request)

        async def ask(dialect: Dialect) -> None:
            self.aside.append(used_for(await self._ask(plain, dialect, 1), plain))

        try:
            try:
                await ask(self.dialect)
            except Refusal as other:
                self.speak(await settled(ask, self.dialect, plain, other))
        except Refusal:
            self._failed[form] = time.monotonic()
            raise self._given_up(refusal) from None
        self._passed[form] = time.monotonic()

    async def _one_off(self, request: ChatRequest, dialect: Dialect, refusal: Refusal) -> JsonValue:
        """Others of its form are answered: this one is tried again, and as its refusal says."""
        named = [r.dialect for r in remedies(dialect, request, refusal.clue) if r.named]
        # As it was, once more: gateways refuse at random too.
        for other in () if refusal.too_long else [dialect, *named[:MOST_ONE_OFFS]]:
            try:
                return await self._ask(request, other, 1)
            except Refusal:
                continue
        key = self.endpoint.key()
        if refusal.passing:
            raise failed(refusal, self.endpoint, key, self._max_attempts) from None
        raise of_example(refusal, self.endpoint, key) from None

    async def _ask(self, request: ChatRequest, dialect: Dialect, attempts: int) -> JsonValue:
        from rung.models.asking import Caller

        key = self.endpoint.key()
        body = dialect.body(request, self.endpoint.model)
        tokens = estimated(request.messages) + dialect.answer_tokens(request)
        caller = Caller(self.endpoint, self.settings, attempts, self.note)
        return await caller.ask(self.opened(key), key, body, float(tokens))


def _form(request: ChatRequest) -> str:
    """What requests have in common that a server takes or refuses alike."""
    form = response_format(request.choices, request.json_schema)
    roles = [message.role for message in harmless(request).messages]
    asked = [request.max_tokens, request.temperature, request.choices is not None]
    asked += [request.may_call] if request.tools else []
    return digest([form, asked, roles])
