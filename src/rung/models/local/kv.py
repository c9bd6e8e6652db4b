"""Key/value caches: one that grows in place, and a small store of prefixes computed before."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

GROW = 64
"""Positions that a full buffer grows by."""


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


class GrowingLayer:
    """One layer's cache, written in place: transformers' own copies everything every token.

    Looks to transformers like its `DynamicLayer`.
    """

    is_sliding = False
    is_compileable = False
    is_croppable = False
    is_initialized = True

    def __init__(self, rows: int, start: tuple[Tensor, Tensor] | None) -> None:
        self._rows = rows
        self._start = start
        self._length = 0 if start is None else int(start[0].shape[2])
        self._keys: Tensor | None = None
        self._values: Tensor | None = None

    @property
    def keys(self) -> Tensor:
        """Every key so far: (rows, heads, length, head size)."""
        assert self._keys is not None
        return self._keys[:, :, : self._length]

    @property
    def values(self) -> Tensor:
        """Every value so far: (rows, heads, length, head size)."""
        assert self._values is not None
        return self._values[:, :, : self._length]

    def update(self, keys: Tensor, values: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Append the new positions and return all of them."""
        end = self._length + int(keys.shape[2])
        self._make_room(keys, end)
        assert self._keys is not None and self._values is not None
        self._keys[:, :, self._length : end] = keys
        self._values[:, :, self._length : end] = values
        self._length = end
        return self.keys, self.values

    def select(self, rows: Tensor) -> None:
        """Keep only these rows."""
        assert self._keys is not None and self._values is not None
        self._keys = self._keys.index_select(0, rows)
        self._values = self._values.index_select(0, rows)
        self._rows = len(rows)

    def get_seq_length(self) -> int:
        """Positions held."""
        return self._length

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Length and offset that the attention mask needs."""
        return self._length + query_length, 0

    def get_max_length(self) -> int:
        """No limit."""
        return -1

    def _make_room(self, like: Tensor, end: int) -> None:
        if self._keys is not None and self._keys.shape[2] >= end:
            return
        old_keys, old_values = self._keys, self._values
        shape = (self._rows, like.shape[1], end + GROW, like.shape[3])
        self._keys, self._values = like.new_empty(shape), like.new_empty(shape)
        if old_keys is not None and old_values is not None:
            self._keys[:, :, : self._length] = old_keys[:, :, : self._length]
            self._values[:, :, : self._length] = old_values[:, :, : self._length]
        elif self._start is not None:
            self._keys[:, :, : self._length] = self._start[0]
            self._values[:, :, : self._length] = self._start[1]
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
