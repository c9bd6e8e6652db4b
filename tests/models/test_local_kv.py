"""The cache that grows in place and the store of prefixes, on small tensors."""

import pytest

torch = pytest.importorskip("torch")

from rung.models.local.attention import packed_rows, readable, split  # noqa: E402
from rung.models.local.kv import GrowingLayer, Prefix, PrefixStore, Slots  # noqa: E402


def prefix(length, value=1.0):
    return Prefix(length, [(torch.full((1, 2, length, 4), value),) * 2])


def place(slots, columns):
    slots.length = max(slots.length, max(map(max, columns)) + 1)
    slots.rows = torch.arange(len(columns))[:, None]
    slots.columns = torch.tensor(columns)
    slots.together = None


def test_every_token_lies_at_its_own_position():
    slots = Slots(3)
    layer = GrowingLayer(slots, 2, prefix(3).layers[0])
    place(slots, [[3, 4], [3, 4]])
    layer.update(torch.full((2, 2, 2, 4), 2.0), torch.full((2, 2, 2, 4), 2.0))
    place(slots, [[5], [4]])  # The second row had one token of padding: it is overwritten.
    keys, _ = layer.update(torch.full((2, 2, 1, 4), 3.0), torch.full((2, 2, 1, 4), 3.0))
    assert keys[0, 0, :7, 0].tolist() == [1, 1, 1, 2, 2, 3, 0]
    assert keys[1, 0, :6, 0].tolist() == [1, 1, 1, 2, 3, 0]
    layer.select(torch.tensor([1]))
    assert layer.first(5)[0][0, 0, :, 0].tolist() == [1, 1, 1, 2, 3]


def test_the_buffer_grows_and_keeps_what_it_holds():
    slots = Slots(0)
    layer = GrowingLayer(slots, 1, None)
    for at in range(300):
        place(slots, [[at]])
        one = torch.full((1, 2, 1, 4), float(at))
        keys, _ = layer.update(one, one)
    assert keys[0, 1, :300, 3].tolist() == [float(at) for at in range(300)]


def test_the_store_gives_the_longest_known_beginning_of_the_same_adapter():
    store = PrefixStore(10**6)
    store.keep(None, [1, 2, 3, 4], prefix(4))
    store.keep("tuned", [1, 2, 3, 4, 5], prefix(5))
    assert store.longest(None, [1, 2, 3, 9, 9]).length == 3
    assert store.longest("tuned", [1, 2, 3, 4, 5, 6]).length == 5
    assert store.longest("other", [1, 2]) is None
    assert store.longest(None, [7]) is None


def test_the_store_drops_the_oldest_and_what_was_extended():
    one = prefix(4).bytes
    store = PrefixStore(2 * one)
    store.keep(None, [1, 1, 1, 1], prefix(4))
    store.keep(None, [2, 2, 2, 2], prefix(4))
    store.longest(None, [1, 1])
    store.keep(None, [3, 3, 3, 3], prefix(4))
    assert store.longest(None, [2, 2]) is None
    assert store.longest(None, [1, 1]).length == 2


def test_parts_cover_all_new_tokens_and_look_at_nothing_later():
    positions = torch.arange(150, 700)[None]
    parts = split(positions, 3, torch.float32, reading=False)
    assert [part.start for part in parts[1:]] == [part.end for part in parts[:-1]]
    assert (parts[0].start, parts[-1].end) == (0, 550)
    for part in parts:
        new = part.end - part.start
        assert part.mask.shape == (1, 1, packed_rows(3, new), part.visible)
        seen = (part.mask[0, 0, :new] == 0).sum(dim=1)
        assert seen.tolist() == [150 + at + 1 for at in range(part.start, part.end)]


def test_reads_reach_the_text_and_blocks_are_never_nearly_empty():
    for length in range(1, 2000):
        assert readable(length) >= length
    for new in range(1, 700):
        rows = packed_rows(3, new)
        assert rows >= 3 * new
        assert rows % 32 == 0 or rows % 32 >= 4
