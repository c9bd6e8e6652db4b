"""Key/value caches: one that grows in place, and a small store of prefixes computed before."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rung.models.local.attention import readable

if TYPE_CHECKING:
    from torch import Tensor


class Prefix(NamedTuple):
    """Keys and values of a text's first tokens, per layer (1, heads, length, head size)."""

    length: int
    layers: list[tuple[Tensor, Tensor]]

    def first(self, length: int) -> Prefix:
        """Its first `length` tokens: later tokens never change earlier ones."""
        return Prefix(length, [(k[:, :, :length], v[:, :, :length]) for k, v in self.layers])

    @property
    def bytes(self) -> int:
        """Memory it holds."""
        return sum(2 * k.numel() * k.element_size() for k, _ in self.layers)


ROOM = 64
"""Positions that a full buffer grows by."""


class Slots:
    """Where the next forward pass writes: shared by all layers of one cache."""

    def __init__(self, length: int) -> None:
        self.length = length
        """Positions in use, of the longest row."""
        self.rows: Tensor | None = None
        """(rows, 1)"""
        self.columns: Tensor | None = None
        """(rows, new tokens)"""
        self.together: slice | None = None
        """The columns, where they are the same for all rows."""
        self.batch = slice(None)
        """The rows of the cache that this pass is about."""

    @property
    def visible(self) -> int:
        """Positions that attention reads, masked ones included."""
        return readable(self.length)


class GrowingLayer:
    """One layer's cache, written in place: transformers' own copies everything every token.

    Looks to transformers like its `DynamicLayer`. A token's slot is its position.
    """

    is_sliding = False
    is_compileable = False
    is_croppable = False
    is_initialized = True

    def __init__(self, slots: Slots, rows: int, start: tuple[Tensor, Tensor] | None) -> None:
        self._slots = slots
        self._rows = rows
        self._start = start
        self._both: list[Tensor] = []

    def update(self, keys: Tensor, values: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Write the new positions and return all that attention reads."""
        slots = self._slots
        self._make_room(keys)
        ours = [buffer[slots.batch] for buffer in self._both]
        for buffer, new in zip(ours, (keys, values), strict=True):
            if slots.together is not None:
                buffer[:, :, slots.together] = new
            else:
                buffer[slots.rows, :, slots.columns] = new.transpose(1, 2)
        keys, values = (buffer[:, :, : slots.visible] for buffer in ours)
        return keys, values

    def select(self, rows: Tensor) -> None:
        """Keep only these rows."""
        self._both = [buffer.index_select(0, rows) for buffer in self._both]
        self._rows = len(rows)

    def first(self, length: int) -> tuple[Tensor, Tensor]:
        """The first row's first positions: two of (1, heads, length, head size)."""
        keys, values = (buffer[:1, :, :length] for buffer in self._both)
        return keys, values

    def get_seq_length(self) -> int:
        """Positions in use."""
        return self._slots.length

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Length and offset of the attention mask."""
        return self._slots.visible, 0

    def get_max_length(self) -> int:
        """No limit."""
        return -1

    def _make_room(self, like: Tensor) -> None:
        if self._both and self._both[0].shape[2] >= self._slots.visible:
            return
        shape = (self._rows, like.shape[1], self._slots.visible + ROOM, like.shape[3])
        before = self._both or list(self._start or ())
        # Zeros: what is masked out is still multiplied, by zero, and must be a number.
        self._both = [like.new_zeros(shape), like.new_zeros(shape)]
        for buffer, old in zip(self._both, before):  # noqa: B905 - nothing before at the start
            buffer[:, :, : old.shape[2]] = old
        self._start = None


class PrefixStore:
    """The most recently used prefixes, by adapter, within a memory limit."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._entries: OrderedDict[tuple[str | None, bytes], Prefix] = OrderedDict()

    def longest(self, adapter: str | None, tokens: Sequence[int]) -> Prefix | None:
        """The longest known beginning of `tokens`, if any."""
        wanted = np.asarray(tokens, dtype=np.int64)
        best, best_key = 0, None
        for key in self._entries:
            if key[0] == adapter:
                length = _common(np.frombuffer(key[1], dtype=np.int64), wanted)
                if length > best:
                    best, best_key = length, key
        if best_key is None:
            return None
        self._entries.move_to_end(best_key)
        return self._entries[best_key].first(best)

    def keep(self, adapter: str | None, tokens: Sequence[int], prefix: Prefix) -> None:
        """Remember a prefix; what it extends is dropped, and the oldest where memory ends."""
        wanted = np.asarray(tokens, dtype=np.int64)
        for key in list(self._entries):
            known = np.frombuffer(key[1], dtype=np.int64)
            if key[0] == adapter and _common(known, wanted) == len(known):
                del self._entries[key]
        self._entries[adapter, wanted.tobytes()] = prefix
        held = sum(entry.bytes for entry in self._entries.values())
        while held > self._limit and self._entries:
            held -= self._entries.popitem(last=False)[1].bytes

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()


def _common(first: NDArray[np.int64], second: NDArray[np.int64]) -> int:
    length = min(len(first), len(second))
    different = np.flatnonzero(first[:length] != second[:length])
    return int(different[0]) if len(different) else length
