"""What a verdict says, as data: a kind and its figures. `rung.report.reasons` words them."""

from typing import Any, Literal

from pydantic import Field, model_validator

from rung.task.types import Frozen

Kind = Literal[
    "reaches",
    "fell-back",
    "times-dearer",
    "not-tried",
    "passes-too",
    "below",
    "open",
    "unlikely",
    "may-suffice",
    "unsettled",
    "nothing-tried",
    "serve",
    "unanswered",
    "time-again",
    "mend",
    "nothing-tested",
    "more-examples",
    "beyond",
    "no-scores",
    "said",
]
"""reaches: certified on test. fell-back: share that went on to a further model. times-dearer: the
dearest beside the choice. not-tried: not reached. passes-too: certified, and why not chosen.

Of who was left: below: its interval ends below the target. open: cannot be shown on these
examples, though it may be good enough. unlikely: not worth more calls, and not shown to be below.
may-suffice: open, and cheaper than the choice. unsettled: not settled, with its cause.

Next steps: serve, unanswered, time-again, mend, nothing-tested, more-examples, beyond, no-scores.
said: a sentence that was worded elsewhere."""


class Reason(Frozen):
    """One sentence of a verdict before it is worded."""

    kind: Kind
    candidate: str = ""
    """Key of the candidate that it is about."""
    figures: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _worded(cls, given: Any) -> Any:
        """Runs written by earlier versions hold sentences."""
        return {"kind": "said", "figures": {"text": given}} if isinstance(given, str) else given
