"""One call of an endpoint until it is answered or refused: in its pace, and again where it passed.

Through the SDK's plain `post`: it neither walks the request nor builds its models of the answer,
which takes half of its time (0.8 ms of 1.5); what came is read here, whatever type it is said to
be of. Its own retries are off, since they would hide from
the pace what it learns from, and do not see an error inside a 200.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import NamedTuple

from httpx2 import Response
from openai import APIConnectionError, APIStatusError, APITimeoutError, AsyncOpenAI, Omit, Timeout
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_exponential_jitter

from rung.models.endpoint import OPERATION, Endpoint
from rung.models.endpoint_errors import Refusal, failed, inside_200, of_status, unreached
from rung.models.pace import Pace
from rung.models.replies import error_object, failed_generation, read_body, was_cut
from rung.task.endpoints import EndpointSettings, from_environment
from rung.task.types import JsonValue

_BACK_OFF = wait_exponential_jitter(multiplier=0.5, max=8.0)
CONNECT_S = 10.0


class Session(NamedTuple):
    """What belongs to one event loop: connections and the pace."""

    loop: asyncio.AbstractEventLoop
    client: AsyncOpenAI
    pace: Pace


def opened(endpoint: Endpoint, key: str, settings: EndpointSettings) -> Session:
    """Connections of the running loop. Raises `UserError` where a header's variable is not set."""
    where = '[models.settings]: the {} of "' + endpoint.model + '",'
    client = AsyncOpenAI(
        api_key=key,
        base_url=endpoint.base_url,
        default_query={
            **dict(endpoint.query),
            **from_environment(settings.query, where.format("query")),
        },
        default_headers=from_environment(settings.headers, where.format("header")),
        timeout=Timeout(settings.timeout_s, connect=min(CONNECT_S, settings.timeout_s)),
        max_retries=0,
    )
    if endpoint.vendor.name != "openai":
        client.organization = client.project = None  # read from OPENAI_* for OpenAI only
    return Session(asyncio.get_running_loop(), client, Pace(settings))


class Caller:
    """Asks one endpoint. `note` hears of what takes long."""

    def __init__(
        self,
        endpoint: Endpoint,
        settings: EndpointSettings,
        attempts: int,
        note: Callable[[str], None] = lambda text: None,
        path: str = OPERATION,
    ) -> None:
        self.endpoint, self.settings, self.attempts = endpoint, settings, attempts
        self.note, self.path = note, path

    async def ask(self, session: Session, key: str, body: JsonValue, tokens: float) -> JsonValue:
        """The completion that answers `body`, as the server wrote it.

        Raises `Refusal` where it is refused, and where it failed as often as it was to be tried;
        `ProviderError` where the account, the address or the connection is at fault, or the server
        gave no answer to anybody for as long as patience lasts.
        """
        attempts = self.attempts
        try:
            async for attempt in AsyncRetrying(
                stop=stop_after_attempt(attempts),
                wait=_wait,
                retry=retry_if_exception(_passing),
                reraise=True,
            ):
                with attempt:
                    return await self._in_pace(session, key, body, tokens)
        except Refusal as refusal:
            if refusal.quota or refusal.status in (401, 402):
                raise failed(refusal, self.endpoint, key, attempts) from None
            raise
        except Exception as error:
            failure = unreached(error, self.endpoint, self.settings.timeout_s, attempts)
            if failure is None:
                raise
            # The chain is cut because the SDK's errors hold the request and with it the key.
            raise failure from None
        raise AssertionError("tenacity returns or raises")

    async def _in_pace(
        self, session: Session, key: str, body: JsonValue, tokens: float
    ) -> JsonValue:
        """One answer or refusal; haste, and a server that loads, are waited out."""
        pace, patience = session.pace, self.settings.patience_s
        while True:
            let_in = await pace.enter(tokens)
            try:
                answer = await self._post(session.client, body, self.endpoint.headers(key))
            except Refusal as refusal:
                if not (refusal.hasty or refusal.loading):
                    pace.answered(let_in)
                    raise
                wait = refusal.retry_after_s
                pace.refused(let_in, wait, refusal.limit_per_minute)
                if pace.waited > patience or (wait or 0.0) > patience:
                    raise failed(refusal, self.endpoint, key, 1) from None
                if refusal.loading:
                    self.note(f"{self.endpoint.place} is loading ({refusal.said[:80]}): waiting")
            except APITimeoutError:
                pace.slow()
                raise
            else:
                pace.answered(let_in)
                return answer
            finally:
                pace.leave(let_in)

    async def _post(
        self, client: AsyncOpenAI, body: JsonValue, headers: Mapping[str, str | Omit]
    ) -> JsonValue:
        try:
            came = await client.post(
                self.path,
                body=body,
                cast_to=Response,
                # Whatever holds a key is not carried to wherever a server points.
                options={"headers": headers, "follow_redirects": False},
            )
        except APIStatusError as error:
            refusal = of_status(error)
        else:
            answer = read_body(came.content)
            if was_cut(answer):
                raise Refusal(502, "an answer that breaks off", came.headers)
            if (failure := error_object(answer)) is None:
                return answer
            refusal = inside_200(failure, came.headers)
        if (own := failed_generation(refusal.body)) is not None:
            return own
        raise refusal


def _passing(error: BaseException) -> bool:
    if isinstance(error, Refusal):
        return error.passing
    return isinstance(error, APIConnectionError)


def _wait(state: RetryCallState) -> float:
    """As long as the server says, else longer each time."""
    error = state.outcome.exception() if state.outcome is not None else None
    asked = error.retry_after_s if isinstance(error, Refusal) else None
    return float(_BACK_OFF(state)) if asked is None else min(asked, 120.0)
