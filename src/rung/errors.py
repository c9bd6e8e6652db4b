"""Every error Rung raises on purpose.

    RungError
    ├── UserError            bad input: one sentence, exit code 2
    │   └── MissingExtraError    a library of an extra is not installed
    ├── ProviderError        a model did not answer: never scored as a wrong answer
    │   └── SourceError          a store or a tool did not, of which a model was to read
    ├── BudgetExceeded       the next call would cost more than `--budget` leaves
    └── StoreError           a file or database of Rung's own cannot be read or written

A message has three parts: what happened, the value seen, what to do next. It is translated to
text in two places only: the command line and the server. No message ever carries a secret.
"""

FINAL_STATUS = frozenset({400, 413, 422})
"""Of a request that is refused for what it is: too long, malformed."""


class RungError(Exception):
    """Base of every deliberate error."""


class UserError(RungError):
    """The input cannot be used as it is; the message says what to do next."""


class MissingExtraError(UserError):
    """An optional library is missing; the message carries the exact install line."""

    def __init__(self, needed_for: str, extra: str) -> None:
        super().__init__(f"{needed_for} needs the extra {extra!r}: pip install 'rung[{extra}]'")
        self.extra = extra


class ProviderError(RungError):
    """A model endpoint failed: recorded as an errored attempt, retried on the next run."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
        outage: bool = False,
        set_up: bool = False,
        example: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s
        self.outage = outage
        """True where every further call would fail too (no connection, bad key)."""
        self.set_up = set_up
        """True where every example asked this way would be refused (a role, a format): it says
        nothing of an example, and is no score."""
        self.example = example
        """True where it is known that this example is refused, and others are not."""

    @property
    def final(self) -> bool:
        """The request itself cannot be served: asking again changes nothing."""
        return self.example or (self.status in FINAL_STATUS and not self.asks_nothing_more)

    @property
    def asks_nothing_more(self) -> bool:
        """Whether whoever asks many examples stops asking."""
        return self.outage or self.set_up


class SourceError(ProviderError):
    """A store or a tool failed: no model's fault, and no score either."""


class BudgetExceeded(RungError):
    """Raised before a call whose forecast cost no longer fits the budget."""


class StoreError(RungError):
    """A file or database that Rung keeps could not be read or written."""
