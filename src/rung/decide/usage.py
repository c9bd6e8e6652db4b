"""What a request of a candidate will use, reckoned before any is asked: model by model.

Prompts are built as the solver builds them, from training examples and passages taken at even steps
through the documents, and counted with the model's own tokenizer.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from statistics import fmean

from rung.behaviour.base import Tokens
from rung.behaviour.contract import form_of
from rung.behaviour.messages import Shot, build_messages, user_turn
from rung.behaviour.shelf import filled
from rung.behaviour.trainers.base import preferring, race_share
from rung.behaviour.trainers.encoder_recipe import learnt
from rung.behaviour.weights import preferences
from rung.candidate import NO_LLM, Candidate
from rung.economics.pricing import PriceBook, runs_here
from rung.economics.setup import SETUP_USD
from rung.economics.spec import AlsoAsked, CandidateUsage
from rung.economics.speed import (
    ENCODER_TRAIN_PER_S,
    MEASURED,
    answer_seconds,
    parameters_named,
    training_seconds,
)
from rung.economics.training import training_price
from rung.errors import UserError
from rung.knowledge.contexts import knowledge_of
from rung.knowledge.stages import requests_of
from rung.models.base import ChatModel, Message, parameters
from rung.models.embedder import MOST_TOKENS
from rung.models.local.machine import on_device
from rung.models.no_llm_choice import ENCODER
from rung.models.usage import estimated_tokens
from rung.money import dec
from rung.records import Passage, Usage
from rung.task.contract import render
from rung.task.types import Example, Frozen, Task

MATCH_S = 0.02
"""Seconds of one embedded lookup, before anything is measured: for the order only."""

PASSED_ON = 0.5
"""Share of requests that each model of a cascade is expected to pass on: nothing is known of it
before a pilot, whose measured share takes its place."""
PAIR_READS = 3
"""What a pair takes, in trainings of one row: two answers are learnt and both looked up once in
what is gone on from, half the work without gradients."""
SAMPLE = 16
"""Prompts counted for each candidate."""


class ExpectedCall(Frozen):
    """What one model of a candidate is expected to use."""

    model: str
    usage: Usage
    """Of a request in which it is asked."""
    share: float = 1.0
    """Of the requests in which it is asked."""
    parameters: int | None = None
    """Weights, where it runs here: what its seconds are reckoned by."""


def expected_calls(
    task: Task, candidate: Candidate, chat: Callable[[str], ChatModel]
) -> tuple[ExpectedCall, ...]:
    """Every model of the candidate, in the order in which they are asked."""
    calls: list[ExpectedCall] = []
    for place, name in enumerate(candidate.models):
        if name.startswith(NO_LLM):
            usage, size = Usage(seconds=MATCH_S), None
        else:
            size = _parameters(name, chat(name))
            usage = _of_model(task, candidate, chat(name), size)
        share = PASSED_ON**place
        calls.append(ExpectedCall(model=name, usage=usage, share=share, parameters=size))
    return tuple(calls)


def expected_usage(calls: Sequence[ExpectedCall]) -> Usage:
    """Mean tokens and seconds of one request, all models together."""
    return Usage(
        input_tokens=round(sum(c.usage.input_tokens * c.share for c in calls)),
        output_tokens=round(sum(c.usage.output_tokens * c.share for c in calls)),
        seconds=sum(c.usage.seconds * c.share for c in calls),
        gpu_seconds=sum(c.usage.gpu_seconds * c.share for c in calls),
    )


def expected_usd(
    task: Task, candidate: Candidate, calls: Sequence[ExpectedCall], book: PriceBook
) -> Decimal:
    """USD of a request: every model's tokens and seconds, and the tool that is asked."""
    asked = (book.of_model(c.model).price(c.usage) * dec(c.share) for c in calls)
    usd = sum(asked, Decimal(0)) + dec(_tools_usd(task, candidate))
    if candidate.embedder is None or candidate.embedder != book.embedder:
        return usd
    _, each = _embedded(task, candidate)
    return usd + book.of_model(book.embedder).price(Usage(input_tokens=round(each)))


