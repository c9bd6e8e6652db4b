"""How an encoder is tuned, as a forecast needs to know it. No torch here."""

from collections.abc import Sequence

FEWEST_ROWS = 50
"""Train rows below which it is not offered."""
EPOCHS = 4
ROWS, FEWEST_A_STEP, MIN_STEPS = 16, 4, 30
"""Rows a step: most, fewest, and the steps for whose sake there are fewer."""
RATE, HEAD_RATE = 2e-4, 2e-3
WARM_UP = 0.1
"""Share of the steps in which the rates rise; then they fall to nothing, both evenly."""
DECAY, CLIP = 0.01, 1.0
MOST_TOKENS = 160_000
"""Read while it is tuned at most, all epochs together."""
RECIPE = (
    EPOCHS,
    ROWS,
    FEWEST_A_STEP,
    MIN_STEPS,
    RATE,
    HEAD_RATE,
    WARM_UP,
    DECAY,
    CLIP,
    MOST_TOKENS,
)
"""What was tuned by another one is tuned again."""


def learnt(lengths: Sequence[int]) -> tuple[int, list[int]]:
    """Epochs, and the rows (by place) of texts of so many tokens that are learnt from.

    All rows in as many epochs as `MOST_TOKENS` allow, one at least; where they do not allow that,
    rows at even steps.
    """
    tokens = max(1, sum(lengths))
    epochs = min(EPOCHS, max(1, MOST_TOKENS // tokens))
    step = max(1.0, tokens / MOST_TOKENS)
    return epochs, [int(at * step) for at in range(int(len(lengths) / step))]


def rows_a_step(rows: int) -> int:
    """Of so many rows."""
    return max(FEWEST_A_STEP, min(ROWS, rows * EPOCHS // MIN_STEPS))
