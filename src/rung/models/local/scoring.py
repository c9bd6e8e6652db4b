"""Whole choices scored: the log-probability that a model gives to each, not only to one it takes.

The prompt is read once; the choices then go through the network together, each from the prompt's
keys and values.
"""

from collections.abc import Sequence
from itertools import islice
from typing import Any

from rung.models.local.batching import Tokens, pad_right
from rung.models.local.decoding import read_prefix
from rung.models.local.kv import Prefix
from rung.models.local.network import Network

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
