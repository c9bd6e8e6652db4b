"""Every sentence of a climb, an audit before it and an `explain` after it: true and false runs.

As `tests/report/test_report_sentences.py`, for the modules that climb.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import pytest

import rung
from rung.climbing import auditing, climber, explaining, gate, judging, people, rows, till
from rung.climbing.auditing import material_of
from rung.climbing.explaining import DIAGNOSIS_FILE, Explainer
from rung.climbing.judging import Calibration
from rung.climbing.observer import Observer
from rung.climbing.people import People
from rung.climbing.tools import ClimbOptions, Tools
from rung.errors import ProviderError, RungError
from rung.evidence.rectified import Rectifier
from rung.project import RUN_FILE, ProjectFolder
from rung.records.results import RunResult
from rung.task.types import ClimbSettings, Facts, Models, Target, Task, TextOutput
from wordings import phrases

from .conftest import USD_PER_TOKEN, price_by_token
from .tasks import EMBEDDER, MODEL, fact_task, knowing, label_task, model, options, reading, share
from .tasks import ScriptedModel as Model
from .test_resuming import Slow

SPEAKERS = (auditing, climber, explaining, gate, judging, people, rows, till)
FEWEST_LETTERS = 12
ONLY = ("prompting",)
LABELS = label_task(test=40)
FACTS = fact_task(test=20)
Case = Callable[[Path], str]


class Told(Observer):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def says(act: Callable[[], Any]) -> str:
    """What it returns, or the sentence that it refuses with."""
    try:
        return str(act())
    except RungError as error:
        return str(error)


def climbed(folder: Path, task: Task = LABELS, chat: Model | None = None, **how: Any) -> str:
    """All that a climb says, its files included."""
    told = Told()
    given = {"only": ONLY, "diagnose": False, **how}

    def act() -> str:
        result = rung.climb(task, options(folder, chat or model(), **given), told)
        beside = folder / "runs" / result.run / DIAGNOSIS_FILE
        reasons = [str(r.figures) for r in (*result.verdict.reasons, result.verdict.next_step)]
        files = [
            beside.read_text() if beside.exists() else "",
            *(r.reason for r in result.candidates),
        ]
        return "\n".join([*reasons, *result.notes, *files])

    return "\n".join([says(act), *told.notes])


def down(*names: str) -> Callable[..., Any]:
    """A handshake that finds these models down."""

    async def shake(*_: Any) -> dict[str, str]:
        return dict.fromkeys(names, "nobody answers")

    return shake


def unreachable(folder: Path, *names: str) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rung.climbing.climber.shake_hands", down(*names))
        task = label_task(test=40, models=Models(to_try=(MODEL, "scripted/n"), embedder=EMBEDDER))
        return climbed(folder, task, extra={"scripted/n": Model(knowing(), "scripted/n")})


def broken_off(folder: Path, error: BaseException) -> str:
    """A climb that ends with an error in the middle."""

    async def fails(*_: Any) -> None:
        raise error

    told = Told()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rung.climbing.climber.Climber._climb", fails)
        with pytest.raises(type(error)):
            asyncio.run(climber.Climber(LABELS, options(folder, model()), told).climb())
    files = (folder / "runs").glob(f"*/{RUN_FILE}")
    return "\n".join([*told.notes, *(file.read_text() for file in files)])


def dear(folder: Path, usd: float | None) -> str:
    with pytest.MonkeyPatch.context() as patch:
        price_by_token(patch, {MODEL: USD_PER_TOKEN})
        return climbed(
            folder, label_task(max_output_tokens=12), Slow(knowing(), MODEL), budget_usd=usd
        )


def missing(folder: Path, outage: bool) -> str:
    """One test answer never comes."""
    lost = LABELS.test[3].input

    def answer(request: Any) -> str:
        if outage and lost in request.messages[-1].content.splitlines():
            raise ProviderError("no answer")
        return knowing()(request)

    return climbed(folder, chat=Model(answer, MODEL), everything=True)


def served(folder: Path, *, traffic: bool) -> str:
    first = rung.climb(LABELS, options(folder, model(), only=ONLY))
    assert first.verdict.choice
    if traffic:
        ProjectFolder(folder, folder).traffic.write_text("")
    return climbed(folder)


def rewritten(folder: Path, text: str | None) -> str:
    """A climb where the run's own file of the last one has another text."""
    first = rung.climb(LABELS, options(folder, model(), only=ONLY, diagnose=False))
    if text is not None:
        (folder / "runs" / first.run / RUN_FILE).write_text(text)
    return climbed(folder)


