"""Ask, and ask again while the answer is invalid or cut: one conversation with one model."""

import numpy as np

from rung.behaviour.messages import final_answer, repair_messages
from rung.behaviour.spec import SolverSpec
from rung.errors import ProviderError
from rung.models.base import ChatModel, ChatReply, ChatRequest
from rung.models.chain import Link
from rung.models.no_llm import LabelModel
from rung.records import Answer
from rung.solver.room import more_room, spare
from rung.solver.ways.base import Asked, answer_of
from rung.task.contract import Parsed, parse
from rung.task.types import SchemaOutput


class Converse:
    """One solver's; `room` grows once answers were cut."""

    def __init__(self, spec: SolverSpec, head: LabelModel | None = None) -> None:
        self.spec, self.head = spec, head
        self.prompt = spec.candidate.prompt
        self.room = self.prompt.max_output_tokens
        """Tokens that an answer may take."""

    async def answer(self, link: Link, asked: Asked) -> Answer:
        """Ask until the answer is valid, as often as the prompt allows."""
        prompt, request = self.prompt, asked.request
        if request.scored and self.head is not None:
            return self._chosen(link.name, await link.chat.reply(request), asked, self.head)
        replies: list[ChatReply] = []
        asks = 0
        while True:
            replies += await self._whole(link.chat, request)
            reply = replies[-1]
            asks += 1
            text = final_answer(reply.text, prompt)
            parsed = self._parse(text, reply)
            # What ran out of room under its schema, or in thoughts, would run out of it again.
            endless = isinstance(self.spec.output, SchemaOutput) or not text
            cut = reply.finish == "length" and endless
            stop = cut or reply.finish == "refused" or asks > prompt.repairs
            if parsed.valid or stop:
                break
            repaired = repair_messages(
                request.messages, reply.text, parsed.problem or "", asked.contract
            )
            request = request.model_copy(update={"messages": repaired})
        return answer_of(link.name, text, parsed, replies, asked)

    def _chosen(self, name: str, reply: ChatReply, asked: Asked, head: LabelModel) -> Answer:
        """The label that the head chooses."""
        if reply.logprobs is None:
            raise ProviderError(f"{name} did not tell the log-probabilities of the labels")
        features = np.asarray([reply.logprobs], dtype=np.float32)
        label, confidence = head.predict(features, [""])[0]
        parsed = parse(self.spec.output, label)
        reply = reply.model_copy(update={"text": label, "confidence": confidence})
        return answer_of(name, label, parsed, [reply], asked)

    async def _whole(self, chat: ChatModel, request: ChatRequest) -> list[ChatReply]:
        """Ask, and ask again with more room while the answer is cut; the last reply counts.

        Room that was needed once is given from then on. A second asking is paid for as well.
        """
        replies: list[ChatReply] = []
        room, fixed = request.max_tokens, self.prompt.fixed_room
        if not fixed and self.room > room:
            room = max(room, min(self.room, spare(chat, request)))
        while True:
            reply = await chat.reply(request.model_copy(update={"max_tokens": room}))
            replies.append(reply)
            more = None
            if not fixed and reply.finish == "length" and not self._rambles(chat, reply):
                more = more_room(reply, request.max_tokens, room, spare(chat, request))
            if more is None:
                return replies
            room, self.room = more, max(more, self.room)

    def _rambles(self, chat: ChatModel, reply: ChatReply) -> bool:
        """A local model's tokens are counted, not estimated: text that was cut is longer than the
        longest right answer by half, and more room would only make it longer."""
        plain = not isinstance(self.spec.output, SchemaOutput) and not reply.thought
        return chat.constrains and plain and not self.prompt.reasoning

    def _parse(self, text: str, reply: ChatReply) -> Parsed:
        if reply.finish == "refused":
            return Parsed(valid=False, problem="the model refused to answer.")
        return parse(self.spec.output, text)
