"""The decode loop: one batch of prompts to their answers, row by row finished and dropped;
and whole choices scored: the log-probability that a model gives to each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rung.errors import ProviderError
from rung.models.local.batching import Tokens, pad_right
from rung.models.local.constrain import Constraint
from rung.models.local.kv import Prefix
from rung.models.local.machine import device_seconds
from rung.models.local.network import Cache, Network
from rung.records import Finish

if TYPE_CHECKING:
    from torch import Tensor

READ_TOKENS = 1024
"""Prompt tokens in one forward pass, unless a single prompt is longer."""


@dataclass
class Row:
    """One prompt on its way to an answer."""

    prompt: Tokens
    max_tokens: int
    """Does not cut a choice: an answer from a closed list is always whole."""
    ends: frozenset[int]
    constraint: Constraint | None = None
    cut: bool = True
    """False where `max_tokens` must not cut the answer."""
    temperature: float = 0.0
    seed: int = 0
    output: Tokens = field(default_factory=list)
    finish: Finish = "stop"
    done: bool = False
    error: ProviderError | None = None

    def __post_init__(self) -> None:
        self._random = np.random.default_rng(self.seed) if self.temperature > 0 else None

    def begin(self) -> Tokens:
        """Tokens that the answer must begin with; sets `done` where they are all of it."""
        try:
            return self._follow()
        except ProviderError as error:
            self.error, self.done = error, True
            return []

    @property
    def greedy(self) -> bool:
        """True where the next token is simply the most probable of all."""
        return self.constraint is None and self._random is None

    def take(self, token: int) -> Tokens:
        """Accept the most probable token; returns what the model must read next."""
        return self._add(token, 1.0)

    def choose(self, logits: NDArray[np.float32]) -> Tokens:
        """Pick the next token from `logits` (vocabulary,); returns what must be read next.

        An impossible constraint ends this row alone, with `error` set.
        """
        try:
            allowed = None if self.constraint is None else self.constraint.allowed()
            scores = logits if allowed is None else logits[allowed]
            at, probability = self._pick(scores.astype(np.float64))
            return self._add(int(at if allowed is None else allowed[at]), probability)
        except ProviderError as error:
            self.error, self.done = error, True
            return []

    def _pick(self, scores: NDArray[np.float64]) -> tuple[int, float]:
        weights = np.exp(scores - scores.max())
        weights /= weights.sum()
        if self._random is None:
            at = int(scores.argmax())
        else:
            warmed = np.exp((scores - scores.max()) / self.temperature)
            at = int(self._random.choice(len(scores), p=warmed / warmed.sum()))
        return at, float(weights[at])

    def _add(self, token: int, probability: float) -> Tokens:
        self.output.append(token)
        if self.constraint is not None:
            self.constraint.accept(token, probability)
        if token in self.ends or (self.constraint is not None and self.constraint.done):
            self.done = True
            return []
        return [token, *self._follow()]

    def _follow(self) -> Tokens:
        forced = [] if self.constraint is None else self.constraint.forced()
        self.output.extend(forced)
        if self.constraint is not None and self.constraint.done:
            self.done = True
        elif self.cut and len(self.output) >= self.max_tokens:
            self.done, self.finish = True, "length"
            del self.output[self.max_tokens :]
        return forced


class Timing(NamedTuple):
    """Seconds of the device (`device_seconds`) that one batch took."""

    reading: float
    writing: float


def decode(network: Network, rows: Sequence[Row], prefix: Prefix | None) -> tuple[Timing, Prefix]:
    """Answer all rows (in place). Returns the seconds, and what the first row's prompt left.

    `prefix` holds the tokens that all prompts begin with, already computed. The returned
    prefix covers the first row's prompt where the batch has one row, else it is empty.
    """
    started = device_seconds()
    shared = prefix.length if prefix else 0
    cache = network.new_cache(len(rows), prefix)
    active = list(rows)
    pending = [row.prompt[shared:] + row.begin() for row in active]
    lengths = [shared] * len(rows)
    logits = _read(network, pending, lengths, cache)
    kept = _kept(rows, cache)
    read = device_seconds()
    while True:
        lengths = [n + len(p) for n, p in zip(lengths, pending, strict=True)]
        pending = _choose(active, logits)
        alive = [at for at, row in enumerate(active) if not row.done]
        if not alive:
            break
        if len(alive) < len(active):
            network.keep_rows(cache, alive)
            active = [active[at] for at in alive]
            pending = [pending[at] for at in alive]
            lengths = [lengths[at] for at in alive]
        logits = network.forward(pad_right(pending, lengths), cache)
    return Timing(read - started, device_seconds() - read), kept


def read_prefix(network: Network, tokens: Tokens, known: Prefix | None) -> Prefix:
    """Compute the keys and values of `tokens`, whose first ones `known` holds already."""
    have = known.length if known else 0
    cache = network.new_cache(1, known)
    network.forward(pad_right([tokens[have:]], [have]), cache, reading=True)
    return Prefix(len(tokens), [layer.first(len(tokens)) for layer in cache.held.layers])


def _read(network: Network, prompts: list[Tokens], starts: list[int], cache: Cache) -> Tensor:
    """Read the prompts a few at a time: less padding, and what is in work stays near at hand.

    The longest come first, so that the cache has its full size from the start.
    """
    import torch

    logits: list[Tensor] = []
    end = len(prompts)
    while end > 0:
        longest = max(map(len, prompts[:end]))
        start = max(0, end - max(1, READ_TOKENS // longest))
        part = pad_right(prompts[start:end], starts[start:end])
        logits.insert(0, network.forward(part, cache, slice(start, end), reading=True))
        end = start
    return torch.cat(logits)


def _kept(rows: Sequence[Row], cache: Cache) -> Prefix:
    if len(rows) > 1 or cache.slots is None:
        return Prefix(0, [])
    length = len(rows[0].prompt)
    return Prefix(length, [layer.first(length) for layer in cache.held.layers])


def _choose(rows: list[Row], logits: Tensor) -> list[Tokens]:
    """Every row's next tokens to read; empty for rows that are done."""
    best = logits.argmax(dim=-1).tolist()
    pending: list[Tokens] = []
    for at, row in enumerate(rows):
        if row.done:
            pending.append([])
        elif row.greedy:
            pending.append(row.take(best[at]))
        else:
            pending.append(row.choose(logits[at].float().numpy()))
    return pending


