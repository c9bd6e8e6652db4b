"""`Solver`: from one input to one `Answer`, through whichever slots its candidate fills.

It does not know expected answers, splits, caches or budgets. Fitting is `rung.solver.fit`, saving
`rung.solver.store`; there is no second way from an input to an answer anywhere.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from typing import Any

from rung.behaviour.base import Ask
from rung.behaviour.contract import form_of
from rung.behaviour.messages import build_messages
from rung.behaviour.shelf import filled
from rung.behaviour.spec import InputField, SolverSpec
from rung.candidate import Candidate
from rung.errors import ProviderError, SourceError, UserError
from rung.knowledge.contexts import Found, Knowledge, Question
from rung.knowledge.contexts.whole import AllDocuments
from rung.knowledge.tools import Tool
from rung.models.base import Adapter, ChatModel, ChatRequest, Message, Vectors
from rung.models.chain import Chain, CircuitBreaker, Link, after
from rung.models.metered import MeteredEmbedder, Read, Role, prompted, reads
from rung.models.no_llm import LabelModel
from rung.records import Answer, ModelUsage, Passage, Usage
from rung.solver.ways import WAYS, Asked
from rung.task.contract import parse, render
from rung.task.types import JsonValue, render_input

__all__ = ["InputField", "Parts", "Solver", "SolverSpec"]


@dataclass(frozen=True)
class Parts:
    """The fitted pieces that a spec needs; each None where its slot is empty."""

    chat: ChatModel | None = None
    embedder: MeteredEmbedder | None = None
    shot_vectors: Vectors | None = None
    knowledge: Knowledge | None = None
    label_model: LabelModel | None = None
    encoder: MeteredEmbedder | None = None
    """Embeds for the label model, where it was tuned for it; else `embedder` does."""
    head: LabelModel | None = None
    """Chooses a label from the log-probabilities of all."""
    adapter: Adapter | None = None
    other: ChatModel | None = None
    """Asked where the first model's answer does not stand."""
    tools: Mapping[str, Tool] = field(default_factory=dict)
    """What may be asked while it answers, by name."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """What other slots hold, by the name of their part."""

    def held(self, part: str) -> Any:
        """What a slot holds."""
        return getattr(self, part) if part in _PARTS else self.more.get(part)

    def holding(self, held: Mapping[str, Any]) -> Parts:
        """With what slots hold, by the names of their parts."""
        own = {part: value for part, value in held.items() if part in _PARTS}
        others = {part: value for part, value in held.items() if part and part not in _PARTS}
        return replace(self, **own, more={**self.more, **others})


_PARTS = frozenset(one.name for one in fields(Parts)) - {"more"}


class Solver:
    """A fitted candidate. `answer` may be awaited many times at once."""

    def __init__(self, spec: SolverSpec, parts: Parts) -> None:
        self.spec = spec
        self.parts = parts
        self.contract = form_of(spec.output, spec.candidate)
        context = spec.candidate.context
        documents = spec.documents if context.traits.leads else ()
        self.knowledge = parts.knowledge or AllDocuments(context, documents)
        """What it is given to know; what the spec itself holds, where nothing was fitted."""
        self.slots = {
            name: slot(spec, parts.held(slot.part) if slot.part else None, parts.embedder)
            for name, slot in filled(spec.candidate).items()
        }
        if spec.candidate.way not in WAYS:
            raise UserError(
                f"the way {spec.candidate.way!r} to an answer is unknown; known are "
                f"{', '.join(WAYS)}"
            )
        self._way = WAYS[spec.candidate.way](spec, parts.head)

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
        names = (self.candidate.first, self.model, self.candidate.then)
        return tuple(name for name in names if name is not None)

    async def prepare(self, inputs: Sequence[str | dict[str, JsonValue]]) -> None:
        """Embed many inputs at once where the candidate embeds them: faster than one by one.

        What an endpoint does not embed is said by the answer that needs it.
        """
        role: Role = "query" if self.candidate.context.traits.searches else "text"
        for embedder in self.embedders if inputs else ():
            with reads(), suppress(SourceError):  # what each answer reads is its own to put down
                await embedder.embed_metered(prompted(embedder, role, [*map(render_input, inputs)]))

    @property
    def embedders(self) -> tuple[MeteredEmbedder, ...]:
        """What embeds an input: what an encoder was tuned from does not, but for other slots."""
        plain = self.parts.embedder if self.parts.chat or not self.parts.encoder else None
        return tuple(one for one in (self.parts.encoder, plain) if one is not None)

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
        `breaker` is for servers: where one of two models has no answer in time, or cannot be asked,
        the other's is taken and marked "outage": nothing that was measured speaks of it. Without it
        the call waits, and fails where one of the two does.
        Raises `ProviderError` when the model cannot be asked; an invalid answer is an answer.
        """
        with reads() as read:
            answer = await self._answer(value, given, seed, breaker)
        return _with_reads(answer, read) if read else answer

    async def _answer(
        self,
        value: str | dict[str, JsonValue],
        given: tuple[Passage, ...] | None,
        seed: int,
        breaker: CircuitBreaker | None,
    ) -> Answer:
        text = render_input(value)
        limit = self.candidate.prompt.max_input_chars
        if self.parts.chat is not None and len(text) > limit:
            problem = f"the input has {len(text)} characters, this solver takes {limit}."
            return Answer(text="", valid=False, problem=problem, finish="refused")
        if self.parts.label_model is None:
            return await self._ask(Question.of(value), given, seed, breaker)
        quick = await self._label(text, self.parts.label_model)
        if self.parts.chat is None or self._stands(quick):
            return quick
        return after(quick, await self._ask(Question.of(value), given, seed, breaker))

    def _stands(self, quick: Answer) -> bool:
        """Whether the first answer of a cascade is sure enough."""
        sure = self.spec.sure
        return sure is not None and (quick.confidence or 0.0) >= sure

    async def _label(self, text: str, model: LabelModel) -> Answer:
        embedder = self.embedders[0]
        vectors, seconds = await embedder.embed_metered(prompted(embedder, "text", [text]))
        started = time.perf_counter()
        label, confidence = model.predict(vectors, [text])[0]
        spent = seconds[0] + time.perf_counter() - started
        name, usage = self.candidate.first or self.candidate.model, Usage(seconds=spent)
        read = parse(self.spec.output, label)
        return Answer(
            text=render(self.spec.output, read.value) if read.valid else label,
            value=read.value,
            valid=read.valid,
            problem=read.problem,
            usage=usage,
            by_call=(ModelUsage(model=name, usage=usage),),
            model=name,
            latency_s=spent,
            confidence=confidence,
        )

    async def _ask(
        self,
        question: Question,
        given: tuple[Passage, ...] | None,
        seed: int,
        breaker: CircuitBreaker | None,
    ) -> Answer:
        """The answer of whoever of the chain has one that stands."""
        ask, known = await self._put_together(question, given)
        request = self._request(self._turns(ask, known.passages), ask, seed)
        first = Asked(
            request,
            known.passages,
            ask.contract,
            ask.seconds,
            before=known.replies,
            steps=known.steps,
            tools=self.parts.tools,
        )
        # An adapter belongs to the model that it was trained for, a head to the one it was fitted
        # on, and preparing a prompt to the first answer that it is sent for.
        plain = request.model_copy(update={"adapter": None, "scored": False})
        answered = False

        async def one(link: Link) -> Answer:
            nonlocal answered
            asked = first if link.first else replace(first, request=plain)
            asked = replace(asked, seconds=0.0, before=()) if answered else asked
            answer = await self._way.answer(link, asked)
            answered = True
            return answer

        chain = self.chain
        answer = await chain.answer(one, breaker)
        return answer if chain.other else _ended(answer)

    @property
    def chain(self) -> Chain:
        """Who answers, and who else."""
        other, name = self.parts.other, self.candidate.then
        link = None if other is None or name is None else Link(name, other, first=False)
        return Chain(Link(self.model, self.chat), link, self.spec.unsure_below)

    async def messages(
        self,
        value: str | dict[str, JsonValue],
        given: tuple[Passage, ...] | None = None,
        without: str | None = None,
    ) -> tuple[tuple[Message, ...], tuple[Passage, ...], float]:
        """The messages of the first call, the passages in them, and the seconds it took.

        No shot of the input `without` is shown. Waiting (for one machine) is not counted.
        """
        ask, known = await self._put_together(Question.of(value), given, without)
        return self._turns(ask, known.passages), known.passages, ask.seconds

    async def _put_together(
        self, question: Question, given: tuple[Passage, ...] | None, without: str | None = None
    ) -> tuple[Ask, Found]:
        known = Found(given) if given is not None else await self.find(question)
        ask = Ask(question.text, without, seconds=known.seconds)
        for slot in self.slots.values():
            ask = await slot.apply(ask)
        return ask, known

    async def find(self, question: Question) -> Found:
        """What it is given to know for a question."""
        asking = question._replace(chat=self.parts.chat, tools=self.parts.tools)
        return await self.knowledge.find(asking)

    def _turns(self, ask: Ask, passages: tuple[Passage, ...]) -> tuple[Message, ...]:
        return build_messages(
            self.spec.instruction,
            ask.contract,
            self.candidate.prompt,
            ask.shots,
            passages,
            ask.text,
            passages_first=self.candidate.context.traits.leads,
        )

    async def request(
        self, value: str | dict[str, JsonValue], without: str | None = None
    ) -> ChatRequest:
        """The first call for an input. No shot of the input `without` is shown."""
        ask, known = await self._put_together(Question.of(value), None, without)
        return self._request(self._turns(ask, known.passages), ask)

    def _request(self, messages: tuple[Message, ...], ask: Ask, seed: int = 0) -> ChatRequest:
        prompt = self.candidate.prompt
        return ChatRequest(
            messages=messages,
            max_tokens=prompt.max_output_tokens,
            temperature=prompt.temperature,
            seed=seed,
            choices=ask.choices,
            scored=ask.scored,
            json_schema=ask.json_schema,
            adapter=ask.adapter,
        )

    @property
    def chat(self) -> ChatModel:
        """The model that is asked first."""
        assert self.parts.chat is not None
        return self.parts.chat


def _with_reads(answer: Answer, read: Sequence[Read]) -> Answer:
    """With what a hosted embedder read for it."""
    used = [one.usage for one in read]
    return answer.model_copy(
        update={
            "usage": sum((one.usage for one in used), answer.usage),
            "by_call": (*answer.by_call, *used),
            "latency_s": answer.latency_s + sum(one.seconds for one in read),
        }
    )


def _ended(answer: Answer) -> Answer:
    """Raises `ProviderError` for no answer at all because thoughts took all of the room."""
    if answer.finish != "length" or answer.text.strip():
        return answer
    used = answer.by_call[-1].usage.output_tokens
    raise ProviderError(
        f"{answer.model} used all {used} tokens before it said anything: give its answers more "
        "room, [output] max_tokens"
    )