@cache
def facts_climbed() -> tuple[TemporaryDirectory[str], RunResult, ClimbOptions]:
    """A climb to explain, made once."""
    kept = TemporaryDirectory()
    settings = options(Path(kept.name), Model(reading, MODEL), only=ONLY, diagnose=False)
    return kept, rung.climb(FACTS, settings), settings


def explain(_: Path, *, key: str | None = None, only: str = "f30", **how: Any) -> str:
    """What `rung explain` says of a climb."""
    how = {"changed": False, "asked": True, **how}
    kept, result, settings = facts_climbed()
    folder = Path(kept.name)
    rows = result.candidates if how["asked"] else ()
    task = fact_task(instruction="Another.") if how["changed"] else FACTS

    async def run() -> str:
        explainer = Explainer(
            task, result.model_copy(update={"candidates": rows}), folder / "runs" / result.run,
            settings,
        )  # fmt: skip
        try:
            return str((await explainer.explain(key, only)).diagnosis)
        finally:
            await explainer.aclose()

    return says(lambda: asyncio.run(run()))


def by_people(marks: int, target: float = 0.7, most: float = 1.0, lenient: float = 0.0) -> str:
    """What a judge whose marks agree with people's, or are lenient, lacks."""
    human = tuple(float(n % 4 != 0) for n in range(marks))
    judge = tuple(1.0 if n < lenient * marks else m for n, m in enumerate(human))
    return str(People(True, Rectifier(human, judge)).lacking(target, 0.05, most))


def agreement(human: tuple[float, ...], judge: tuple[float, ...]) -> str:
    kept = Calibration(version="v", human=human, judge=judge)
    return "\n".join(
        (judging.agreement_sentence(kept), str(judging.corrected_sentence(kept, "a", judge)))
    )


def marked(folder: Path, row: str) -> str:
    (folder / "marks.jsonl").write_text(row + "\n")
    return says(lambda: judging._labelled(folder / "marks.jsonl", "marks.jsonl", None))


def kept_marks(folder: Path, text: str) -> str:
    (folder / judging.FILE).write_text(text)
    return says(lambda: judging.read_calibration(folder))