def _embedded(task: Task, candidate: Candidate) -> tuple[int, float]:
    """Tokens that a hosted embedder reads once, and for a request."""
    traits = candidate.context.traits
    texts = [d.text for d in task.documents] if traits.searches and traits.reads else []
    if candidate.prompt.shots.chosen_by_input or candidate.models[0].startswith(NO_LLM):
        texts += [e.input_text() for e in task.train]
    asked = [e.input_text() for e in (*task.train, *task.dev, *task.test)[:SAMPLE]]
    each = fmean(map(estimated_tokens, asked)) if asked else 0.0
    return sum(map(estimated_tokens, texts)), each


def _tools_usd(task: Task, candidate: Candidate) -> float:
    """USD of one call of the tool that it asks, or of the dearest that it may call by itself."""
    own, calls = candidate.context.tool, candidate.way == "tools"
    may = [t.usd_per_call for t in task.tools if t.name == own or (calls and t.informs)]
    return max(may, default=0.0)


REQUESTS = 1_000
"""Of which a cascade's shares are counted: 1/2, 1/4, 1/8 are whole numbers of them."""


def expected_cost(
    task: Task, candidate: Candidate, calls: Sequence[ExpectedCall], book: PriceBook
) -> CandidateUsage:
    """What the economics needs of a candidate, before anything is measured."""
    hosted = candidate.weights.bought
    price = training_price(candidate.model, book.settings, book.on) if hosted else None
    own = _own_call(candidate, calls)
    tokens = training_tokens(task, candidate, expected_usage(calls))
    lasts = _training_s(candidate, own, tokens)
    spent = Usage(seconds=lasts) if candidate.weights.kind == "lora" else on_device(lasts)
    trained = candidate.weights.tuned
    paid = candidate.embedder if candidate.embedder == book.embedder else None
    once, each = _embedded(task, candidate) if paid else (0, 0.0)
    return CandidateUsage(
        key=candidate.key,
        technique=candidate.technique,
        model=candidate.model,
        usage=_times(own.usage, round(REQUESTS * own.share)),
        requests=REQUESTS,
        also=tuple(
            AlsoAsked(model=c.model, usage=_times(c.usage, n), requests=n)
            for c in calls
            if c is not own and (n := round(REQUESTS * c.share))
        ),
        setup_usd=float(SETUP_USD[candidate.technique]),
        stored=candidate.context.traits.reads,
        tools_usd=_tools_usd(task, candidate),
        embedding=paid,
        corpus_tokens=once,
        query_tokens=each,
        train_tokens=tokens,
        train_seconds=spent.seconds + _encoder_s(task, candidate),
        train_gpu_seconds=spent.gpu_seconds,
        train_usd=None if price is None else float(price.of(tokens)),
        train_examples=len(task.train) if trained else 0,
    )


def _own_call(candidate: Candidate, calls: Sequence[ExpectedCall]) -> ExpectedCall:
    """That of the candidate's own model."""
    return next(c for c in calls if c.model == candidate.model)


def expected_training_s(task: Task, candidate: Candidate, calls: Sequence[ExpectedCall]) -> float:
    """Seconds of this machine that its training takes; 0 where nothing is trained here."""
    tokens = training_tokens(task, candidate, expected_usage(calls))
    return _training_s(candidate, _own_call(candidate, calls), tokens) + _encoder_s(task, candidate)


def _training_s(candidate: Candidate, own: ExpectedCall, tokens: int) -> float:
    if candidate.weights.bought:
        return 0.0
    return training_seconds(tokens, own.parameters or MEASURED)


def _encoder_s(task: Task, candidate: Candidate) -> float:
    """On processors, whatever else there is."""
    return encoder_seconds(task) if ENCODER in candidate.models else 0.0


def encoder_seconds(task: Task) -> float:
    """Seconds of this machine that tuning the embedder on the train rows takes, by the embedded
    one's speed."""
    lengths = [min(estimated_tokens(e.input_text()), MOST_TOKENS) for e in task.train]
    epochs, rows = learnt(lengths)
    return epochs * sum(lengths[i] for i in rows) / ENCODER_TRAIN_PER_S


