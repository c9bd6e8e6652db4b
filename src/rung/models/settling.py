"""Finding the dialect that a server takes, by trying."""

from collections.abc import Awaitable, Callable, Sequence

from rung.models.base import ChatRequest, Message
from rung.models.dialect import Dialect, plainest, remedies, restorations
from rung.models.endpoint_errors import Refusal

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
