"""Room for an answer: a limit that no right answer of the task comes near."""

from rung.candidate import Prompt
from rung.models.base import ChatModel, Message, thinks
from rung.models.usage import estimated_tokens
from rung.solver.room import FOR_THOUGHTS
from rung.task.contract import render
from rung.task.types import Task, TextOutput

SAMPLE = 16
"""Longest expected answers that a model's own count is taken of."""
LEAST = 256
"""Tokens at least where a server counts in its own way, and writes JSON with its own blanks."""
TOKENS_A_WORD = 3
"""Of a limit in words: German compounds and Finnish cases take as many."""


CHARS_PER_TOKEN = 3
"""Of an input that is let through: prose has four, so what a window holds is not refused."""


def plain_prompt(task: Task, name: str, model: ChatModel) -> Prompt:
    """The prompt of a task on a model, with the room that both give."""
    return Prompt(
        max_input_chars=input_chars(task, name, model.context_window),
        max_output_tokens=answer_tokens(task, model),
        fixed_room=task.max_output_tokens is not None,
        temperature=task.climb.temperature,
    )


def input_chars(task: Task, name: str, window: int) -> int:
    """The guard on inputs: `[models.settings."name"] max_input_chars`, else by the window."""
    settings = task.models.settings.get(name)
    stated = settings.max_input_chars if settings is not None else None
    return stated or max(Prompt().max_input_chars, CHARS_PER_TOKEN * window)


def answer_tokens(task: Task, model: ChatModel) -> int:
    """`[output] max_tokens`, else half as much again as the longest expected answer, and 8 more.

    The longest by its tokens: digits and other scripts take several times those of English prose.
    A model that is known to think has room for its thoughts too.
    """
    if task.max_output_tokens is not None:
        return min(task.max_output_tokens, model.context_window - 1)
    rows = task.train or task.dev
    texts = {render(task.output, expected) for e in rows for expected in e.references}
    longest = sorted(texts, key=estimated_tokens)[-SAMPLE:]
    room = max((_tokens(model, text) for text in longest), default=64) * 3 // 2 + 8
    if isinstance(task.output, TextOutput):
        room = max(room, TOKENS_A_WORD * (task.output.max_words or 0), task.output.max_chars or 0)
    if not model.constrains:
        room = max(room, LEAST)
    if thinks(model):
        room += FOR_THOUGHTS[0]
    return min(room, model.context_window // 2)


def _tokens(model: ChatModel, text: str) -> int:
    # As a user's: some templates take no conversation that an answer begins.
    return model.count_tokens((Message(role="user", content=text),))
