"""How a server wants to be asked: what it takes of OpenAI's protocol, and what is put another way.

A refusal is answered by trying, not by its wording alone: `remedies` says what may be changed, the
words only say what to try first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from rung.models.base import ChatRequest, Message
from rung.models.response_format import response_format
from rung.models.token_probabilities import MOST_LIKELY
from rung.task.types import Frozen, JsonValue

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
