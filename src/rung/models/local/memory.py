"""Whether a model fits: what its weights take, and what the device has."""

from importlib.util import find_spec
from pathlib import Path

from rung.errors import UserError
from rung.models.local.machine import device

BF16_BYTES, NF4_BYTES = 2.0, 0.6
"""Bytes a parameter; in 4 bits with its scales and what stays in 16 bits (QLoRA, section 2)."""
AT_WORK = 1.25
"""Weights, adapter, its gradients and states, over the weights alone."""
ACTIVATIONS = 1_500_000_000
"""Bytes beside the weights for what a step keeps, and for the process itself: a lower bound, so
that nothing is refused that would have gone."""


def training_bytes(parameters: int, *, four_bits: bool = False) -> int:
    """What training an adapter takes at least."""
    each = NF4_BYTES if four_bits else BF16_BYTES
    return round(parameters * each * AT_WORK) + ACTIVATIONS


def free_bytes() -> int | None:
    """Memory that the device has left; None where it does not say."""
    if device() == "cuda":
        import torch

        return int(torch.cuda.mem_get_info()[0])
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        (available,) = [line for line in lines if line.startswith("MemAvailable:")]
    except (OSError, ValueError):
        return None
    return int(available.split()[1]) * 1024


def takes_four_bits(parameters: int) -> bool:
    """Base weights in 4 bits: on a GPU, where 16 would not fit and bitsandbytes is there."""
    free = free_bytes() if device() == "cuda" else None
    short = free is not None and training_bytes(parameters) > free
    return short and find_spec("bitsandbytes") is not None


def refuse_what_does_not_fit(name: str, parameters: int, *, four_bits: bool = False) -> None:
    """`UserError` where training will not fit into the memory that is left."""
    needs, free = training_bytes(parameters, four_bits=four_bits), free_bytes()
    if free is None or needs <= free:
        return
    cure = "take a smaller model, or free memory"
    if device() == "cuda" and find_spec("bitsandbytes") is None:
        cure += "; with bitsandbytes installed the base weights take a third"
    raise UserError(
        f"tuning {name} takes about {needs / 1e9:.1f} GB, and {device()} has {free / 1e9:.1f} GB "
        f"left: {cure}"
    )
