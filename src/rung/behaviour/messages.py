"""The one prompt path: from instruction, shots, passages and input to the messages of a call.

Measurement, tuning, serving and the saved artefact all come through here. What is the same for
every request stands first (instruction, contract, documents, fixed shots), so that an engine or a
provider can compute that prefix once.
"""

import re
from collections.abc import Sequence

from rung.candidate import Prompt
from rung.models.base import Message
from rung.records import Passage
from rung.task.types import Frozen

ANSWER_MARK = "Answer:"
REASONING = (
    "Think step by step first. Then write the final answer alone on the last line, after "
    f"'{ANSWER_MARK}'."
)
ROOM_TO_THINK = 512
"""Tokens for the steps, beside the answer's own."""
_TAG = re.compile(r"<(?=\s*/?\s*passages?\b)", re.IGNORECASE)


class Shot(Frozen):
    """A solved example as it is shown to the model."""

    input: str
    answer: str

    def shows(self, text: str) -> bool:
        """It is of this input, with passages or without."""
        return self.input == text or self.input.endswith((f"\n\n{text}", f"\n\n{tagless(text)}"))


def build_messages(
    instruction: str,
    contract: str,
    prompt: Prompt,
    shots: Sequence[Shot],
    passages: Sequence[Passage],
    input_text: str,
    *,
    passages_first: bool = False,
) -> tuple[Message, ...]:
    """The messages of one call.

    `contract` says in words what form an answer must have; `passages_first` puts the passages into
    the system turn (they are the same for every request: all documents).
    """
    system = [prompt.instruction or instruction]
    if prompt.contract and contract:
        system.append(contract)
    if prompt.reasoning:
        system.append(REASONING)
    if passages and passages_first:
        system.append(render_passages(passages, prompt))
    messages = [Message(role="system", content="\n".join(system))]
    mark = f"{ANSWER_MARK} " if prompt.reasoning else ""
    for shot in shots:
        messages.append(Message(role="user", content=shot.input))
        messages.append(Message(role="assistant", content=mark + shot.answer))
    asked = input_text if passages_first else user_turn(input_text, passages, prompt)
    messages.append(Message(role="user", content=asked))
    return tuple(messages)


def user_turn(input_text: str, passages: Sequence[Passage], prompt: Prompt) -> str:
    """What the user says: the passages, if any, and the input below them."""
    if not passages:
        return input_text
    shown = tagless(input_text) if prompt.grounded else input_text
    return f"{render_passages(passages, prompt)}\n\n{shown}"


def render_passages(passages: Sequence[Passage], prompt: Prompt) -> str:
    """Numbered passages, each with the title of its document."""
    shown = [render_passage(i, p, prompt) for i, p in enumerate(passages, 1)]
    if prompt.grounded:
        return "\n".join(["<passages>", *shown, "</passages>"])
    return "\n\n".join(shown)


def render_passage(number: int, passage: Passage, prompt: Prompt) -> str:
    """One of them."""
    title = f"{passage.title}: " if passage.title else ""
    if prompt.grounded:
        return f"<passage>\n[{number}] {tagless(title + passage.text)}\n</passage>"
    return f"[{number}] {title}{passage.text}"


def tagless(text: str) -> str:
    """A text that opens and closes no passage: it can forge none, and end none early."""
    return _TAG.sub("&lt;", text)


def repair_messages(
    messages: tuple[Message, ...], answer: str, problem: str, contract: str
) -> tuple[Message, ...]:
    """The same conversation with the invalid answer sent back and its problem named."""
    return (
        *messages,
        Message(role="assistant", content=answer),
        Message(
            role="user", content=f"That answer cannot be used: {problem} {contract} Answer again."
        ),
    )


def final_answer(text: str, prompt: Prompt) -> str:
    """What counts as the answer: all of it, or what follows the last mark when reasoning."""
    if prompt.reasoning and ANSWER_MARK in text:
        return text.rsplit(ANSWER_MARK, 1)[1].strip()
    return text.strip()
