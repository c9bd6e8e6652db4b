"""Runs inside the environment of AgentOpt: replay tables through its arm elimination.

python -I rival_worker.py tables.npy result.npz
"""

from __future__ import annotations

import contextlib
import os
import sys

import numpy as np
from agentopt.model_selection.arm_elimination import ArmEliminationModelSelector
from agentopt.proxy import LLMTracker


def agent_on(table: np.ndarray, calls: np.ndarray) -> type:
    """An agent class that answers from one table; AgentOpt builds one object per combination."""

    class Agent:
        def __init__(self, models: dict[str, str]) -> None:
            self.arm = int(models["model"].removeprefix("arm-"))

        def run(self, example: int) -> int:
            calls[self.arm] += 1
            return int(table[self.arm, example])

    return Agent


def main(given: str, made: str) -> None:
    tables = np.load(given)
    runs, arms, examples = tables.shape
    chosen = np.zeros(runs, dtype=int)
    calls = np.zeros((runs, arms), dtype=int)
    for run, table in enumerate(tables):
        selector = ArmEliminationModelSelector(
            agent=agent_on(table, calls[run]),
            models={"model": [f"arm-{arm}" for arm in range(arms)]},
            eval_fn=lambda expected, actual: float(expected == actual),
            dataset=[(example, 1) for example in range(examples)],
            tracker=LLMTracker(cache=False),
        )
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            best = selector.select_best(parallel=False).get_best()
        chosen[run] = -1 if best is None else int(best.model_name.rsplit("arm-", 1)[1])
    np.savez(made, chosen=chosen, calls=calls)


if __name__ == "__main__":
    main(*sys.argv[1:3])
