"""The repeated inputs of one task under its own metric: what `rung.audit.repeats` says of them."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import permutations
from statistics import fmean
from typing import NamedTuple

from rung.audit import repeats
from rung.audit.material import SCORED, Material
from rung.errors import UserError
from rung.records import Answer
from rung.scorers import ComparingScorer, gold_answer, scorer_for
from rung.scorers.accuracy import Accuracy
from rung.scorers.chrf import Chrf
from rung.scorers.exact_match import ExactMatch
from rung.scorers.execution import Execution
from rung.scorers.field_f1 import FieldF1
from rung.scorers.rouge_l import RougeL
from rung.scorers.sample_f1 import SampleF1
from rung.scorers.token_f1 import TokenF1
from rung.task.types import SqlOutput

METRICS: dict[type, repeats.Metric] = {
    Accuracy: "same",
    ExactMatch: "same",
    Execution: "same",
    TokenF1: "bag",
    FieldF1: "bag",
    SampleF1: "bag",
    RougeL: "sequence",
    Chrf: "other",
}
"""Scorers under which answers that differ bound the score. Not here: `contains`, by which one
answer may hold all that is expected, `rules`, which judges form alone, a judge, a user's function.
"""


class Repeated(NamedTuple):
    """What the scored examples' repeated inputs tell."""

    metric: repeats.Metric
    units: tuple[repeats.Unit, ...]
    agreements: tuple[float, ...]
    """Of each unit: the mean score of one of its answers judged by another."""
    sameness: tuple[float, ...]
    """Of each unit: the share of its pairs whose answers are the same; those of `agreements` where
    the metric tells the same from the other."""
    strict: float | None
    """The most that any system scores on all test examples; None where nothing keeps it below 1."""
    certain: float
    """Share of the test examples whose input another one has letter by letter."""
    within: float
    """The most that any system scores on those; 1 where there are none."""

    def estimate(self) -> tuple[float, float, float]:
        """(value, low, high) of the best score that can be shown; needs a unit.

        High: of repeated test examples what is proven, of the others the estimate.
        """
        value, low, high, _ = repeats.estimate(self.agreements)
        return value, low, self.certain * self.within + (1.0 - self.certain) * high

    def wrong(self) -> tuple[float, float, float]:
        """(share, low, high) of wrong answers where just one is right and errors differ; needs a
        unit."""
        right, low, high, _ = repeats.estimate(self.sameness)
        return 1.0 - right, 1.0 - high, 1.0 - low


def repeated(material: Material) -> Repeated | str:
    """The repeats of a task; why they say nothing, as a sentence without a full stop."""
    try:
        scorer = _scorer(material)
    except UserError as problem:
        return str(problem)
    if scorer is None:
        task = material.task
        name = "the task's own scorer" if task.scorer else repr(task.target.metric)
        return f"under {name} answers that differ may all be right"
    metric = METRICS[type(scorer)]
    among = {i for i, row in enumerate(material.rows) if row.part in SCORED}
    seed = material.task.climb.seed
    units = repeats.units(material.twins, material.inputs, material.ids, among, seed)
    marks = _Marks(material, scorer)
    try:
        agreements = [repeats.agreement(unit, marks) for unit in units]
        strict, certain, within = _proven(material, metric, marks)
    except UserError as problem:  # such as an expected query that fails
        return str(problem)
    same = material.same_answer
    sameness = (
        agreements
        if metric == "same"
        else [fmean(same[a] == same[b] for a, b in unit.pairs) for unit in units]
    )
    return Repeated(
        metric, tuple(units), tuple(agreements), tuple(sameness), strict, certain, within
    )


def interchangeable(material: Material, rows: Sequence[int]) -> bool:
    """Whether queries in other words return the same: each is right as the answer to the others.

    False for all but SQL, and where a query fails.
    """
    if not isinstance(material.task.output, SqlOutput):
        return False
    try:
        scorer = _scorer(material)
        if scorer is None:
            return False
        marks = _Marks(material, scorer)
        return all(marks(a, b) == 1.0 for a, b in permutations(rows[: repeats.MOST_MEMBERS], 2))
    except UserError:
        return False


def _scorer(material: Material) -> ComparingScorer | None:
    task = material.task
    if task.scorer is not None or task.target.metric in ("judge", "macro_f1"):
        return None
    scorer = scorer_for(task)
    return scorer if isinstance(scorer, ComparingScorer) and type(scorer) in METRICS else None


class _Marks:
    """Score of one row's expected answer as the answer to another row."""

    def __init__(self, material: Material, scorer: ComparingScorer) -> None:
        self._material, self._scorer = material, scorer
        self._answers: dict[int, Answer] = {}

    def __call__(self, given: int, asked: int) -> float:
        texts = self._material.answer_texts
        if texts[given] == texts[asked]:
            return 1.0
        if given not in self._answers:
            example = self._material.rows[given].example
            self._answers[given] = gold_answer(self._material.task, example)
        answer = self._answers[given]
        if not answer.valid:
            return 0.0
        return self._scorer.compare(self._material.rows[asked].example, answer).value or 0.0


def _proven(
    material: Material, metric: repeats.Metric, marks: _Marks
) -> tuple[float | None, float, float]:
    """`strict`, `certain` and `within` of the test examples.

    Only inputs that are equal letter by letter count: a system may heed a capital or a comma.
    """
    task = material.task
    if not task.test:
        return None, 0.0, 1.0
    place = {ident: row for row, ident in enumerate(material.ids)}
    groups: dict[str, list[int]] = defaultdict(list)
    for example in task.test:
        if example.id in place:
            groups[example.input_text().strip()].append(place[example.id])
    shared = [rows for rows in groups.values() if len(rows) > 1 and _one_database(material, rows)]
    size = sum(map(len, shared))
    if not size or metric == "other":
        return None, 0.0, 1.0
    within = sum(len(rows) * _most(rows, metric, marks) for rows in shared) / size
    certain = size / len(task.test)
    strict = 1.0 - certain * (1.0 - within)
    # Where clusters are the units of evidence, the mean of examples is not what is shown.
    proven = strict < 1.0 - 1e-9 and task.cluster is None
    return strict if proven else None, certain, within


def _most(rows: list[int], metric: repeats.Metric, marks: _Marks) -> float:
    """The most that one answer scores over rows of one input; of many, parts are bounded alone."""
    size = repeats.MOST_MEMBERS
    parts = [rows[start : start + size] for start in range(0, len(rows), size)]
    return sum(len(part) * repeats.best_single(part, metric, marks) for part in parts) / len(rows)


def _one_database(material: Material, rows: list[int]) -> bool:
    """Whether right queries return the same rows: each example may bring its own tables."""
    output = material.task.output
    if not isinstance(output, SqlOutput) or output.database is not None:
        return True
    fields = (output.script_field, output.rows_field)
    own = [[material.rows[r].example.meta.get(f or "") for f in fields] for r in rows]
    return all(one == own[0] for one in own)
