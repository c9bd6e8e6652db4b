"""What one tool says at the time of the question: it is always asked, for whatever is asked."""

import json

from rung.candidate import Context
from rung.errors import UserError
from rung.knowledge.contexts.base import Found, Knowledge, Question
from rung.models.base import ChatReply, ChatRequest, Message
from rung.records import Step
from rung.task.contract import parse
from rung.task.tools import ToolSettings
from rung.task.types import JsonValue, SchemaOutput

ARGUMENT_TOKENS = 160
FILL = "Fill in the arguments of the tool {name!r} for the input. {description}\nSchema: {schema}"


class Live(Knowledge):
    """A model fills in the arguments, held to their schema where it can be; the result is one
    passage, with its source and time. Where no valid arguments come, there is none."""

    @staticmethod
    def words(context: Context) -> str:
        """Such as "what stock says"."""
        return f"what {context.tool} says"

    async def find(self, question: Question) -> Found:
        """Ask the tool."""
        tool = question.tools.get(self.context.tool)
        if tool is None or question.chat is None:
            raise UserError(
                f"the candidate asks the tool {self.context.tool!r}, which is not there; [[tools]] "
                f"names {', '.join(question.tools) or 'none'}"
            )
        arguments, replies = await self._arguments(question, tool.settings)
        if arguments is None:
            given = replies[-1].text if replies else ""
            step = Step(name=self.context.tool, given=given, got="error: no valid arguments")
            return Found(replies=replies, steps=(step,))
        result = await tool.call(arguments)
        step = result.step(self.context.tool, json.dumps(arguments, ensure_ascii=False))
        return Found((result.passage(self.context.tool),), replies=replies, steps=(step,))

    async def _arguments(
        self, question: Question, settings: ToolSettings
    ) -> tuple[dict[str, JsonValue] | None, tuple[ChatReply, ...]]:
        """Those that the schema leaves open, by the model; None where it gives none that fit."""
        assert question.chat is not None
        if not settings.input_schema.get("properties"):
            return {}, ()
        asked_for = FILL.format(
            name=settings.name,
            description=settings.description,
            schema=json.dumps(settings.input_schema, ensure_ascii=False),
        )
        request = ChatRequest(
            messages=(
                Message(role="system", content=asked_for),
                Message(role="user", content=question.text),
            ),
            max_tokens=ARGUMENT_TOKENS,
            json_schema=settings.input_schema,
        )
        reply = await question.chat.reply(request)
        parsed = parse(SchemaOutput(json_schema=settings.input_schema), reply.text)
        return (parsed.value if parsed.valid else None), (reply,)
