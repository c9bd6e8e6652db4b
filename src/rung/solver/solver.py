"""`Solver`: from one input to one `Answer`, through whichever slots its candidate fills.

It does not know expected answers, splits, caches or budgets. Fitting is `rung.solver.fit`, saving
`rung.solver.store`; there is no second way from an input to an answer anywhere.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add

import numpy as np

from rung.behaviour.messages import Shot, build_messages, final_answer, repair_messages
from rung.candidate import Candidate
from rung.errors import ProviderError
from rung.knowledge.citations import cite
from rung.knowledge.contexts import Knowledge
from rung.knowledge.contexts.whole import AllDocuments
from rung.models.base import Adapter, ChatModel, ChatReply, ChatRequest, Message, Vectors
from rung.models.metered import MeteredEmbedder
from rung.models.no_llm import LabelModel
from rung.records import Answer, ModelUsage, Passage, Usage
from rung.solver.breaker import CircuitBreaker
from rung.solver.cascade import after, passed_on, resolved
from rung.solver.room import more_room, spare
from rung.task.contract import Parsed, describe, parse
from rung.task.types import (
    Frozen,
    InputField,
    JsonValue,
    LabelsOutput,
    MultiLabelOutput,
    Output,
    SchemaOutput,
    render_input,
)


class SolverSpec(Frozen):
    """What a solver is, as plain data: everything but models, vectors and index."""

    candidate: Candidate
    task: str
    instruction: str
    output: Output
    shots: tuple[Shot, ...] = ()
    """The fixed shots, or the pool that the nearest are taken from."""
    documents: tuple[Passage, ...] = ()
    """Whole documents, where the context is `all`."""
    sure: float | None = None
    """Of a cascade: confidence from which its first answer stands; None: it never does."""
    unsure_below: float | None = None
    """Confidence of the model under which its fallback is asked; None: a valid answer stands."""
    input_fields: tuple[InputField, ...] = ()
    """Fields of the inputs in the order they were measured in; empty where inputs are text."""
    tuned_model: str | None = None
    """The model that answers where a provider tuned the candidate's."""


@dataclass(frozen=True)
class Parts:
    """The fitted pieces that a spec needs; each None where its slot is empty."""

    chat: ChatModel | None = None
    embedder: MeteredEmbedder | None = None
    shot_vectors: Vectors | None = None
    knowledge: Knowledge | None = None
    label_model: LabelModel | None = None
    head: LabelModel | None = None
    """Chooses a label from the log-probabilities of all."""
    adapter: Adapter | None = None
    fallback: ChatModel | None = None


@dataclass(frozen=True)
class _Asked:
    """One input on its way to a model."""

    request: ChatRequest
    passages: tuple[Passage, ...]
    seconds: float
    """Of this machine, for finding passages and shots."""