def calibrated(folder: Path, judge: str | None) -> str:
    (folder / "m.jsonl").write_text('{"input": "i", "answer": "a", "mark": 7}\n')
    models = Models(to_try=(MODEL,), embedder=EMBEDDER, judge=judge)
    task = label_task(root=folder, models=models)
    tools = Tools(task, options(folder, model()))
    config = SimpleNamespace(judge=SimpleNamespace(labelled="m.jsonl"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judging, "read_config", lambda _: config)
        return says(lambda: asyncio.run(judging.calibrate(task, tools)))


def embedded(folder: Path, name: str) -> str:
    task = label_task(models=Models(to_try=(MODEL,), embedder=name))
    return asyncio.run(material_of(Tools(task, options(folder, model())))).unembedded or ""


def reserved(folder: Path, usd: Any, limit: float | None) -> str:
    budget = Tools(LABELS, options(folder, model(), budget_usd=limit)).till
    return says(lambda: budget.reserve(usd))


AGREES = (1.0, 0.0) * 20
GRADED = (0.9, 0.2) * 20
MANY = label_task(test=40, climb=ClimbSettings(seed=0, repeats=2))
JUDGED = TextOutput(), Target(metric="token_f1", score=0.5)
F1 = label_task(test=60, output=JUDGED[0], target=JUDGED[1])
SAID: dict[str, tuple[Case, Case]] = {
    # climber
    "--mode {} is for right and wrong, and no judge's: what is certified is of traffic.": (
        lambda t: climbed(t, F1, mode="suite"), lambda t: climbed(t, mode="suite"),
    ),
    "--only {} leaves nothing to try: this task allows {}": (
        lambda t: climbed(t, only=("rag",)), climbed,
    ),
    "[climb] repeats = {} asks the same greedy question again: set [climb] temperature, such as "
    "0.7": (lambda t: climbed(t, MANY), climbed),
    "at most {} with {} confidence": (
        lambda t: climbed(t, chat=model(share(0))), climbed,
    ),
    "gold passages, dev only": (
        lambda t: climbed(t, FACTS, Model(reading, MODEL), only=()), climbed,
    ),
    "nothing could be asked: {}": (
        lambda t: unreachable(t, MODEL, "scripted/n"), lambda t: unreachable(t, MODEL),
    ),
    "{} could not be asked: {}": (lambda t: unreachable(t, MODEL), unreachable),
    "red flags: {} (`rung audit` says more)": (
        lambda t: climbed(t, label_task(test=40, facts=Facts(definition_changes="often"))),
        lambda t: climbed(t, label_task(train=150, dev=60, test=120)),
    ),
    "stopping; Ctrl-C again does not wait for the batch at work": (
        lambda t: broken_off(t, asyncio.CancelledError()), lambda t: broken_off(t, OSError("x")),
    ),
    # rows
    "Raise the budget and run again: {} of {} is spent, and the answers that are left cost about "
    "{} at most. Those that came are kept and not paid twice.": (
        lambda t: dear(t, 0.05), lambda t: dear(t, None),
    ),
    "Run the same command again: it goes on where it was, nothing is paid twice.": (
        lambda t: broken_off(t, asyncio.CancelledError()),
        climbed,
    ),
    "the budget ran out": (lambda t: dear(t, 0.0), lambda t: dear(t, None)),
    "{}; {} answers are kept": (lambda t: dear(t, 0.05), lambda t: dear(t, 0.0)),
    "{} answers are missing: run again": (
        lambda t: missing(t, True), lambda t: missing(t, False),
    ),
    "The winner that is served stays, and the choice waits in .rung/challenger: `rung promote` "
    "tests it against that one.": (
        lambda t: served(t, traffic=True), lambda t: served(t, traffic=False),
    ),
    "delete it and run again; attempts and answered calls are kept elsewhere": (
        lambda t: rewritten(t, "{"), lambda t: rewritten(t, None),
    ),
    # people and judging
    "its judge's errors are known from {} answers that people marked, with which {} {}: {}": (
        lambda _: by_people(12, most=0.8), lambda _: by_people(400),
    ),
    "asks for a mark of {} by it": (
        lambda _: by_people(100, most=0.7), lambda _: by_people(8, 0.95),
    ),
    "certifies nothing": (lambda _: by_people(8, 0.95), lambda _: by_people(100, most=0.7)),
    "let people mark more": (
        lambda _: by_people(40, 0.9, lenient=0.9), lambda _: by_people(12, most=0.9),
    ),
    "'mark' is {}; it must be on the scale from {} to {}": (
        lambda t: marked(t, '{"input": "i", "answer": "a", "mark": 7}'),
        lambda t: marked(t, '{"input": "i", "answer": "a", "mark": 1}'),
    ),
    "a marked row has 'input', 'answer' and 'mark'": (
        lambda t: marked(t, '{"input": "i", "mark": 1}'),
        lambda t: marked(t, '{"input": "i", "answer": "a", "mark": 1}'),
    ),
    "Judge: on {} answers that people marked it gives the same mark to {} [{}, {}], {}; it marks "
    "{} higher than people on average.": (
        lambda _: agreement(AGREES, AGREES), lambda _: agreement(AGREES[:4], AGREES[:4]),
    ),
    "Judge: only {} answers are marked by people; its agreement is not known under {}.": (
        lambda _: agreement(AGREES[:4], AGREES[:4]), lambda _: agreement(AGREES, AGREES),
    ),
    "no kappa, since one side gave one mark throughout": (
        lambda _: agreement(AGREES, (1.0,) * 40), lambda _: agreement(AGREES, AGREES),
    ),
    "Rogan and Gladen": (
        lambda _: agreement(AGREES, AGREES), lambda _: agreement(AGREES, GRADED),
    ),
    "prediction-powered, as if the marked answers were a random part of these": (
        lambda _: agreement(AGREES, GRADED), lambda _: agreement(AGREES, AGREES),
    ),
    "{}: {} by the judge, {} [{}, {}] as people would mark it, going by the judge's errors ({}).": (
        lambda _: agreement(AGREES, AGREES), lambda _: agreement(AGREES[:4], AGREES[:4]),
    ),
    "delete it, and mark answers again with `rung judge`: how far it agrees is lost": (
        lambda t: kept_marks(t, "{"),
        lambda t: kept_marks(t, Calibration(version="v", human=(1,), judge=(1,)).model_dump_json()),
    ),
    "rung.toml: comparing a judge with people needs [models] judge, and [judge] labelled with a "
    "file of rows of 'input', 'answer' and the 'mark' that a person gave": (
        lambda t: calibrated(t, None), lambda t: calibrated(t, MODEL),
    ),
    # explaining, and what the gate asks
    "it is a test example, and no probe ever touches test": (
        lambda t: explain(t, only="f55"), lambda t: explain(t, only="f1"),
    ),
    "no dev example has the id {}{}; `rung explain DIR` lists failures by cause with their ids": (
        lambda t: explain(t, only="f1"), explain,
    ),
    "no candidate of this run was asked a dev example: climb first": (
        lambda t: explain(t, asked=False), explain,
    ),
    "the task was changed after run {}: run `rung climb` again, then explain": (
        lambda t: explain(t, changed=True), explain,
    ),
    "Asked only whether knowledge is missing; `rung explain` asks the rest.": (
        lambda t: climbed(t, FACTS, Model(reading, MODEL), only=(), diagnose=True),
        lambda t: climbed(t, FACTS, Model(reading, MODEL), only=()),
    ),
    # auditing
    "the audit stops this climb before any model is asked: {} `rung audit` shows everything; "
    "`--anyway` climbs all the same": (
        lambda t: climbed(t, label_task(test=10)),
        lambda t: climbed(t, label_task(test=10), anyway=True),
    ),
    "the embedder cannot be used: {}": (
        lambda t: embedded(t, "local/none"), lambda t: embedded(t, EMBEDDER),
    ),
    "what this training will cost is not known, so a budget cannot guard it: set [costs] "
    "training_usd_per_mtok, or climb without --budget": (
        lambda t: reserved(t, None, 5), lambda t: reserved(t, None, None),
    ),
}  # fmt: skip
ELSEWHERE = {climber.RECORDED.format("{}")}
"""What a recording says, and that no other climb says it: `tests/climbing/test_tools.py`."""


def sentences(path: str) -> set[str]:
    found = phrases(path)
    return {t for t in found if " " in t.strip() and sum(map(str.isalpha, t)) >= FEWEST_LETTERS}


def test_every_sentence_has_its_two_cases() -> None:
    said = set().union(*(sentences(str(s.__file__)) for s in SPEAKERS))
    assert said == {*SAID, *ELSEWHERE}


@pytest.mark.lengthy
@pytest.mark.parametrize("sentence", SAID)
def test_a_sentence_is_said_where_it_is_true_and_only_there(sentence: str, tmp_path: Path) -> None:
    pattern = ".*".join(map(re.escape, sentence.split("{}")))
    places = tmp_path / "true", tmp_path / "false"
    for place in places:
        place.mkdir()
    true, false = (case(place) for case, place in zip(SAID[sentence], places, strict=True))
    assert re.search(pattern, true), true
    assert not re.search(pattern, false), false
