"""How a server wants to be asked: what it takes of OpenAI's protocol, and what is put another way.

A refusal is answered by trying, not by its wording alone: `remedies` says what may be changed, the
words only say what to try first. `settled` does the trying.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from rung.models.base import ChatRequest, Message
from rung.models.endpoint_errors import Refusal
from rung.models.token_probabilities import MOST_LIKELY
from rung.task.json_schema import enforceable
from rung.task.types import Frozen, JsonValue

_NEVER_STRICT = {"allOf", "oneOf", "patternProperties", "prefixItems"}


def response_format(
    choices: tuple[str, ...] | None, json_schema: dict[str, JsonValue] | None
) -> dict[str, JsonValue] | None:
    """How an answer's form is asked for; None where any text will do.

    Without the keywords that no server enforces: some refuse a schema for them.
    """
    given = _choice_schema(choices) if choices else json_schema
    if given is None:
        return None
    schema, _ = enforceable(given)
    form = {"name": "answer", "schema": schema, "strict": _strict(schema)}
    return {"type": "json_schema", "json_schema": form}


def _choice_schema(choices: tuple[str, ...]) -> dict[str, JsonValue]:
    """The protocol's schemas must be objects, so a choice comes as {"answer": …}."""
    return {
        "type": "object",
        "properties": {"answer": {"type": "string", "enum": list(choices)}},
        "required": ["answer"],
        "additionalProperties": False,
    }


def _strict(schema: JsonValue) -> bool:
    """Whether OpenAI's strict mode takes it: every object closed, every property required.

    https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
    """
    return schema.get("type") == "object" and _closed(schema)


def _closed(schema: JsonValue) -> bool:
    if isinstance(schema, list):
        return all(map(_closed, schema))
    if not isinstance(schema, dict):
        return True
    if _NEVER_STRICT & set(schema):
        return False
    fields = schema.get("properties")
    if schema.get("type") == "object" or isinstance(fields, dict):
        named, required = set(fields or ()), schema.get("required") or ()
        if schema.get("additionalProperties") is not False or named - set(required):
            return False
    inner = [part for key, part in schema.items() if key not in ("enum", "const", "properties")]
    return all(map(_closed, [*inner, *(fields or {}).values()]))


FOLDED = "system text inside the user turn"
WRAPPING_TOKENS = 16
"""Added to the limit where a choice comes wrapped in JSON."""
LIMIT_FIELDS = ("max_tokens", "max_completion_tokens")
FEWER_LOGPROBS = 5
"""The next number to try where twenty are too many: the most that OpenAI itself once took."""
MORE_ROOM = (2048, 16_384)
"""Answer tokens to try where a server wants a larger limit: beyond the usual thinking budgets."""
_NUMBER = re.compile(r"(?<![\w.])\d{1,5}(?![\w.]\d|\w)")


