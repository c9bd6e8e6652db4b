"""Attention without copies: heads that share keys and values are computed as one.

transformers repeats keys and values for every query head when there is a mask. Here the query
heads of a group become further rows of one query, which is 2.5 times faster for a prompt and
leaves every number as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

NAME = "rung_packed"
BLOCK = 32
"""Query rows that torch's kernel takes at a time (or a multiple of it)."""
FEW = 4
"""Fewer rows than this in a block go another way through the matrix library, with other
rounding. One or two rows of padding keep a token's numbers the same in any company."""


SHORT = 320
"""Up to so many tokens, plain products train faster than torch's fused kernel."""


STEP = 64
ALONE = 192
"""Texts up to here have the same sums however many positions attention reads."""
WIDE = 384
"""Longer texts have them from here on: the matrix library adds up in blocks of 384."""


class Part(NamedTuple):
    """A stretch of new tokens that reads no further than it has to."""

    start: int
    end: int
    visible: int
    """Positions of the cache that it reads."""
    mask: Tensor
    """(batch, 1, `packed_rows`, visible): 0 where a token may look, else -inf."""
    reading: bool
    """True for prompts, False for answers as they grow."""


def readable(length: int) -> int:
    """Positions to read for a text of `length`, those masked out included.

    Chosen so that a text has the same sums alone and beside a longer one, on this library.
    """
    needed = -(-length // STEP) * STEP
    return needed if needed <= ALONE else max(WIDE, needed)


def packed_rows(group: int, new: int) -> int:
    """Rows of a packed query: `new` tokens of `group` heads, and padding where it is needed."""
    rows = group * new
    return rows + max(0, FEW - rows % BLOCK) if rows % BLOCK else rows


def split(positions: Tensor, group: int, dtype: Any, reading: bool) -> list[Part]:
    """Cut new tokens at `positions` (batch, new) into parts of at most ALONE tokens.

    Early tokens then read little of the cache: half the work of a long prompt.
    """
    new = positions.shape[1]
    parts = []
    start = 0
    while start < new:
        # Cut at multiples of ALONE in the text, so that a part's reach is the text's own affair.
        first = int(positions[:, start].max())
        end = min(new, start + ALONE - first % ALONE)
        here = positions[:, start:end]
        visible = readable(int(here.max()) + 1)
        parts.append(Part(start, end, visible, _mask(here, visible, group, dtype), reading))
        start = end
    return parts


def _mask(positions: Tensor, visible: int, group: int, dtype: Any) -> Tensor:
    import torch

    hidden = torch.arange(visible)[None, None] > positions[:, :, None]
    batch, new, _ = hidden.shape
    mask = torch.zeros((batch, 1, packed_rows(group, new), visible), dtype=dtype)
    mask[:, 0, : group * new].masked_fill_(hidden.repeat(1, group, 1), -torch.inf)
    return mask


def use_packed_attention(model: Any) -> None:
    """Switch a loaded model to `packed_attention`; its masks are then passed as they are."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    AttentionInterface.register(NAME, packed_attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    model.set_attn_implementation(NAME)


def packed_attention(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    **options: Any,
) -> tuple[Tensor, None]:
    """Attention of (batch, heads, new, size) over (batch, shared heads, all, size).

    The option `parts` says what each new token may look at. Without it, attention is causal
    over the new tokens alone. Returns (batch, new, heads, size).
    """
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    if options.get("softcap") is not None or options.get("position_bias") is not None:
        raise ValueError("this model's attention needs `softcap` or `position_bias`")
    batch, heads, new, size = query.shape
    parts: list[Part] | None = options.get("parts")
    if parts is not None:
        done = [_part(query, key, value, part, scaling) for part in parts]
        out = done[0] if len(done) == 1 else torch.cat(done, dim=2)
    elif new <= SHORT:
        out = _causal_products(query, key, value, scaling or size**-0.5)
        out = out.reshape(batch, heads, new, size)
    else:
        out = scaled_dot_product_attention(
            query, key, value, scale=scaling, is_causal=True, enable_gqa=True
        )
    return out.transpose(1, 2).contiguous(), None


def _part(query: Tensor, key: Tensor, value: Tensor, part: Part, scaling: float | None) -> Tensor:
    from torch.nn.functional import pad, scaled_dot_product_attention

    batch, heads, _, size = query.shape
    shared, new = key.shape[1], part.end - part.start
    rows = heads // shared * new
    packed = query[:, :, part.start : part.end].reshape(batch, shared, rows, size)
    padding = part.mask.shape[2] - rows
    if padding:
        packed = pad(packed, (0, 0, 0, padding))
    seen, held = key[:, :, : part.visible], value[:, :, : part.visible]
    if part.reading:
        # For many new tokens plain products are faster than torch's fused kernel.
        scores = (packed @ seen.transpose(2, 3)).mul_(scaling or size**-0.5)
        out = scores.add_(part.mask).softmax(dim=-1) @ held
    else:
        out = scaled_dot_product_attention(packed, seen, held, attn_mask=part.mask, scale=scaling)
    return out[:, :, :rows].reshape(batch, heads, new, size)


def _causal_products(query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
    """Causal attention as two matrix products: the fused kernel's backward pass is slow."""
    import torch

    batch, heads, new, size = query.shape
    shared = key.shape[1]
    packed = query.reshape(batch, shared, -1, size)
    scores = (packed @ key.transpose(2, 3)).view(batch, heads, new, new).float() * scaling
    future = torch.ones(new, new, dtype=torch.bool).triu(1)
    weights = scores.masked_fill(future, -torch.inf).softmax(dim=-1).to(value.dtype)
    return weights.view(batch, shared, -1, new) @ value
