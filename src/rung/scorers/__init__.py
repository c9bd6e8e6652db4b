"""The shelf of scorers: each judges one answer to one example, and is one file.

To add one: write `scorers/NAME.py` with a `ComparingScorer` (see `base`) and put the class into
`shelf.SHELF`; `tests/scorers/test_contract.py` then runs on it by itself. Two scorers stand beside
the shelf because they need more than a task: `judge` (a model) and `function` (`Task.scorer`).
"""

from rung.scorers.accuracy import macro_f1
from rung.scorers.base import ComparingScorer, Score, Scorer
from rung.scorers.gold import gold_answer, grade_gold
from rung.scorers.judge import Judge
from rung.scorers.sample_f1 import micro_f1
from rung.scorers.shelf import SHELF, scorer_for

__all__ = [
    "SHELF",
    "ComparingScorer",
    "Judge",
    "Score",
    "Scorer",
    "gold_answer",
    "grade_gold",
    "macro_f1",
    "micro_f1",
    "scorer_for",
]
