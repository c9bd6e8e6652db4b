"""Rules: a text keeps every named rule and limit of its output contract."""

from typing import Self

from rung.errors import UserError
from rung.records import Answer
from rung.scorers.base import ComparingScorer, Score, answer_text
from rung.task.contract import kept_limits
from rung.task.types import Example, JsonValue, Task, TextOutput


class Rules(ComparingScorer):
    """1 only where all rules and limits are kept; the details name each.

    Judges form alone: what the text says is not looked at.
    """

    name = "rules"
    version = "2"
    kinds = frozenset({"text"})

    def __init__(self, output: TextOutput) -> None:
        self._output = output

    @classmethod
    def for_task(cls, task: Task) -> Self:
        """Needs at least one rule or limit in `[output] text`."""
        assert isinstance(task.output, TextOutput)  # by `kinds`
        if not kept_limits(task.output, ""):
            raise UserError(
                "rung.toml: metric 'rules' in [target] needs rules to keep; add them in [output], "
                "such as text = { max_words = 40, rules = { ends_with_colon = ':$' } }"
            )
        return cls(task.output)

    async def score(self, example: Example, answer: Answer) -> Score:
        """An answer that breaks a rule is invalid under the contract too, and still detailed."""
        return self.against(example.expected, example, answer)

    def against(self, gold: JsonValue, example: Example, answer: Answer) -> Score:
        """Each rule by name, and their share; saying that there is no answer keeps them all."""
        text = answer_text(answer)
        kept = kept_limits(self._output, text)
        if answer.valid and answer.value == "":
            kept, text = dict.fromkeys(kept, True), answer.text or "-"
        good = bool(text) and all(kept.values())
        details = {
            "valid": float(answer.valid),
            "rules_kept": sum(kept.values()) / len(kept),
            **{f"rule:{name}": float(ok) for name, ok in kept.items()},
        }
        broken = [name for name, ok in kept.items() if not ok]
        reason = f"broken: {', '.join(broken)}" if broken else None if text else "empty"
        return Score(value=float(good and answer.valid), details=details, reason=reason)
