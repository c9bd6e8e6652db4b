"""`LocalModel`: a chat model that runs on this machine, for many requests at once.

One thread owns the weights. It gathers the requests that wait, computes those together that
fit together (same adapter, alike beginning, about the same length), and answers each.
"""

import asyncio
import math
import queue
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from rung.errors import ProviderError, RungError
from rung.models.base import ChatReply, ChatRequest, Message
from rung.models.dialect import FOLDED
from rung.models.local.batching import DEFAULT_LIMITS, Limits, Tokens, plan, shared_prefix
from rung.models.local.card import ModelCard, count_parameters
from rung.models.local.codec import Codec
from rung.models.local.constrain import ChoiceConstraint, Constrainer
from rung.models.local.decoding import Row, Timing, choice_logprobs, decode, read_prefix
from rung.models.local.kv import Prefix, PrefixStore
from rung.models.local.machine import at_work, device, device_seconds, on_device, precision
from rung.models.local.network import Network
from rung.models.spoken import Spoken, spoken
from rung.records import Usage

ENGINE_VERSION = 3
"""Raised whenever the engine may answer differently with equal weights."""
GATHER_S = 0.004
"""How long the worker waits for one more request before it starts a batch."""
GATHER_MOST_S = 0.05
CLOSING_S = 0.02
"""How often a closing model is asked whether its worker has ended."""
MIN_PREFIX = 24
"""Tokens below which computing a shared prefix apart costs more than it saves."""
PREFIX_BYTES = 256 * 2**20


@dataclass
class Job:
    """One request in the queue."""

    request: ChatRequest
    prompt: Tokens
    future: Future[ChatReply] = field(default_factory=Future)
    arrived: float = field(default_factory=time.perf_counter)


class LocalModel:
    """A `ChatModel` on a model folder. Cheap to make: weights are read at the first request."""

    constrains = True
    trains = True
    scores = True

    def __init__(self, folder: Path, card: ModelCard, *, limits: Limits = DEFAULT_LIMITS) -> None:
        self.folder = folder
        self.name = card.name
        self.dtype = precision(self.parameters)
        """torch's name of the type that its numbers have."""
        self._card = card
        self.identity = self.identity_on(device())
        self.context_window = card.context_window
        self.codec = Codec(folder)
        self._limits = limits
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def identity_on(self, place: str) -> str:
        """What it is on a device: another type of numbers, or another device, rounds otherwise."""
        short = {"bfloat16": "bf16", "float32": "fp32"}[precision(self.parameters, place)]
        named = f"{self._card.name}@{self._card.identity}+engine{ENGINE_VERSION}-{short}"
        return named if place == "cpu" else f"{named}-{place}"

    async def reply(self, request: ChatRequest) -> ChatReply:
        """Answer one request, batched with whatever else waits.

        Raises `ProviderError`: status 400 where the prompt exceeds the window or a constraint
        cannot be met. Safe from several event loops, also one after another.
        """
        prompt = self.codec.encode_prompt(request.messages)
        if len(prompt) >= self.context_window:
            raise ProviderError(
                f"prompt of {len(prompt)} tokens exceeds the window of {self.context_window}",
                status=400,
            )
        job = Job(request, prompt)
        with self._starting:
            if self._thread is None:
                worker = Worker(self.folder, self.dtype, self.codec, self._queue, self._limits)
                self._thread = threading.Thread(
                    target=worker.run, name=f"rung {self.name}", daemon=True
                )
                self._thread.start()
            self._queue.put(job)
        return await asyncio.wrap_future(job.future)

    def said(self) -> str:
        """One phrase a reader should know of how it is asked; empty where nothing is changed.

        Its identity needs no mark for it: that holds a hash of the template.
        """
        return "" if self.codec.takes_system else FOLDED

    @cached_property
    def parameters(self) -> int:
        """Weights, counted without loading them."""
        return count_parameters(self.folder)

    def count_tokens(self, messages: tuple[Message, ...]) -> int:
        """Prompt tokens, exact, without loading the weights."""
        return len(self.codec.encode_prompt(messages))

    async def aclose(self) -> None:
        """Stop the worker and free the weights; requests still waiting fail."""
        with self._starting:
            thread, self._thread = self._thread, None
            if thread is not None:
                self._queue.put(None)
        # Not `to_thread(join)`: whoever loses patience (Ctrl-C again) need not wait for the batch.
        while thread is not None and thread.is_alive():
            await asyncio.sleep(CLOSING_S)


