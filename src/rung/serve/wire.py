"""OpenAI's chat completions as far as they are spoken here, and Rung's own additions to them.

What would change the answer and cannot be done is refused; what has no effect here is accepted
and named in the response. Both are decided in `reading`; this is their form.
"""

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    WithJsonSchema,
)

from rung.candidate import short_name
from rung.records import Answer, PassedOn


def _is_no(value: bool) -> bool:
    if value:
        raise ValueError("it must be false")
    return value


def _whole(value: object) -> object:
    """1.0 is a whole number in JSON, true is none."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[int, BeforeValidator(_whole)]
OneOrMore = Annotated[int, Field(ge=1), BeforeValidator(_whole)]
No = Annotated[bool, AfterValidator(_is_no), WithJsonSchema({"type": "boolean", "const": False})]
Nothing = Annotated[list[JsonValue], Field(max_length=0)] | None
"""A list that must be empty."""


class Given(BaseModel):
    """What a client sends: taken as it is, nothing is converted (true is no number)."""

    model_config = ConfigDict(strict=True)


Visible = Annotated[str, Field(json_schema_extra={"format": "visible-text"})]
"""Text with a character that is seen. JSON Schema cannot say which: the format is only named."""


class Part(Given):
    """A piece of a message's content. Images, sound and files are refused."""

    type: Literal["text"]
    text: Visible


class ChatMessage(Given):
    """One message of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[Part] | None = None

    def text(self) -> str:
        """The content as one text."""
        if self.content is None or isinstance(self.content, str):
            return self.content or ""
        return "".join(part.text for part in self.content)


class UserMessage(ChatMessage):
    """A message whose content is asked."""

    role: Literal["user"]
    content: Visible | Annotated[list[Part], Field(json_schema_extra={"minItems": 1})]


class OtherMessage(ChatMessage):
    """A message that the solver does not see."""

    role: Literal["system", "developer", "assistant", "tool", "function"]


class JsonSchemaFormat(Given):
    """The schema that an answer is to satisfy, by name."""

    name: str
    schema_: dict[str, Any] | None = Field(default=None, alias="schema")
    strict: bool | None = None
    description: str | None = None


class TextFormat(Given):
    """Any text: the task's own contract holds anyway."""

    type: Literal["text"]


class ObjectFormat(Given):
    """Any JSON object."""

    type: Literal["json_object"]


class SchemaFormat(Given):
    """JSON of that schema."""

    type: Literal["json_schema"]
    json_schema: JsonSchemaFormat


class StreamOptions(Given):
    """How a stream ends."""

    include_usage: bool | None = False


class ChatCompletionRequest(Given):
    """One question to the served task. The last user message is the task's input."""

    model_config = ConfigDict(extra="allow", use_attribute_docstrings=True)

    model: str
    """The task's name, or a candidate's key (see `/v1/models`)."""
    messages: Annotated[
        list[Annotated[UserMessage | OtherMessage, Field(discriminator="role")]],
        Field(
            min_length=1,
            json_schema_extra={
                "contains": {"properties": {"role": {"const": "user"}}, "required": ["role"]}
            },
        ),
    ]
    stream: bool | None = False
    """Send server-sent events; the answer is checked before the first of them is sent."""
    stream_options: StreamOptions | None = None
    response_format: (
        Annotated[TextFormat | ObjectFormat | SchemaFormat, Field(discriminator="type")] | None
    ) = None
    n: Annotated[int, Field(ge=1, le=1), BeforeValidator(_whole)] | None = None
    tools: Nothing = None
    functions: Nothing = None
    logprobs: No | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=0), BeforeValidator(_whole)] | None = None
    modalities: list[Literal["text"]] | None = None
    audio: None = None
    web_search_options: None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    """Ignored, as is every other setting of how a model writes: the measured ones hold."""
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    max_tokens: OneOrMore | None = None
    max_completion_tokens: OneOrMore | None = None
    seed: Whole | None = None
    stop: str | list[str] | None = None


class ToldPassage(BaseModel):
    """A piece of a document that the model was given."""

    model_config = ConfigDict(from_attributes=True)

    document_id: str
    title: str
    start: int
    text: str


class Told(BaseModel):
    """What Rung adds to an answer."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    candidate: str
    """Key of the candidate that answered."""
    solver: str
    """sha256 of the saved solver."""
    valid: bool
    """The answer satisfies the task's output contract. An invalid one is no content."""
    problem: str | None = None
    """Why it is not valid."""
    said: str | None = None
    """What the model wrote, where that is not the content."""
    confidence: float | None = None
    """In [0, 1], where the candidate knows it."""
    model: str | None = None
    """Short name of the model whose answer it is."""
    fallback: PassedOn | None = None
    """Why the candidate's fallback took part. `outage`: one of its models did not answer, and
    nothing measured speaks of what the other says alone."""
    passages: list[ToldPassage] = []
    citations: list[int] = []
    """Indices into `passages` that the answer rests on."""
    cost_usd: float | None = None
    latency_s: float
    ignored: list[str] = []
    """What the request said and the solver did not see."""
    logged: bool
    """Kept in the traffic log: feedback can name the response's `id`."""

    @classmethod
    def of(cls, answer: Answer, **beside: Any) -> "Told":
        """What an answer itself says, and what is known `beside` it."""
        return cls(
            valid=answer.valid,
            problem=answer.problem,
            confidence=answer.confidence,
            model=short_name(answer.model) if answer.model else None,
            fallback=answer.fallback,
            passages=[ToldPassage.model_validate(passage) for passage in answer.passages],
            citations=list(answer.citations),
            **beside,
        )


class AnswerMessage(BaseModel):
    """The answer; `content` is None and `refusal` says why where there is no valid one."""

    role: Literal["assistant"] = "assistant"
    content: str | None
    refusal: str | None = None


class Choice(BaseModel):
    """The one answer."""

    index: Literal[0] = 0
    message: AnswerMessage
    logprobs: None = None
    finish_reason: Literal["stop", "length", "content_filter"]


class PromptDetails(BaseModel):
    """Prompt tokens by kind."""

    cached_tokens: int = 0


class UsageCount(BaseModel):
    """Tokens; 0 where no language model was asked."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails


class ChatCompletion(BaseModel):
    """An answered request."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: Annotated[list[Choice], Field(min_length=1, max_length=1)]
    usage: UsageCount
    system_fingerprint: str
    rung: Told


class ModelCard(BaseModel):
    """A name under which the task answers."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: Literal["rung"] = "rung"
    unproven: str | None = None
    """Why what answers is not certified; null where it is."""


class ModelList(BaseModel):
    """Every such name."""

    object: Literal["list"] = "list"
    data: list[ModelCard]


class Health(BaseModel):
    """Whether the server can answer."""

    status: Literal["ok", "degraded"]
    """`degraded`: the newest request could not be logged."""
