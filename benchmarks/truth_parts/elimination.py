"""AgentOpt's arm elimination as an adviser: it looks for the best arm, not the cheapest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from decision_parts.rival import replay_tables
from truth_parts.replay import Draw, Said
from truth_parts.tables import Table

NAME = "AgentOpt 0.1.0, arm elimination"


def best(table: Table, draws: Sequence[Draw]) -> list[Said] | str:
    """The arm that it calls best on the test rows of each draw; a reason where it cannot run."""
    if table.graded:
        return "AgentOpt: left out where scores are graded, since its worker takes right and wrong"
    found = replay_tables(np.stack([drawn.test for drawn in draws]))
    if isinstance(found, str):
        return f"AgentOpt 0.1.0 arm elimination not run: {found}"
    return [
        Said("sufficient", int(arm), int(calls.sum())) if arm >= 0 else Said("undecided")
        for arm, calls in zip(found.chosen, found.calls, strict=True)
    ]


def reaching(said: Said | None, drawn: Draw, target: float) -> Said | None:
    """Its arm where the mean of the rows reaches the target; else it says that none does."""
    if said is None or said.choice is None:
        return said
    if drawn.test[said.choice].mean() >= target:
        return said
    return Said("insufficient", None, said.calls)
