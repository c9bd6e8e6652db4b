"""A model that may have the task's tools called before it answers, by OpenAI's `tools`.

https://platform.openai.com/docs/guides/function-calling
"""

import json
from collections.abc import Mapping
from dataclasses import replace

from rung.behaviour.spec import SolverSpec
from rung.knowledge.tools import Tool, offer
from rung.models.base import ChatReply, Message, ToolCall
from rung.models.chain import Link
from rung.models.no_llm import LabelModel
from rung.records import Answer, Step
from rung.solver.ways.base import Asked, answer_of
from rung.solver.ways.converse import Converse
from rung.task.contract import parse
from rung.task.json_text import values_in
from rung.task.types import JsonValue, SchemaOutput


class CallTools:
    """Asks, calls what the model wants called, and asks again, at most `steps` calls in all.

    An answer that is not valid is asked for once more in its form, with no tool to call. What a
    tool says stands in a turn of the tool's own, never in the instruction.
    """

    def __init__(self, spec: SolverSpec, head: LabelModel | None = None) -> None:
        self.spec, self._converse = spec, Converse(spec, head)

    async def answer(self, link: Link, asked: Asked) -> Answer:
        """Its answer, with a step for each call."""
        offers = tuple(offer(tool.settings) for tool in asked.tools.values())
        # Held to its form, a model could not call anything.
        free = {"choices": None, "json_schema": None, "scored": False, "tools": offers}
        request = asked.request.model_copy(update=free)
        replies: list[ChatReply] = []
        steps: list[Step] = []
        while len(steps) < self.spec.candidate.steps:
            reply = await link.chat.reply(request)
            replies.append(reply)
            if not reply.calls:
                break
            turns = [Message(role="assistant", content=reply.text, calls=reply.calls)]
            for call in reply.calls:
                left = self.spec.candidate.steps - len(steps)
                step = await _step(call, asked.tools) if left > 0 else _refused(call)
                steps.append(step)
                turns.append(Message(role="tool", content=step.got, call=call.id))
            request = request.model_copy(update={"messages": (*request.messages, *turns)})
        else:
            return await self._last(link, asked, request.messages, replies, steps)
        text = reply.text.strip()
        parsed = parse(self.spec.output, text)
        if parsed.valid or reply.finish == "refused":
            return answer_of(link.name, text, parsed, replies, asked, tuple(steps))
        return await self._last(link, asked, request.messages, replies, steps)

    async def _last(
        self,
        link: Link,
        asked: Asked,
        messages: tuple[Message, ...],
        replies: list[ChatReply],
        steps: list[Step],
    ) -> Answer:
        """The answer in its form, nothing more to be called."""
        offers = tuple(offer(tool.settings) for tool in asked.tools.values()) if steps else ()
        last = {"messages": messages, "tools": offers, "may_call": False, "scored": False}
        request = asked.request.model_copy(update=last)
        before, done = (*asked.before, *replies), (*asked.steps, *steps)
        return await self._converse.answer(
            link, replace(asked, request=request, before=before, steps=done)
        )


async def _step(call: ToolCall, tools: Mapping[str, Tool]) -> Step:
    """The call made; where it cannot be, why, for the model to read."""
    tool = tools.get(call.name)
    if tool is None:
        there = ", ".join(tools)
        return Step(name=call.name, given=call.arguments, got=f"error: there is only {there}")
    arguments: JsonValue = next(iter(values_in(call.arguments or "{}")), None)
    form = SchemaOutput(json_schema=tool.settings.input_schema)
    parsed = parse(form, json.dumps(arguments, ensure_ascii=False))
    if not parsed.valid or not isinstance(arguments, dict):
        return Step(name=call.name, given=call.arguments, got=f"error: {parsed.problem}")
    result = await tool.call(arguments)
    return result.step(call.name, call.arguments)


def _refused(call: ToolCall) -> Step:
    return Step(name=call.name, given=call.arguments, got="error: no more calls; answer now")
