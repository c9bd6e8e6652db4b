"""A judge model: another model reads task, input, reference and answer, and says right or wrong.

The prompt is `judge_prompt.md`, with the task's rubric where it has one; their content hash and the
judge's identity are the version. A judge is a measuring instrument with errors of its own: how far
it agrees with people, `rung judge` says from answers that people marked.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from rung.errors import ProviderError
from rung.records import Answer
from rung.scorers.base import Score, marks
from rung.task.json_text import without_fence
from rung.task.rows import strict_json
from rung.task.types import Example, JsonValue, Rubric, render_expected
from rung.task.wording import shown

if TYPE_CHECKING:
    from rung.models.base import ChatModel

_MAX_TOKENS = 256
_VERDICTS = {"correct": 1.0, "wrong": 0.0}
_RULE = "The answer is correct when"


def _form(by_name: Mapping[str, float]) -> dict[str, JsonValue]:
    return {
        "type": "object",
        "properties": {
            "reason": {"type": "string"},
            "verdict": {"type": "string", "enum": list(by_name)},
        },
        "required": ["reason", "verdict"],
        "additionalProperties": False,
    }


class Judge:
    """1 where the judge says correct, 0 where it says wrong, unscored where it says neither.

    With a rubric of one's own: the mark's place on its scale.
    """

    name = "judge"
    kinds = frozenset({"labels", "multilabel", "schema", "text", "sql"})

    def __init__(self, model: ChatModel, instruction: str, rubric: Rubric | None = None) -> None:
        self.version = f"{prompt_version(rubric)}:{model.identity}"
        self.graded = rubric is not None and rubric.graded
        self._model = model
        self._instruction = instruction
        self._rubric = rubric
        self._marks = _VERDICTS
        if rubric is not None:
            self._marks = {str(mark): rubric.share(mark) for mark in sorted(rubric.scale)}

    async def score(self, example: Example, answer: Answer) -> Score:
        """Ask the judge once; an invalid answer is 0 without asking."""
        from rung.models.base import ChatRequest, Message

        if not answer.valid:
            return Score(value=0.0, details={"valid": 0.0}, reason=answer.problem)
        prompt = fill(
            _prompt(self._rubric),
            instruction=self._instruction,
            input=example.input_text(),
            expected=_expected(example),
            answer=answer.text.strip(),
        )
        request = ChatRequest(
            messages=(Message(role="user", content=prompt),),
            max_tokens=_MAX_TOKENS,
            json_schema=_form(self._marks),
        )
        try:
            reply = await self._model.reply(request)
        except ProviderError as problem:
            return Score(value=None, reason=f"the judge did not answer: {problem}")
        return read_verdict(reply.text, self._marks)


def _expected(example: Example) -> str:
    texts = [render_expected(one) or "(there is no answer)" for one in example.references]
    return texts[0] if len(texts) == 1 else "any one of:\n" + "\n".join(texts)


def read_verdict(text: str, by_name: Mapping[str, float] = _VERDICTS) -> Score:
    """A judge's reply as a score; anything but the form asked for is unscored."""
    try:
        reading = strict_json(without_fence(text))
    except (ValueError, RecursionError):
        reading = None
    if isinstance(reading, dict) and reading.keys() == {"reason", "verdict"}:
        verdict, reason = reading["verdict"], reading["reason"]
        if isinstance(verdict, int) and not isinstance(verdict, bool):
            verdict = str(verdict)
        if isinstance(verdict, str) and verdict in by_name and isinstance(reason, str):
            return marks(by_name[verdict], reason)
    return Score(value=None, reason=f"the judge's reply is not a verdict: {shown(text)}")


def prompt_version(rubric: Rubric | None = None) -> str:
    """Content hash of the prompt, rubric included."""
    return hashlib.sha256(_prompt(rubric).encode()).hexdigest()[:12]


def fill(template: str, **values: str) -> str:
    """Put values into `{{name}}` places, once: what a value holds is not filled again."""
    return re.sub(r"\{\{(\w+)\}\}", lambda match: values[match.group(1)], template)


def _prompt(rubric: Rubric | None = None) -> str:
    text = _file()
    if rubric is None:
        return text
    start = text.index(_RULE)
    scale = ", ".join(f'"{mark}"' for mark in sorted(rubric.scale))
    criteria = rubric.text().replace("{{", "{ {")  # no place to fill in
    reply = '{"reason": "one sentence", "verdict": "the mark"}'
    return (
        f"{text[:start]}The rubric to go by:\n\n{criteria}\n\nReply with one JSON object and "
        f"nothing else: {reply}, the mark being one of {scale}.\n"
    )


@cache
def _file() -> str:
    return (files("rung.scorers") / "judge_prompt.md").read_text(encoding="utf-8")
