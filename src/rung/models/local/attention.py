"""Attention without copies: heads that share keys and values are computed as one.

transformers repeats keys and values for every query head when there is a mask. Here the query
heads of a group become further rows of one query, which is 2.5 times faster for a prompt and
leaves every number as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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


def packed_rows(group: int, new: int) -> int:
    """Rows of a packed query: `new` tokens of `group` heads, and padding where it is needed."""
    rows = group * new
    return rows + max(0, FEW - rows % BLOCK) if rows % BLOCK else rows


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

    `attention_mask` is (batch, 1, `packed_rows`, all), added to the scores, or None for causal
    attention over the new tokens alone. Returns (batch, new, heads, size).
    """
    from torch.nn.functional import pad, scaled_dot_product_attention

    if options.get("softcap") is not None or options.get("position_bias") is not None:
        raise ValueError("this model's attention needs `softcap` or `position_bias`")
    batch, heads, new, size = query.shape
    group = heads // key.shape[1]
    if attention_mask is None and new <= SHORT:
        out = _causal_products(query, key, value, scaling or size**-0.5)
    elif attention_mask is None:
        out = scaled_dot_product_attention(
            query, key, value, scale=scaling, is_causal=new > 1, enable_gqa=group > 1
        )
    else:
        packed = query.reshape(batch, key.shape[1], group * new, size)
        padding = attention_mask.shape[2] - group * new
        packed = pad(packed, (0, 0, 0, padding)) if padding else packed
        out = scaled_dot_product_attention(
            packed, key, value, attn_mask=attention_mask, scale=scaling
        )[:, :, : group * new]
    return out.reshape(batch, heads, new, size).transpose(1, 2).contiguous(), None


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
