"""The two ports to models: a chat model and an embedder. Implementations are one file each."""

from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rung.records import Finish, Usage
from rung.task.types import FORMAT, Frozen, JsonValue, digest

Vectors = NDArray[np.float32]


class ToolCall(Frozen):
    """A tool that a model wants called, with its arguments as it wrote them: JSON, or not."""

    id: str
    name: str
    arguments: str


class Offer(Frozen):
    """A tool that a model may have called."""

    name: str
    description: str
    json_schema: dict[str, JsonValue]


class Message(Frozen):
    """One turn."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    calls: tuple[ToolCall, ...] = ()
    """Of an assistant: the tools that it wants called."""
    call: str = ""
    """Of a tool: the id of the call that this is the result of."""


class Adapter(Frozen):
    """A LoRA adapter folder (PEFT format) and the content hash of its weights."""

    path: str
    digest: str


class ChatRequest(Frozen):
    """One call, complete: equal requests to the same model are the same call."""

    messages: tuple[Message, ...]
    max_tokens: int = 96
    temperature: float = 0.0
    seed: int = 0
    choices: tuple[str, ...] | None = None
    """The answer must be exactly one of these (constrained decoding)."""
    scored: bool = False
    """All of `choices` are scored as wholes: `ChatReply.logprobs`."""
    json_schema: dict[str, JsonValue] | None = None
    """The answer must be JSON that satisfies this schema (constrained decoding)."""
    adapter: Adapter | None = None
    tools: tuple[Offer, ...] = ()
    may_call: bool = True
    """Whether one of `tools` may be called yet."""

    def cache_key(self, model_identity: str) -> str:
        """sha256 of model identity and request; where an adapter lies does not matter."""
        adapter = self.adapter.digest if self.adapter else None
        return digest([FORMAT, model_identity, self.model_copy(update={"adapter": adapter})])


class ChatReply(Frozen):
    """One answer of a model."""

    text: str
    usage: Usage
    finish: Finish = "stop"
    latency_s: float = 0.0
    """From the request handed in until the answer, queueing included."""
    confidence: float | None = None
    """Probability of the chosen answer among `choices`, where the model tells."""
    logprobs: tuple[float, ...] | None = None
    """Natural log-probability of each of the choices as a whole, where they were to be scored."""
    thought: bool = False
    """It thought before it answered, shown or hidden: that takes room."""
    calls: tuple[ToolCall, ...] = ()
    """The tools that it wants called before it answers."""
    cached: bool = False
    """Answered from the cache: nothing was computed or paid for this time."""


@runtime_checkable
class ChatModel(Protocol):
    """A chat model. `reply` may be awaited many times at once; the model bounds itself."""

    name: str
    """As in a candidate, such as `local/smollm2-135m-instruct`."""
    identity: str
    """Changes whenever answers may: weights' hash and engine version, or endpoint and name."""
    context_window: int
    """Tokens."""
    constrains: bool
    """Honours `choices` and `json_schema` by construction."""
    trains: bool
    """LoRA adapters can be trained for it and passed in `ChatRequest.adapter`."""

    async def reply(self, request: ChatRequest) -> ChatReply:
        """Answer one request. Raises `ProviderError`; never returns a made-up answer."""
        ...

    def count_tokens(self, messages: tuple[Message, ...]) -> int:
        """Prompt tokens, exact for local models, an estimate (chars / 4) for endpoints."""
        ...

    async def aclose(self) -> None:
        """Release threads, memory, connections."""
        ...


def thinks(model: ChatModel) -> bool:
    """Whether a model is known to think before it answers: an endpoint's handshake says so."""
    return bool(getattr(model, "thinks", False))


def scores(model: ChatModel) -> bool:
    """Whether a model tells the log-probability of every choice as a whole."""
    return bool(getattr(getattr(model, "inner", model), "scores", False))


def calls_tools(model: ChatModel) -> bool:
    """Whether a model can be offered tools."""
    return bool(getattr(getattr(model, "inner", model), "calls_tools", False))


def paid_aside(model: ChatModel) -> list[Usage]:
    """What answers used that nobody sees, since the last time: those that showed what an endpoint
    takes."""
    used: list[Usage] = getattr(model, "aside", [])
    taken, used[:] = list(used), []
    return taken


def parameters(model: ChatModel) -> int | None:
    """Weights of a model whose files are here; None of any other."""
    count: int | None = getattr(model, "parameters", None)
    return count


@runtime_checkable
class Embedder(Protocol):
    """Turns texts into unit vectors."""

    name: str
    identity: str

    async def embed(self, texts: list[str]) -> Vectors:
        """Unit-length rows, shape (len(texts), dimension), float32."""
        ...