class Solver:
    """A fitted candidate. `answer` may be awaited many times at once."""

    def __init__(self, spec: SolverSpec, parts: Parts) -> None:
        self.spec = spec
        self.parts = parts
        self.contract = describe(spec.output)
        context = spec.candidate.context
        documents = spec.documents if context.traits.leads else ()
        self.knowledge = parts.knowledge or AllDocuments(context, documents)
        """What it is given to know; what the spec itself holds, where nothing was fitted."""
        self.room = spec.candidate.prompt.max_output_tokens
        """Tokens that an answer may take: more once answers were cut."""

    @property
    def candidate(self) -> Candidate:
        """What was fitted."""
        return self.spec.candidate

    @property
    def model(self) -> str:
        """The model that is asked, and priced."""
        return self.spec.tuned_model or self.candidate.model

    @property
    def models(self) -> tuple[str, ...]:
        """Every model that may answer, each at its own price."""
        names = (self.candidate.first, self.model, self.candidate.fallback)
        return tuple(name for name in names if name is not None)

    async def prepare(self, inputs: Sequence[str | dict[str, JsonValue]]) -> None:
        """Embed many inputs at once where the candidate embeds them: faster than one by one."""
        if self.parts.embedder is not None and inputs:
            await self.parts.embedder.embed_metered([render_input(i) for i in inputs])

    def ask(self, value: str | dict[str, JsonValue]) -> Answer:
        """`answer` for scripts: waits for the result."""
        return asyncio.run(self.answer(value))

    async def answer(
        self,
        value: str | dict[str, JsonValue],
        given: tuple[Passage, ...] | None = None,
        seed: int = 0,
        *,
        breaker: CircuitBreaker | None = None,
    ) -> Answer:
        """Answer one input.

        `given` replaces what the candidate would know by itself (gold probes only); `seed` tells
        samples of one input apart where the prompt has a temperature.
        `breaker` is for servers: where one of a model and its fallback has no answer in time, or
        cannot be asked, the other's is taken and marked `fallback="outage"`: nothing that was
        measured speaks of it. Without it the call waits, and fails where one of the two does.
        Raises `ProviderError` when the model cannot be asked; an invalid answer is an answer.
        """
        text = render_input(value)
        limit = self.candidate.prompt.max_input_chars
        if self.parts.chat is not None and len(text) > limit:
            problem = f"the input has {len(text)} characters, this solver takes {limit}."
            return Answer(text="", valid=False, problem=problem, finish="refused")
        if self.parts.label_model is None:
            return await self._ask(text, given, seed, breaker)
        quick = await self._label(text, self.parts.label_model)
        if self.parts.chat is None or self._stands(quick):
            return quick
        return after(quick, await self._ask(text, given, seed, breaker))

    def _stands(self, quick: Answer) -> bool:
        """Whether the first answer of a cascade is sure enough."""
        sure = self.spec.sure
        return sure is not None and (quick.confidence or 0.0) >= sure

    async def _label(self, text: str, model: LabelModel) -> Answer:
        vectors, seconds = await self._embedder().embed_metered([text])
        started = time.perf_counter()
        label, confidence = model.predict(vectors)[0]
        spent = seconds[0] + time.perf_counter() - started
        name, usage = self.candidate.first or self.candidate.model, Usage(seconds=spent)
        return Answer(
            text=label,
            value=parse(self.spec.output, label).value,
            usage=usage,
            by_call=(ModelUsage(model=name, usage=usage),),
            model=name,
            latency_s=spent,
            confidence=confidence,
        )

    async def _ask(
        self,
        text: str,
        given: tuple[Passage, ...] | None,
        seed: int,
        breaker: CircuitBreaker | None,
    ) -> Answer:
        """The model's answer, or its fallback's where that one does not stand."""
        messages, passages, seconds = await self.messages(text, given)
        asked = _Asked(self.request(messages, seed), passages, seconds)
        fallback, name = self.parts.fallback, self.candidate.fallback
        if fallback is None or name is None:
            return _ended(await self._converse(self.model, self._chat(), asked))
        # An adapter belongs to the model that it was trained for.
        plain = {"adapter": None, "scored": False}
        again = replace(asked, request=asked.request.model_copy(update=plain))
        own = await self._own(asked, breaker)
        if own is None:
            answer = await self._converse(name, fallback, again)
            return answer.model_copy(update={"fallback": "outage"})
        why = passed_on(own, self.spec.unsure_below)
        if why is None:
            return own
        try:
            async with asyncio.timeout(None if breaker is None else breaker.wait_s):
                later = await self._converse(name, fallback, replace(again, seconds=0.0))
                return resolved(own, later, why)
        except (ProviderError, TimeoutError) as error:
            if breaker is None or getattr(error, "final", False) or not own.valid:
                raise
            return own.model_copy(update={"fallback": "outage"})

    async def _own(self, asked: _Asked, breaker: CircuitBreaker | None) -> Answer | None:
        """The first model's answer; None where it is out, and a server asks the second instead."""
        if breaker is None:
            return await self._converse(self.model, self._chat(), asked)
        if breaker.is_open():
            return None
        try:
            async with asyncio.timeout(breaker.wait_s):
                own = await self._converse(self.model, self._chat(), asked)
        except (ProviderError, TimeoutError) as error:
            if getattr(error, "final", False):
                breaker.answered()
                raise
            breaker.failed()
            return None
        breaker.answered()
        return own

    async def _converse(self, name: str, chat: ChatModel, asked: _Asked) -> Answer:
        """Ask one model until its answer is valid, as often as the prompt allows."""
        prompt, request = self.candidate.prompt, asked.request
        if request.scored and self.parts.head is not None:
            return self._chosen(name, await chat.reply(request), asked, self.parts.head)
        replies: list[ChatReply] = []
        asks = 0
        while True:
            replies += await self._whole(chat, request)
            reply = replies[-1]
            asks += 1
            said = final_answer(reply.text, prompt)
            parsed = self._parse(said, reply)
            # What ran out of room under its schema, or in thoughts, would run out of it again.
            endless = isinstance(self.spec.output, SchemaOutput) or not said
            cut = reply.finish == "length" and endless
            stop = cut or reply.finish == "refused" or asks > prompt.repairs
            if parsed.valid or stop:
                break
            repaired = repair_messages(
                request.messages, reply.text, parsed.problem or "", self.contract
            )
            request = request.model_copy(update={"messages": repaired})
        return self._assemble(name, said, parsed, replies, asked)

    def _chosen(self, name: str, reply: ChatReply, asked: _Asked, head: LabelModel) -> Answer:
        """The label that the head chooses."""
        if reply.logprobs is None:
            raise ProviderError(f"{name} did not tell the log-probabilities of the labels")
        told = np.asarray([reply.logprobs], dtype=np.float32)
        label, confidence = head.predict(told)[0]
        parsed = parse(self.spec.output, label)
        reply = reply.model_copy(update={"text": label, "confidence": confidence})
        return self._assemble(name, label, parsed, [reply], asked)

    async def _whole(self, chat: ChatModel, request: ChatRequest) -> list[ChatReply]:
        """Ask, and ask again with more room while the answer is cut; the last reply counts.

        Room that was needed once is given from then on. A second asking is paid for as well.
        """
        replies: list[ChatReply] = []
        room, fixed = request.max_tokens, self.candidate.prompt.fixed_room
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
        return chat.constrains and plain and not self.candidate.prompt.reasoning

    async def messages(
        self,
        text: str,
        given: tuple[Passage, ...] | None = None,
        without: str | None = None,
    ) -> tuple[tuple[Message, ...], tuple[Passage, ...], float]:
        """The messages of the first call, the passages in them, and the seconds it took.

        No shot of the input `without` is shown. Waiting (for one machine) is not counted.
        """
        find = self.knowledge.find
        passages, searching = await find(text) if given is None else (given, 0.0)
        shots, choosing = await self._shots(text, without)
        messages = build_messages(
            self.spec.instruction,
            self.contract,
            self.candidate.prompt,
            shots,
            passages,
            text,
            passages_first=self.candidate.context.traits.leads,
        )
        return messages, passages, searching + choosing

    def request(self, messages: tuple[Message, ...], seed: int = 0) -> ChatRequest:
        """The first call that these messages are sent with."""
        prompt, output = self.candidate.prompt, self.spec.output
        constrain = prompt.constrained and not prompt.reasoning
        choices = output.labels if constrain and isinstance(output, LabelsOutput) else None
        schema = None
        if constrain and isinstance(output, SchemaOutput | MultiLabelOutput):
            schema = output.json_schema
        return ChatRequest(
            messages=messages,
            max_tokens=prompt.max_output_tokens,
            temperature=prompt.temperature,
            seed=seed,
            choices=choices,
            scored=prompt.head and choices is not None,
            json_schema=schema,
            adapter=self.parts.adapter,
        )

    def _parse(self, said: str, reply: ChatReply) -> Parsed:
        if reply.finish == "refused":
            return Parsed(valid=False, problem="the model refused to answer.")
        return parse(self.spec.output, said)

    def _assemble(
        self, name: str, said: str, parsed: Parsed, replies: list[ChatReply], asked: _Asked
    ) -> Answer:
        # Preparing a prompt belongs to the first call that it is sent with.
        took = [Usage(seconds=asked.seconds) + replies[0].usage, *(r.usage for r in replies[1:])]
        return Answer(
            text=said,
            value=parsed.value,
            valid=parsed.valid,
            problem=parsed.problem,
            finish=replies[-1].finish,
            passages=asked.passages,
            citations=cite(said, asked.passages) if asked.passages else (),
            usage=reduce(add, took),
            by_call=tuple(ModelUsage(model=name, usage=usage) for usage in took),
            model=name,
            calls=len(replies),
            cached_calls=sum(r.cached for r in replies),
            latency_s=asked.seconds + sum(r.latency_s for r in replies),
            confidence=replies[-1].confidence,
        )

    async def _shots(self, text: str, without: str | None = None) -> tuple[Sequence[Shot], float]:
        """The solved examples to show, and the seconds that choosing them took."""
        shots = self.candidate.prompt.shots
        if not shots.chosen_by_input:
            return [s for s in self.spec.shots if without is None or not s.shows(without)], 0.0
        assert self.parts.shot_vectors is not None
        vectors, seconds = await self._embedder().embed_metered([text])
        started = time.perf_counter()
        similarity = self.parts.shot_vectors @ vectors[0]
        ranked = np.argsort(-similarity, kind="stable")
        if without is not None:
            ranked = np.array([i for i in ranked if not self.spec.shots[i].shows(without)], int)
        nearest = ranked[: shots.k]
        # The nearest stands last: closest to the question that it resembles.
        chosen = [self.spec.shots[i] for i in reversed(nearest)]
        return chosen, seconds[0] + time.perf_counter() - started

    def _chat(self) -> ChatModel:
        assert self.parts.chat is not None
        return self.parts.chat

    def _embedder(self) -> MeteredEmbedder:
        assert self.parts.embedder is not None
        return self.parts.embedder


def _ended(answer: Answer) -> Answer:
    """Raises `ProviderError` for no answer at all because thoughts took all of the room."""
    if answer.finish != "length" or answer.text.strip():
        return answer
    used = answer.by_call[-1].usage.output_tokens
    raise ProviderError(
        f"{answer.model} used all {used} tokens before it said anything: give its answers more "
        "room, [output] max_tokens"
    )