class Worker:
    """The thread that owns the weights."""

    def __init__(
        self,
        folder: Path,
        dtype: str,
        codec: Codec,
        jobs: queue.SimpleQueue[Job | None],
        limits: Limits,
    ) -> None:
        self._folder, self._dtype = folder, dtype
        self._codec = codec
        self._jobs = jobs
        self._limits = limits
        self._constrainer = Constrainer(codec)
        self._prefixes = PrefixStore(PREFIX_BYTES)
        self._network: Network | None = None

    def run(self) -> None:
        """Serve until told to stop. A failing batch fails its own requests only."""
        waiting: list[Job] = []
        while self._gather(waiting):
            batch = self._next_batch(waiting)
            taken = {id(job) for job in batch}
            waiting = [job for job in waiting if id(job) not in taken]
            running = [job for job in batch if job.future.set_running_or_notify_cancel()]
            try:
                if running:
                    self._answer(running)
            except Exception as error:
                self._fail(running, error)
        closed = ProviderError(f"the model in {self._folder.name!r} was closed", outage=True)
        self._fail([job for job in waiting if job.future.set_running_or_notify_cancel()], closed)

    def _gather(self, waiting: list[Job]) -> bool:
        """Wait for work, then a little longer for company. False when told to stop."""
        latest = time.perf_counter() + GATHER_MOST_S
        while True:
            try:
                patience = None if not waiting else GATHER_S
                job = self._jobs.get(timeout=patience)
            except queue.Empty:
                return True
            if job is None:
                return False
            if not waiting:
                latest = time.perf_counter() + GATHER_MOST_S
            waiting.append(job)
            if time.perf_counter() > latest:
                return True

    def _next_batch(self, waiting: list[Job]) -> list[Job]:
        adapter = waiting[0].request.adapter
        scored = waiting[0].request.scored
        same = [
            job
            for job in waiting
            if job.request.adapter == adapter and job.request.scored == scored
        ]
        room = [job.request.max_tokens for job in same]
        return [same[i] for i in plan([job.prompt for job in same], room, self._limits)]

    def _answer(self, jobs: list[Job]) -> None:
        with at_work():
            if self._network is None:
                self._network = Network(self._folder, self._dtype)
            rows = [self._row(job) for job in jobs]
            good = [(job, row) for job, row in zip(jobs, rows, strict=True) if not row.error]
            size = len(good) if self._network.batches else 1
            for at in range(0, len(good), max(1, size)):
                part = good[at : at + size]
                self._compute([job for job, _ in part], [row for _, row in part])
        for job, row in zip(jobs, rows, strict=True):
            if row.error is not None:
                job.future.set_exception(row.error)

    def _row(self, job: Job) -> Row:
        request = job.request
        row = Row(
            prompt=job.prompt,
            max_tokens=request.max_tokens,
            ends=self._codec.end_tokens,
            cut=request.choices is None,
            temperature=request.temperature,
            seed=request.seed,
        )
        try:
            if request.choices is not None:
                row.constraint = self._constrainer.choices(request.choices)
            elif request.json_schema is not None:
                row.constraint = self._constrainer.schema(request.json_schema)
        except ProviderError as error:
            row.error = error
        return row

    def _compute(self, jobs: list[Job], rows: list[Row]) -> None:
        assert self._network is not None
        adapter = jobs[0].request.adapter
        self._network.use(adapter)
        if jobs[0].request.scored:
            return self._score(jobs)
        started = device_seconds()
        key = adapter.digest if adapter else None
        prefix, fresh = self._prefix(key, [row.prompt for row in rows])
        prefix_s = device_seconds() - started
        timing, left = decode(self._network, rows, prefix)
        if left.length:
            self._prefixes.keep(key, rows[0].prompt[: left.length], left)
        shared = prefix.length if prefix else 0
        usages = share_out(rows, shared, fresh, timing._replace(reading=timing.reading + prefix_s))
        for job, row, usage in zip(jobs, rows, usages, strict=True):
            if row.error is None:
                job.future.set_result(self._reply(job, row, usage))

    def _score(self, jobs: list[Job]) -> None:
        """Score every choice of each request; what the prompts share is read once."""
        assert self._network is not None
        adapter = jobs[0].request.adapter
        key = adapter.digest if adapter else None
        started = device_seconds()
        _, fresh = self._prefix(key, [job.prompt for job in jobs])
        extra = (device_seconds() - started) / len(jobs)
        for job in jobs:
            started = device_seconds()
            known = self._prefixes.longest(key, job.prompt)
            names = job.request.choices or ()
            choices = [[*self._codec.encode(name), self._codec.end_token] for name in names]
            logprobs = choice_logprobs(
                self._network, job.prompt, choices, known, self._limits.tokens
            )
            best = max(range(len(names)), key=logprobs.__getitem__)
            odds = [math.exp(value - logprobs[best]) for value in logprobs]
            usage = on_device(device_seconds() - started + extra) + Usage(
                input_tokens=len(job.prompt) + sum(map(len, choices)),
                cache_read_tokens=known.length if known and not fresh else 0,
            )
            fresh = 0
            job.future.set_result(
                ChatReply(
                    text=names[best],
                    usage=usage,
                    latency_s=time.perf_counter() - job.arrived,
                    confidence=1 / sum(odds),
                    logprobs=tuple(logprobs),
                )
            )

    def _prefix(self, key: str | None, prompts: list[Tokens]) -> tuple[Prefix | None, int]:
        """What is known of the prompts' common beginning, and how many tokens it cost now."""
        assert self._network is not None
        length = shared_prefix(prompts)
        if not self._network.batches or length < MIN_PREFIX:
            return None, 0
        tokens = prompts[0][:length]
        known = self._prefixes.longest(key, tokens)
        have = known.length if known else 0
        if len(prompts) == 1 or length - have < MIN_PREFIX:
            return known, 0
        prefix = read_prefix(self._network, tokens, known)
        self._prefixes.keep(key, tokens, prefix)
        return prefix, length - have

    def _reply(self, job: Job, row: Row, usage: Usage) -> ChatReply:
        constraint = row.constraint
        confidence = constraint.confidence if isinstance(constraint, ChoiceConstraint) else None
        written = self._codec.decode([t for t in row.output if t not in self._codec.end_tokens])
        words = spoken(written) if row.constraint is None else Spoken(written)
        return ChatReply(
            text=words.text,
            usage=usage,
            finish="length" if words.unfinished else row.finish,
            latency_s=time.perf_counter() - job.arrived,
            confidence=confidence,
            thought=words.thought,
        )

    @staticmethod
    def _fail(jobs: list[Job], error: Exception) -> None:
        if not isinstance(error, RungError):
            kind = type(error).__name__
            error = ProviderError(f"the local model failed: {kind}: {error}")
        for job in jobs:
            if not job.future.done():
                job.future.set_exception(error)


def share_out(rows: list[Row], shared: int, fresh: int, timing: Timing) -> list[Usage]:
    """Each row's usage: a batch's seconds are shared out by the tokens read and written.

    `shared` tokens of each prompt were read from a prefix, of which `fresh` were computed in
    this very batch: those are no cache read for the first row.
    """
    read = [len(row.prompt) - shared + fresh / len(rows) for row in rows]
    written = [len(row.output) for row in rows]
    return [
        on_device(
            timing.reading * read[at] / sum(read)
            + timing.writing * written[at] / max(1, sum(written))
        )
        + Usage(
            input_tokens=len(row.prompt),
            output_tokens=len(row.output),
            cache_read_tokens=shared - (fresh if at == 0 else 0),
        )
        for at, row in enumerate(rows)
    ]
