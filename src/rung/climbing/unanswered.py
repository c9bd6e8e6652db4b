"""Requests that get no answer, told while a climb runs and not only at its end."""

from rung.climbing.observer import Observer
from rung.records import Attempt

FIRST = 3
"""Requests without an answer that are told; then each time they have doubled."""
MANY = 8
"""Requests from which a half without an answer is told to be much."""


class Unanswered(Observer):
    """Tells `to` how many of a phase's requests got no answer, with the last one's words."""

    def __init__(self, to: Observer) -> None:
        self.to = to
        self._asked = self._failed = 0
        self._told_at = FIRST

    def phase(self, key: str, name: str, total: int) -> None:
        """Counts start again."""
        self._asked = self._failed = 0
        self._told_at = FIRST

    def attempt(self, attempt: Attempt) -> None:
        """Tell at the third, the sixth, the twelfth without an answer."""
        self._asked += 1
        if attempt.state != "errored":
            return
        self._failed += 1
        if self._failed < self._told_at:
            return
        self._told_at *= 2
        sentence = f"{self._failed} of {self._asked} not answered: {attempt.error}"
        if self._asked >= MANY and self._failed * 2 > self._asked:
            sentence = (
                f"{sentence.rstrip('.')}. More than half fail: Ctrl-C stops, what is answered is "
                "kept, and the same command goes on when the server does"
            )
        self.to.note(sentence)
