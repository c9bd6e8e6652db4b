"""How many tokens an answer may take, and how that grows where answers are cut.

Tokens that are not written cost nothing, so a limit only has to stop a model that does not end. The
steps depend on nothing but the first limit: after a kill the same calls are made, and found kept.
"""

from rung.models.base import ChatModel, ChatReply, ChatRequest

TIMES, LEAST = 4, 1024
"""Room for an answer that was cut: so many times as much, and at least so many tokens."""
FOR_THOUGHTS = (4096, 16_384)
"""Tokens for an answer after thoughts: those of reasoning models take hundreds to thousands.

OpenAI advises to reserve 25,000 for thoughts and answer when one begins with such a model:
https://platform.openai.com/docs/guides/reasoning#allocating-space-for-reasoning"""
_LOOP_CHARS, _LOOP_TIMES = 24, 4


def more_room(reply: ChatReply, first: int, room: int, spare: int) -> int | None:
    """The next step for an answer that was cut at `room` tokens; None: more would not help.

    `first` is what the model was given at the start, `spare` what its window leaves.
    """
    if reply.finish != "length" or _loops(reply.text):
        return None
    steps = [max(TIMES * first, LEAST)]
    if reply.thought or not reply.text.strip():
        steps += FOR_THOUGHTS
    step = min((s for s in steps if s > room), default=room)
    return min(step, spare) if min(step, spare) > room else None


def spare(chat: ChatModel, request: ChatRequest) -> int:
    """Tokens that the model's window leaves for an answer."""
    return chat.context_window - chat.count_tokens(request.messages)


def _loops(text: str) -> bool:
    """Whether its end stands in it again and again: it would go on so for ever."""
    end = text.rstrip()[-_LOOP_CHARS:]
    return len(end) == _LOOP_CHARS and text.count(end) >= _LOOP_TIMES
