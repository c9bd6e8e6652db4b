"""A judge model: another model reads task, input, reference and answer, and says right or wrong.

The prompt is `judge_prompt.md`; its content hash and the judge's identity are the version. A judge
is a measuring instrument with errors of its own: how far it agrees with people is not known here.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from rung.errors import ProviderError
from rung.records import Answer
from rung.scorers.base import Score, marks
from rung.task.json_text import without_fence
from rung.task.rows import strict_json
from rung.task.types import Example, JsonValue, render_expected
from rung.task.wording import shown

if TYPE_CHECKING:
    from rung.models.base import ChatModel

_MAX_TOKENS = 256
_VERDICTS = {"correct": 1.0, "wrong": 0.0}
_FORM: dict[str, JsonValue] = {
    "type": "object",
    "properties": {
        "reason": {"type": "string"},
        "verdict": {"type": "string", "enum": list(_VERDICTS)},
    },
    "required": ["reason", "verdict"],
    "additionalProperties": False,
}


class Judge:
    """1 where the judge says correct, 0 where it says wrong, unscored where it says neither."""

    name = "judge"
    graded = False
    kinds = frozenset({"labels", "multilabel", "schema", "text", "sql"})

    def __init__(self, model: ChatModel, instruction: str) -> None:
        self.version = f"{prompt_version()}:{model.identity}"
        self._model = model
        self._instruction = instruction

    async def score(self, example: Example, answer: Answer) -> Score:
        """Ask the judge once; an invalid answer is 0 without asking."""
        from rung.models.base import ChatRequest, Message

        if not answer.valid:
            return Score(value=0.0, details={"valid": 0.0}, reason=answer.problem)
        prompt = fill(
            _prompt(),
            instruction=self._instruction,
            input=example.input_text(),
            expected=render_expected(example.expected),
            answer=answer.text.strip(),
        )
        request = ChatRequest(
            messages=(Message(role="user", content=prompt),),
            max_tokens=_MAX_TOKENS,
            json_schema=_FORM,
        )
        try:
            reply = await self._model.reply(request)
        except ProviderError as problem:
            return Score(value=None, reason=f"the judge did not answer: {problem}")
        return read_verdict(reply.text)


def read_verdict(text: str) -> Score:
    """A judge's reply as a score; anything but the form asked for is unscored."""
    try:
        said = strict_json(without_fence(text))
    except (ValueError, RecursionError):
        said = None
    if isinstance(said, dict) and said.keys() == {"reason", "verdict"}:
        verdict, reason = said["verdict"], said["reason"]
        if isinstance(verdict, str) and verdict in _VERDICTS and isinstance(reason, str):
            return marks(_VERDICTS[verdict], reason)
    return Score(value=None, reason=f"the judge's reply is not a verdict: {shown(text)}")


def prompt_version() -> str:
    """Content hash of the prompt file."""
    return hashlib.sha256(_prompt().encode()).hexdigest()[:12]


def fill(template: str, **values: str) -> str:
    """Put values into `{{name}}` places, once: what a value holds is not filled again."""
    return re.sub(r"\{\{(\w+)\}\}", lambda found: values[found.group(1)], template)


@cache
def _prompt() -> str:
    return (files("rung.scorers") / "judge_prompt.md").read_text(encoding="utf-8")
