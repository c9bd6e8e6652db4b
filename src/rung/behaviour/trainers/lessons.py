"""What is learnt: conversations up to the answer, and the answer. No trainer here."""

from rung.models.base import Message
from rung.task.types import Frozen


class TuningExample(Frozen):
    """A conversation up to the answer, and the answer."""

    messages: tuple[Message, ...]
    answer: str

    @property
    def turns(self) -> tuple[Message, ...]:
        """The conversation with its answer."""
        return (*self.messages, Message(role="assistant", content=self.answer))
