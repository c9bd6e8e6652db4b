"""From examples to training batches: tokens, order, padding. No torch here."""

import random
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

POOL = 8
"""Batches whose examples are sorted by length together: less padding, still a shuffled epoch."""


class Encoded(NamedTuple):
    """One example as tokens: what is read, and what is learned."""

    prompt: list[int]
    answer: list[int]
    """With the end-of-turn token."""

    @property
    def length(self) -> int:
        """Tokens in all."""
        return len(self.prompt) + len(self.answer)


class Batch(NamedTuple):
    """Padded on the right: with causal attention, padding there needs no mask."""

    ids: NDArray[np.int64]
    """(rows, longest)"""
    at: NDArray[np.int64]
    """Where answer tokens are predicted: indices into the flattened ids, (answer tokens,)."""
    targets: NDArray[np.int64]
    """The answer tokens, (answer tokens,)."""
    tokens: int
    """Without padding."""


def epoch_order(
    examples: Sequence[Encoded], rows: int, most_tokens: int, seed: int
) -> list[list[int]]:
    """Shuffle one epoch into batches of examples (by index) that are about equally long.

    A batch has at most `rows` examples and `most_tokens` padded tokens, but at least one
    example. Equal arguments give an equal order.
    """
    shuffled = list(range(len(examples)))
    rng = random.Random(seed)
    rng.shuffle(shuffled)
    batches: list[list[int]] = []
    for start in range(0, len(shuffled), rows * POOL):
        pool = sorted(shuffled[start : start + rows * POOL], key=lambda i: examples[i].length)
        batches.extend(_cut(examples, pool, rows, most_tokens))
    rng.shuffle(batches)
    return batches


def in_order(examples: Sequence[Encoded], rows: int, most_tokens: int) -> list[list[int]]:
    """Every example once, shortest first: for measuring a loss."""
    order = sorted(range(len(examples)), key=lambda i: (examples[i].length, i))
    return _cut(examples, order, rows, most_tokens)


def _cut(
    examples: Sequence[Encoded], order: list[int], rows: int, most_tokens: int
) -> list[list[int]]:
    batches: list[list[int]] = []
    current: list[int] = []
    for index in order:
        # Ascending lengths: the newcomer is the longest.
        too_many = (len(current) + 1) * examples[index].length > most_tokens
        if current and (len(current) == rows or too_many):
            batches.append(current)
            current = []
        current.append(index)
    return [*batches, current] if current else batches


def collate(examples: Sequence[Encoded]) -> Batch:
    """Pad examples on the right and find the answer positions."""
    longest = max(example.length for example in examples)
    ids = np.zeros((len(examples), longest), dtype=np.int64)
    at: list[int] = []
    targets: list[int] = []
    for row, example in enumerate(examples):
        ids[row, : example.length] = example.prompt + example.answer
        # The logits at one position predict the next token.
        first = row * longest + len(example.prompt) - 1
        at.extend(range(first, first + len(example.answer)))
        targets.extend(example.answer)
    return Batch(
        ids,
        np.array(at, dtype=np.int64),
        np.array(targets, dtype=np.int64),
        sum(example.length for example in examples),
    )
