"""The model that words prompts anew in a serious climb."""

from decimal import Decimal

from rung.candidate import NO_LLM
from rung.climbing.tools import Tools
from rung.errors import ProviderError
from rung.models.base import ChatRequest, Message, parameters, thinks
from rung.records import Usage
from rung.solver.room import FOR_THOUGHTS

FEWEST_WEIGHTS = 1_000_000_000
"""Of a local model that is asked without being named: smaller ones write nonsense (measured with
half a billion)."""
ROOM = 1536
"""Tokens of what it writes, beside its thoughts."""
_WORK = Usage(input_tokens=2000, output_tokens=500)


def strongest(tools: Tools) -> str | None:
    """`[models] writer`; else the dearest by the token of those named, the largest of local ones.

    None where all of them are small.
    """
    models = tools.task.models
    if models.writer is not None:
        return models.writer
    named = [m for m in (*models.to_try, *models.helpers) if not m.startswith(NO_LLM)]
    sizes = {name: parameters(tools.raw(name)) for name in dict.fromkeys(named)}
    able = [name for name, size in sizes.items() if size is None or size >= FEWEST_WEIGHTS]
    return max(able, key=lambda m: (tools.price(_WORK, m), sizes[m] or 0), default=None)


async def written(tools: Tools, name: str, messages: tuple[Message, ...]) -> tuple[str, Decimal]:
    """What the writer says, and what that cost; nothing where it will not answer this.

    Raises `ProviderError` (never as an outage: it says nothing of the rung's own model) and
    `BudgetExceeded`.
    """
    chat = tools.chat(name)
    room = ROOM + (FOR_THOUGHTS[0] if thinks(chat) else 0)
    request = ChatRequest(messages=messages, max_tokens=min(room, chat.context_window // 2))
    try:
        reply = await chat.reply(request)
    except ProviderError as error:
        if error.final:
            return "", Decimal(0)
        raise ProviderError(f"{error} (it words prompts here: [models] writer)") from error
    return reply.text, tools.price(reply.usage, name)