class Dialect(Frozen):
    """What one model of one server takes. The default is everything that Rung would say."""

    left_out: frozenset[str] = frozenset()
    """Of `temperature`, `seed`, `response_format`, `logprobs`."""
    top_logprobs: int = MOST_LIKELY
    limit_field: str = LIMIT_FIELDS[0]
    least_tokens: int = 0
    """A smaller limit on answer tokens is raised to it."""
    folded: bool = False
    """System text stands at the beginning of the first user turn."""
    streamed: bool = False
    """Answers come as an event stream."""

    def without(self, *fields: str) -> Dialect:
        """The same with some parameters left out."""
        return self.model_copy(update={"left_out": self.left_out | set(fields)})

    def answer_tokens(self, request: ChatRequest) -> int:
        """The limit on answer tokens that a request is sent with."""
        room = request.max_tokens + (WRAPPING_TOKENS if request.choices is not None else 0)
        return max(room, self.least_tokens)

    def body(self, request: ChatRequest, model: str) -> dict[str, JsonValue]:
        """A request as this server takes it."""
        turns = folded(request.messages) if self.folded else request.messages
        body: dict[str, JsonValue] = {
            "model": model,
            "messages": [_turn(turn) for turn in turns],
            "temperature": request.temperature,
            "seed": request.seed,
            self.limit_field: self.answer_tokens(request),
        }
        if request.choices is not None and "logprobs" not in self.left_out:
            body |= {"logprobs": True, "top_logprobs": self.top_logprobs}
        wanted = response_format(request.choices, request.json_schema)
        if wanted is not None:
            body["response_format"] = wanted
        if request.tools:
            body["tools"] = [
                {
                    "type": "function",
                    "function": {
                        "name": tool.name,
                        "description": tool.description,
                        "parameters": tool.json_schema,
                    },
                }
                for tool in request.tools
            ]
            body |= {} if request.may_call else {"tool_choice": "none"}
        if self.streamed:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return {field: value for field, value in body.items() if field not in self.left_out}

    def said(self) -> tuple[str, ...]:
        """What is left out or put another way, a phrase each; empty where nothing is."""
        phrases = [f"without {', '.join(sorted(self.left_out))}"] if self.left_out else []
        if self.top_logprobs != MOST_LIKELY and "logprobs" not in self.left_out:
            phrases.append(f"with {self.top_logprobs} logprobs")
        phrases += [FOLDED] if self.folded else []
        phrases += [f"room for {self.least_tokens:,} answer tokens"] if self.least_tokens else []
        return (*phrases, *(["answers streamed"] if self.streamed else []))

    def mark(self) -> str:
        """What an identity adds: empty where everything is sent, so that old answers stay known."""
        # How the limit is called, and whether an answer is streamed, change no answer.
        plain = self.model_copy(update={"limit_field": LIMIT_FIELDS[0], "streamed": False})
        return f"?{'; '.join(plain.said())}" if plain != Dialect() else ""


def _turn(message: Message) -> dict[str, JsonValue]:
    turn: dict[str, JsonValue] = {"role": message.role, "content": message.content}
    if message.calls:
        turn["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in message.calls
        ]
    return turn | ({"tool_call_id": message.call} if message.call else {})