TOGETHER = 16
"""Choices in one forward pass: bounds the memory of the logits."""


def choice_logprobs(
    network: Network,
    prompt: Tokens,
    choices: Sequence[Tokens],
    known: Prefix | None,
    most_tokens: int,
) -> list[float]:
    """Natural log-probability of each of `choices`, its end token included, after `prompt`.

    `known` holds first tokens of the prompt, `most_tokens` bounds the cache of one pass.
    """
    if not network.batches:
        return [_after(network, prompt, [choice], None)[0] for choice in choices]
    head = prompt[:-1]
    if known is not None:
        known = known.first(min(known.length, len(head) - 1))
    prefix = read_prefix(network, head, known) if head else None
    longest = len(prompt) + max(map(len, choices))
    step = max(1, min(TOGETHER, most_tokens // longest))
    logprobs: list[float] = []
    left = iter(choices)
    while part := list(islice(left, step)):
        logprobs += _after(network, prompt, part, prefix)
    return logprobs


def _after(
    network: Network, prompt: Tokens, choices: Sequence[Tokens], prefix: Prefix | None
) -> list[float]:
    start = prefix.length if prefix else 0
    # What predicts a choice's first token is the prompt's last.
    rows = [[*prompt[start:], *choice[:-1]] for choice in choices]
    cache = network.new_cache(len(rows), prefix)
    logits = network.forward(pad_right(rows, [start] * len(rows)), cache, every=True)
    before = len(prompt) - start - 1
    return [_sum(logits[at, before:], choice) for at, choice in enumerate(choices)]


def _sum(logits: Any, tokens: Tokens) -> float:
    """Of the tokens' log-probabilities; `logits` (positions, vocabulary) predict them in order."""
    import torch

    shares = logits[: len(tokens)].float().log_softmax(dim=-1)
    picked = shares[torch.arange(len(tokens)), torch.tensor(tokens)]
    return float(picked.sum())
