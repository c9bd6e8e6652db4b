"""Chat models behind any OpenAI-compatible endpoint, through the `openai` SDK.

OpenAI, Anthropic's and Gemini's compatible endpoints, Ollama, vLLM, llama.cpp, a LiteLLM proxy.
The SDK repeats a call after 408, 409, 429, 5xx, timeouts and lost connections, with exponential
back-off and jitter up to 8 s, and waits as long as `Retry-After` says up to 120 s; beyond that
it gives up at once. Nothing is streamed, no tool is offered, no adapter can be sent.

`choices` and `json_schema` are asked for as `response_format`, which some servers refuse and
some ignore in silence. Therefore `constrains` is False: an answer is validated by whoever asked.
With `choices` the probabilities of the answer's tokens are asked for too: where the server tells
them, the reply says how sure the model is.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, NamedTuple

from rung.errors import ProviderError
from rung.models.base import ChatReply, ChatRequest, Message
from rung.models.endpoint import Endpoint, read_endpoint
from rung.models.endpoint_errors import refused_parameter, translated
from rung.models.replies import estimated, read_reply
from rung.models.response_format import response_format
from rung.models.token_probabilities import MOST_LIKELY
from rung.task.types import JsonValue

if TYPE_CHECKING:
    from openai import AsyncOpenAI

WRAPPING_TOKENS = 16
"""Added to the limit where a choice comes wrapped in JSON."""

LIMIT_FIELDS = ("max_tokens", "max_completion_tokens")
SURENESS_FIELDS = ("logprobs", "top_logprobs")
OPTIONAL_FIELDS = (*SURENESS_FIELDS, "response_format", "temperature", "seed", *LIMIT_FIELDS)


class _Session(NamedTuple):
    """What belongs to one event loop: connections and the limit on calls at once."""

    loop: asyncio.AbstractEventLoop
    client: AsyncOpenAI
    gate: asyncio.Semaphore


class OpenAICompatible:
    """One model of one endpoint. Constructing it reaches no network and reads no key.

    Names: `openai/…`, `anthropic/…`, `gemini/…`, `vertex/…`, `ollama/…`, `http(s)://host/v1#model`;
    with `base_url` any. The key comes from `api_key_env`, else from the vendor's usual variable
    (Vertex: from Google's credentials), else `RUNG_API_KEY`. `context_window` is what genai-prices
    knows or a careful guess; set the attribute where you know better.

    A parameter that the server refuses by name (400 or 422) is left out from then on, see
    `left_out`: the `logprobs`, `response_format`, `temperature`, `seed`; the token limit is renamed
    instead.
    """

    def __init__(
        self,
        name: str,
        base_url: str | None = None,
        api_key_env: str | None = None,
        model: str | None = None,
        max_concurrency: int = 8,
        timeout_s: float = 60.0,
        max_attempts: int = 4,
    ) -> None:
        self.endpoint: Endpoint = read_endpoint(name, base_url, api_key_env, model)
        self.name = name
        self.identity = f"openai-compatible:{self.endpoint.place}#{self.endpoint.model}"
        self.context_window = self.endpoint.context_window()
        self.constrains = False
        self.trains = False
        self.left_out = set(self.endpoint.vendor.refuses)
        """Parameters that the server refused."""
        self.max_concurrency = max_concurrency
        """Calls at once; read when the first call of an event loop is made."""
        self._timeout_s = timeout_s
        self._max_attempts = max_attempts
        self._session: _Session | None = None

    def __repr__(self) -> str:
        return f"OpenAICompatible({self.endpoint.model!r} at {self.endpoint.place})"

    async def reply(self, request: ChatRequest) -> ChatReply:
        """Ask once. An empty answer is an answer (text ""); see `finish` for why it ended.

        Raises `ProviderError`: `outage` where the endpoint cannot be reached, the key or the
        model is not accepted or the account has run out; otherwise with `status` and, if the
        server said so, `retry_after_s`. No message holds the key or anything of the address but
        host and path. Usage is what the server reports; where it reports none, characters / 4.
        """
        if request.adapter is not None:
            raise ProviderError(f"{self!r} cannot load adapters", outage=True)
        started = time.perf_counter()
        key = self.endpoint.key()
        session = self._opened(key)
        async with session.gate:
            try:
                completion = await self._ask(session.client, request)
            except Exception as error:
                failure = translated(error, self.endpoint, key, self._timeout_s, self._max_attempts)
                if failure is None:
                    raise
                # The chain is cut because the SDK's errors hold the request and with it the key.
                raise failure from None
        return read_reply(completion, request, self.endpoint.place, time.perf_counter() - started)

    def count_tokens(self, messages: tuple[Message, ...]) -> int:
        """An estimate: characters / 4, rounded up."""
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
        self._opened(self.endpoint.key())

    def _opened(self, key: str) -> _Session:
        """Connections and gate of the running loop: neither survives a change of loop."""
        loop = asyncio.get_running_loop()
        if self._session is None or self._session.loop is not loop:
            from openai import AsyncOpenAI, Timeout

            client = AsyncOpenAI(
                api_key=key,
                base_url=self.endpoint.base_url,
                default_query=dict(self.endpoint.query),
                timeout=Timeout(self._timeout_s, connect=min(10.0, self._timeout_s)),
                max_retries=self._max_attempts - 1,
            )
            if self.endpoint.vendor.name != "openai":
                client.organization = client.project = None  # read from OPENAI_* for OpenAI only
            self._session = _Session(loop, client, asyncio.Semaphore(self.max_concurrency))
        self._session.client.api_key = key  # Google's lives for an hour
        return self._session

    async def _ask(self, client: AsyncOpenAI, request: ChatRequest) -> JsonValue:
        """Ask, leaving out what the server refuses by name, from the first time on.

        Through the SDK's plain `post`: retries and errors are the same, but it neither walks the
        request nor builds its models of the answer, which takes half of its time (0.8 ms of 1.5).
        """
        from openai import BadRequestError, PermissionDeniedError, UnprocessableEntityError

        while True:
            body = self._body(request)
            try:
                return await client.post(
                    "/chat/completions",
                    body=body,
                    cast_to=object,
                    options={"headers": self.endpoint.headers(client.api_key)},
                )
            except (BadRequestError, PermissionDeniedError, UnprocessableEntityError) as error:
                refused = refused_parameter(error, [f for f in OPTIONAL_FIELDS if f in body])
                if refused is None or self._last_limit(refused):
                    raise
                self.left_out |= set(SURENESS_FIELDS if refused in SURENESS_FIELDS else (refused,))

    def _last_limit(self, field: str) -> bool:
        """A call without any limit on its answer is never made."""
        return field in LIMIT_FIELDS and any(f in self.left_out for f in LIMIT_FIELDS if f != field)

    def _body(self, request: ChatRequest) -> dict[str, JsonValue]:
        wrapped = request.choices is not None
        limit = self.endpoint.vendor.limit_field
        if limit in self.left_out:
            limit = next(field for field in LIMIT_FIELDS if field != limit)
        body: dict[str, JsonValue] = {
            "model": self.endpoint.model,
            "messages": [message.model_dump() for message in request.messages],
            "temperature": request.temperature,
            "seed": request.seed,
            limit: request.max_tokens + (WRAPPING_TOKENS if wrapped else 0),
        }
        if wrapped:
            body |= {"logprobs": True, "top_logprobs": MOST_LIKELY}
        wanted = response_format(request.choices, request.json_schema)
        if wanted is not None:
            body["response_format"] = wanted
        return {field: value for field, value in body.items() if field not in self.left_out}
