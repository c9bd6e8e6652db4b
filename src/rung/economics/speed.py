"""How long a model of one's own takes, before it is measured: by its parameters.

A token takes about two operations a parameter ("Scaling Laws for Neural Language Models", 2020,
section 2.1), so that a model of twice the parameters takes twice the seconds of the one measured.
For the order of the ladder only: a pilot's seconds take the place of these.
"""

import re
from decimal import Decimal

READ_PER_S, WRITE_PER_S, TRAIN_PER_S = 900, 200, 800
"""Tokens a second on two cores of the embedded 135M model: read, written in batches, and read
while it is trained, nothing else running (docs/engine.md)."""
MEASURED = 135_000_000
"""Parameters of that model."""
ENCODER_TRAIN_PER_S = 1_000
"""Tokens a second on two cores of the embedded encoder of 22M parameters while it is tuned on short
texts; on long ones up to 1.7 times that (`python benchmarks/no_llm.py --tuned`)."""
_NAMED = re.compile(r"(?<![a-z0-9.])(\d+(?:\.\d+)?)([bm])(?![a-z0-9])", re.IGNORECASE)
_SIZES = {"m": 10**6, "b": 10**9}


def answer_seconds(read: float, written: float, parameters: int) -> float:
    """Seconds of two cores for so many tokens read and written."""
    return (read / READ_PER_S + written / WRITE_PER_S) * parameters / MEASURED


def training_seconds(tokens: float, parameters: int) -> float:
    """Seconds of two cores for so many tokens read in training, all epochs together."""
    return tokens / TRAIN_PER_S * parameters / MEASURED


def parameters_named(model: str) -> int | None:
    """Parameters as a model's name tells them (`…-135m-…`, `…-7B`); None where it does not."""
    sizes = _NAMED.findall(model.rpartition("#")[2].rpartition("/")[2])
    return round(Decimal(sizes[0][0]) * _SIZES[sizes[0][1].lower()]) if sizes else None