def training_tokens(task: Task, candidate: Candidate, usage: Usage) -> int:
    """Tokens that training reads in all epochs, the race for its recipe with it; 0 untuned. What
    only looks is counted at its share of the work."""
    if not candidate.weights.tuned:
        return 0
    rows = len(task.train)
    if candidate.teacher is not None:  # once on the gold rows alone, once on all
        rows += rows + len(task.unlabelled)
    each = usage.input_tokens + usage.output_tokens
    read = each * rows * candidate.weights.epochs * (1 + race_share(candidate.weights))
    if candidate.weights.prefers:
        read += each * preferences(task) * preferring(candidate.weights).epochs * PAIR_READS
    return round(read)


def _times(usage: Usage, n: int) -> Usage:
    return Usage(
        input_tokens=usage.input_tokens * n,
        output_tokens=usage.output_tokens * n,
        seconds=usage.seconds * n,
        gpu_seconds=usage.gpu_seconds * n,
    )


def _parameters(name: str, model: ChatModel) -> int | None:
    """Weights of a model that runs here; None where its seconds are not ours to count."""
    if not runs_here(name):
        return parameters(model)
    return parameters(model) or parameters_named(name) or MEASURED


def _of_model(task: Task, candidate: Candidate, model: ChatModel, size: int | None) -> Usage:
    pool = task.train or task.dev or task.test  # lengths alone, of whatever there is
    if not pool:
        raise UserError("The task has no examples: no request can be reckoned; add some.")
    prompts = [_prompt(task, candidate, pool, place) for place in range(min(SAMPLE, len(pool)))]
    read = fmean(model.count_tokens(p) for p in prompts)
    # An answer is what it adds to a prompt, without the turn around it.
    empty = model.count_tokens((*prompts[0], Message(role="assistant", content="")))

    def count(answer: str) -> int:
        message = Message(role="assistant", content=answer)
        return model.count_tokens((*prompts[0], message)) - empty + 1

    tokens = Tokens(read, fmean(count(render(task.output, e.expected)) for e in pool[:SAMPLE]))
    for slot in filled(candidate).values():
        tokens = slot.expected(tokens, task, count)
    read, written = tokens
    if candidate.context.rewrite or candidate.context.rerank == "model":
        likely = tuple(
            zip(pool, (_passages(task, candidate, i) for i in range(SAMPLE)), strict=False)
        )
        before = [requests_of(candidate.context, e.input_text(), given) for e, given in likely]
        read += sum(model.count_tokens(r.messages) for some in before for r in some) / len(likely)
        written += sum(r.max_tokens for some in before for r in some) / len(likely)
    spent = on_device(0.0 if size is None else answer_seconds(read, written, size))
    return spent + Usage(input_tokens=round(read), output_tokens=round(written))


def _prompt(
    task: Task, candidate: Candidate, pool: Sequence[Example], place: int
) -> tuple[Message, ...]:
    """The prompt of one training example, the ones after it standing in as shots."""
    passages = _passages(task, candidate, place)
    shown, context = candidate.prompt.shots, candidate.context
    carry = not shown.chosen_by_input and context.traits.searches
    shots = []
    for step in range(1, (shown.k if shown.shown else 0) + 1):
        other = pool[(place + step) % len(pool)]
        own = _passages(task, candidate, place + step) if carry else ()
        shots.append(
            Shot(
                input=user_turn(other.input_text(), own, candidate.prompt),
                answer=render(task.output, other.expected),
            )
        )
    return build_messages(
        task.instruction,
        form_of(task.output, candidate),
        candidate.prompt,
        shots,
        passages,
        pool[place].input_text(),
        passages_first=context.traits.leads,
    )


def _passages(task: Task, candidate: Candidate, place: int) -> tuple[Passage, ...]:
    context = candidate.context
    return knowledge_of(context).expected(context, task.documents, place)
