"""The judge against people: it marks the answers that people marked, and the difference is kept."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from rung.climbing.tools import Tools
from rung.errors import UserError
from rung.evidence.judging import FEWEST, agreement, prediction_powered, rogan_gladen
from rung.project import ProjectFolder, write_whole
from rung.records import Answer
from rung.scorers import Judge, Scorer, scorer_for
from rung.state import read_model
from rung.task.config import read_config
from rung.task.faults import Faults, Row, RowError
from rung.task.rows import read_rows
from rung.task.types import Example, Frozen, Rubric, Task, digest
from rung.task.wording import shown

FILE = "judge.json"
_WORDS = {"correct": 1.0, "right": 1.0, "true": 1.0, "wrong": 0.0, "false": 0.0}


class Calibration(Frozen):
    """Marks in [0, 1] of the same answers, by people and by one version of the judge."""

    version: str
    human: tuple[float, ...]
    judge: tuple[float, ...]
    unscored: int = 0
    """Answers that the judge gave no mark."""


class _Labelled(NamedTuple):
    example: Example
    answer: Answer
    mark: float


def _judge(tools: Tools) -> Scorer:
    """The scorer that asks the judge, whatever the task's metric is."""
    task = tools.task
    target = task.target.model_copy(update={"metric": Judge.name})
    return scorer_for(
        task.model_copy(update={"target": target, "scorer": None}),
        tools.chat(task.models.judge or ""),
    )


async def calibrate(task: Task, tools: Tools) -> Calibration:
    """Ask the judge about every answer that people marked, and keep what it said.

    `UserError` where the task has no judge or no marks. Answered calls are kept, so that asking
    again is free.
    """
    root = task.root or Path()
    name = read_config(root / "rung.toml").judge.labelled
    if task.models.judge is None or name is None:
        raise UserError(
            "rung.toml: comparing a judge with people needs [models] judge, and [judge] labelled "
            "with a file of rows of 'input', 'answer' and the 'mark' that a person gave"
        )
    scorer = _judge(tools)
    rows = _labelled(root / name, name, task.rubric)
    scores = await asyncio.gather(*(scorer.score(one.example, one.answer) for one in rows))
    both = [(one.mark, s.value) for one, s in zip(rows, scores, strict=True) if s.value is not None]
    calibration = Calibration(
        version=scorer.version,
        human=tuple(human for human, _ in both),
        judge=tuple(judge for _, judge in both),
        unscored=len(rows) - len(both),
    )
    place = ProjectFolder(root, tools.options.folder).folder / FILE
    write_whole(place, calibration.model_dump_json(indent=1) + "\n")
    return calibration


def _labelled(path: Path, name: str, rubric: Rubric | None) -> list[_Labelled]:
    """Each answer once, with the mean of the marks that people gave it."""
    faults, marks = Faults(name), dict[str, list[float]]()
    kept: dict[str, _Labelled] = {}
    rows = list(read_rows(path, name))
    for row in rows:
        try:
            one = _read(row, rubric)
        except RowError as error:
            faults.add(error)
            continue
        place = digest([one.example.input, one.answer.text])
        kept.setdefault(place, one)
        marks.setdefault(place, []).append(one.mark)
    faults.raise_any(len(rows))
    return [one._replace(mark=fmean(marks[place])) for place, one in kept.items()]


def _read(row: Row, rubric: Rubric | None) -> _Labelled:
    data = row.data
    text, answer = data.get("input"), data.get("answer")
    if not isinstance(text, str | dict) or not isinstance(answer, str):
        raise row.error("a marked row has 'input', 'answer' and 'mark'")
    example = Example(id=f"row {row.line}", input=text, expected=data.get("expected", ""))
    return _Labelled(example, Answer(text=answer, value=answer), _mark(row, rubric))


def _mark(row: Row, rubric: Rubric | None) -> float:
    given: Any = row.data.get("mark")
    if isinstance(given, str) and given.strip().lower() in _WORDS and rubric is None:
        return _WORDS[given.strip().lower()]
    scale = [0, 1] if rubric is None else sorted(rubric.scale)
    try:
        number = float(given)
    except (TypeError, ValueError):
        number = float("nan")
    if not scale[0] <= number <= scale[-1]:
        raise row.error(
            f"'mark' is {shown(given)}; it must be on the scale from {scale[0]} to {scale[-1]}",
            given,
        )
    return (number - scale[0]) / (scale[-1] - scale[0])


def read_calibration(folder: Path, version: str | None = None) -> Calibration | None:
    """What was kept below a project folder; None where nothing was, or of another judge."""
    if not (folder / FILE).exists():
        return None
    cure = "delete it, and mark answers again with `rung judge`: how far it agrees is lost"
    calibration = read_model(folder / FILE, Calibration, cure)
    return calibration if version in (None, calibration.version) and calibration.human else None


def against_people(tools: Tools) -> str | None:
    """What is known of the judge's agreement with people, as `Material` wants it. Asks nothing."""
    if not judges(tools.task):
        return None
    try:
        known = known_judge(tools, _judge(tools).version)
    except UserError:  # who asks the judge says why it cannot be opened
        return ""
    return "" if known is None else agreement_sentence(known)


def judges(task: Task) -> bool:
    """Whether a judge gives the scores."""
    return task.scorer is None and task.target.metric == Judge.name


def known_judge(tools: Tools, version: str) -> Calibration | None:
    """What is known of the judge that scores, where `rung.toml` still names people's marks."""
    task = tools.task
    if not judges(task):
        return None
    config = task.root / "rung.toml" if task.root is not None else None
    if config is not None and config.exists() and read_config(config).judge.labelled is None:
        return None
    return read_calibration(tools.project.folder, version)


def agreement_sentence(known: Calibration) -> str:
    """How far the judge agrees with people, with intervals."""
    seen = agreement(known.human, known.judge)
    if seen.n < FEWEST:
        return (
            f"Judge: only {seen.n} answers are marked by people; its agreement is not known under "
            f"{FEWEST}."
        )
    same, kappa = seen.same, seen.kappa
    beyond = (
        "no kappa, since one side gave one mark throughout"
        if kappa is None
        else f"Cohen's kappa {kappa.value:.2f} [{kappa.low:.2f}, {kappa.high:.2f}]"
    )
    return (
        f"Judge: on {seen.n} answers that people marked it gives the same mark to "
        f"{same.value:.0%} [{same.low:.0%}, {same.high:.0%}], {beyond}; it marks {seen.bias:+.2f} "
        "higher than people on average."
    )


def corrected_sentence(known: Calibration, name: str, scores: Sequence[float]) -> str | None:
    """A candidate's score as people would mark it; None where that cannot be said."""
    if len(known.human) < FEWEST or len(scores) < 2:
        return None
    if set((*known.human, *known.judge, *scores)) <= {0.0, 1.0}:
        value, how = rogan_gladen(known.human, known.judge, scores), "Rogan and Gladen"
    else:
        value = prediction_powered(known.human, known.judge, scores)
        how = "prediction-powered, as if the marked answers were a random part of these"
    if value is None:
        return None
    return (
        f"{name}: {sum(scores) / len(scores):.3f} by the judge, {value.value:.3f} "
        f"[{value.low:.3f}, {value.high:.3f}] as people would mark it, going by the judge's errors "
        f"({how})."
    )