def folded(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Every system text at the head of the user turn that follows it."""
    made: list[Message] = []
    waiting: list[str] = []
    for message in messages:
        if message.role == "system":
            waiting.append(message.content)
        elif message.role == "user" and waiting:
            text = "\n\n".join([*waiting, message.content])
            made.append(message.model_copy(update={"content": text}))
            waiting = []
        else:
            made.append(message)
    return (*made, Message(role="user", content="\n\n".join(waiting))) if waiting else tuple(made)


class Remedy(NamedTuple):
    """One change to a dialect, and whether a server's words speak of it."""

    dialect: Dialect
    named: bool


def remedies(dialect: Dialect, request: ChatRequest, words: str) -> list[Remedy]:
    """What may be changed to be let through, one change each; those that the words name first."""
    body = dialect.body(request, "")
    tries: list[Remedy] = []

    def offer(pattern: str, *changed: Dialect) -> None:
        named = re.search(pattern, words, re.IGNORECASE) is not None
        tries.extend(Remedy(one, named) for one in changed if one != dialect)

    for field in ("temperature", "seed"):
        if field in body:
            offer(rf"\b{field}\b", dialect.without(field))
    if "logprobs" in body:
        offer("logprob", *_fewer_logprobs(dialect, words), dialect.without("logprobs"))
    if "response_format" in body:
        pattern = r"format|json|schema|grammar|guided|decoding|structured"
        offer(pattern, dialect.without("response_format"))
    if any(message.role == "system" for message in request.messages):
        offer(r"\bsystem\b|\broles?\b|template", dialect.model_copy(update={"folded": True}))
    other = next(field for field in LIMIT_FIELDS if field != dialect.limit_field)
    limited = r"max_\w*tokens|token limit|integer.below|budget"
    offer(limited, dialect.model_copy(update={"limit_field": other}))
    least = [n for n in _numbers(words) if dialect.answer_tokens(request) < n] + list(MORE_ROOM)
    offer(
        limited,
        *(
            dialect.model_copy(update={"least_tokens": n})
            for n in least
            if n > dialect.least_tokens
        ),
    )
    if not dialect.streamed:
        offer("stream", dialect.model_copy(update={"streamed": True}))
    return sorted(tries, key=lambda remedy: not remedy.named)


def plainest(dialect: Dialect) -> list[Dialect]:
    """Dialects that leave out all that may be: one of them is taken, or the set-up is refused."""
    bare = dialect.model_copy(update={"folded": True}).without(
        "temperature", "seed", "response_format", "logprobs"
    )
    other = next(field for field in LIMIT_FIELDS if field != dialect.limit_field)
    named = [bare, bare.model_copy(update={"limit_field": other})]
    roomy = [one.model_copy(update={"least_tokens": MORE_ROOM[-1]}) for one in named]
    return [*named, *(one.model_copy(update={"streamed": True}) for one in named), *roomy]


def restorations(dialect: Dialect, first: Dialect) -> list[Dialect]:
    """`dialect` with one change taken back each, to find which were needed."""
    back = [
        dialect.model_copy(update={"left_out": dialect.left_out - {field}})
        for field in sorted(dialect.left_out - first.left_out)
    ]
    names = ("folded", "streamed", "least_tokens", "limit_field", "top_logprobs")
    changed = [name for name in names if getattr(dialect, name) != getattr(first, name)]
    return back + [dialect.model_copy(update={n: getattr(first, n)}) for n in changed]


def _fewer_logprobs(dialect: Dialect, words: str) -> list[Dialect]:
    offered = [n for n in _numbers(words) if 1 <= n < dialect.top_logprobs]
    numbers = sorted({*offered, FEWER_LOGPROBS}, reverse=True)
    return [
        dialect.model_copy(update={"top_logprobs": n}) for n in numbers if n < dialect.top_logprobs
    ]


def _numbers(words: str) -> list[int]:
    return [int(number) for number in _NUMBER.findall(words)]


MOST_NAMED = 8
"""Changes that are tried because of a server's words, before all is left out at once."""

Ask = Callable[[Dialect], Awaitable[None]]
"""Asks in a dialect; raises `Refusal` where it is not taken."""


def harmless(request: ChatRequest) -> ChatRequest:
    """The same request with nothing in it that a filter or a window could mind.

    Roles, form and limit stay: where it is refused too, the refusal is not about an example.
    """
    texts = {"system": "Answer briefly.", "user": "Say yes.", "assistant": "Yes."}
    turns: list[Message] = []
    for turn in (t for t in request.messages if t.role != "tool" and not t.calls):
        if len(turns) < 4 or turn is request.messages[-1]:
            turns.append(Message(role=turn.role, content=texts[turn.role]))
    if len(turns) > 2 and turns[-1].role == turns[-2].role:
        del turns[-2]
    return request.model_copy(update={"messages": tuple(turns)})


async def settled(ask: Ask, first: Dialect, request: ChatRequest, refusal: Refusal) -> Dialect:
    """The dialect in which `request` is taken; the fullest that trying finds.

    Raises the last `Refusal` where it is taken in none.
    """
    dialect = await _by_words(ask, first, request, refusal)
    if dialect is None:
        # A server that fails is not asked many times over whether a parameter is what it minds.
        dialect = await _barest(ask, plainest(first)[:1] if refusal.passing else plainest(first))
    if len(restorations(dialect, first)) > 1:
        dialect = await _restored(ask, dialect, first)
    return dialect


async def _by_words(
    ask: Ask, first: Dialect, request: ChatRequest, refusal: Refusal
) -> Dialect | None:
    """Change what the words name, as long as that leads to other words."""
    now, tried = first, 0
    while tried < MOST_NAMED:
        for remedy in remedies(now, request, refusal.clue):
            if not remedy.named or tried >= MOST_NAMED:
                return None
            tried += 1
            try:
                await ask(remedy.dialect)
            except Refusal as other:
                if other.clue != refusal.clue:
                    now, refusal = remedy.dialect, other
                    break
            else:
                return remedy.dialect
        else:
            return None
    return None


async def _barest(ask: Ask, plain: Sequence[Dialect]) -> Dialect:
    last: Refusal | None = None
    for bare in plain:
        try:
            await ask(bare)
        except Refusal as refusal:
            last = last or refusal
        else:
            return bare
    assert last is not None
    raise last


async def _restored(ask: Ask, barest: Dialect, first: Dialect) -> Dialect:
    """Take back each change that was not needed."""
    needed = 0
    while needed < len(back := restorations(barest, first)):
        try:
            await ask(back[needed])
        except Refusal:
            needed += 1
        else:
            barest = back[needed]
    return barest
