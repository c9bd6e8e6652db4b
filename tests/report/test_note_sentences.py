"""Every note that a climb leaves in its report, and what is said of a training: true and false.

As `test_report_sentences.py`, for the modules that speak of one thing each.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rung.climbing import found_notes, ledger, refining, unanswered
from rung.climbing import learning as climbed
from rung.climbing.ledger import TestLedger
from rung.climbing.observer import Observer
from rung.evidence.ledger import DEV, SHOWN, TAUGHT
from rung.records import Answer, Attempt, Usage
from rung.records.results import Search
from rung.report import failures, learning, sections
from rung.report.reading import FinishedRun
from wordings import phrases

from .sentence_runs import BASE, LORA, SINGLE, TASK, rowed, scored
from .test_report_sentences import Case, sentences

SPEAKERS = (climbed, found_notes, ledger, unanswered, learning, sections, failures)


def notes(key: str | None = LORA, answers: tuple[Attempt, ...] = (), **changes: Any) -> str:
    found = rowed(key, BASE, **changes)
    kept = {found.candidates[6].key: answers}
    return "\n".join(found_notes.found_notes(found.candidates, lambda k: kept.get(k, ())))


def answered(estimated: bool) -> tuple[Attempt, ...]:
    answer = Answer(text="a", usage=Usage(estimated=estimated), calls=1)
    return (Attempt(candidate=LORA, split="dev", example_id="e", answer=answer, score=1.0),)


def trained(**facts: Any) -> str:
    row = rowed(LORA, BASE, training=facts).candidates[6]
    recipes = [recipe["recipe"] for recipe in sections.tried_table(row)]
    return "\n".join([*sections.training_facts(row), *recipes])


def encoded(**facts: Any) -> str:
    tuned = BASE.candidates[1].candidate.model_copy(update={"model": "no-llm/encoder"})
    row = BASE.candidates[1].model_copy(update={"candidate": tuned, "training": facts})
    return "\n".join(sections.training_facts(row))


def curve(dev: bool = True, **changes: Any) -> str:
    row = BASE.candidates[6]
    kept = {**row.learning, **changes}
    row = row.model_copy(update={"learning": kept, **({} if dev else {"dev": None})})
    found = learning.learning(FinishedRun(BASE, ()), row, "7")
    if found is None:
        return ""
    titles = [found.plot.title, found.plot.x.label, *(p.title for p in found.plot.points)]
    return "\n".join([*titles, *(c.title for c in found.plot.curves)])


def gold(*, beside: bool) -> str:
    """What the probe with the gold passages says; beside it, a reader with the same prompt."""
    probe, rag = BASE.candidates[8], BASE.candidates[5]
    kept = (probe, rag) if beside else (probe,)
    run = FinishedRun(BASE.model_copy(update={"candidates": kept}), ())
    return "\n".join(failures._probes(run))


class Told(Observer):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def failing(asked: int, failed: int) -> str:
    told = Told()
    watch = unanswered.Unanswered(told)
    watch.phase("k", "test", asked)
    for number in range(asked):
        late = number >= asked - failed
        answer = None if late else Answer(text="a")
        error = "503" if late else None
        score = None if late else 1.0
        watch.attempt(Attempt(candidate="k", split="test", example_id=str(number), answer=answer,
                              error=error, score=score))  # fmt: skip
    return "\n".join(told.notes)


def kept(tmp: Path, how: str = "") -> str:
    """The ledger's notes where some test rows were shown, or dev, before."""
    task = TASK.model_copy(update={"root": tmp})
    first = TestLedger(tmp, task.model_copy(update={"test": task.test[:5]}), ())
    if how in (DEV, TAUGHT):
        first.learnt(task.test[:5], how)
    if how == SHOWN:
        first.show()
    return "\n".join(TestLedger(tmp, task, ()).sentences())


def refused(tmp: Path) -> str:
    book = TestLedger(tmp, TASK.model_copy(update={"root": tmp}), ())
    try:
        for number in range(99):
            book.alpha(str(number), 0.8)
    except Exception as error:
        return str(error)
    return ""


def unheld(tmp: Path, tested: int, how: str = "") -> str:
    """What an offer says with so many test examples, all of which were shown where that is said."""
    task = TASK.model_copy(update={"root": tmp, "test": TASK.test[:tested]})
    if how:
        TestLedger(tmp, task, ()).show()
    try:
        return str(TestLedger(tmp, task, ()).offer("k", 0.5))
    except Exception as error:
        return str(error)


def broken(tmp: Path) -> str:
    (tmp / ledger.LEDGER_FILE).write_text("{")
    try:
        TestLedger(tmp, TASK.model_copy(update={"root": tmp}), ())
    except Exception as error:
        return str(error)
    return ""


Filed = Callable[[Path], str]
SAID: dict[str, tuple[Case, Case]] = {
    "{}: {} training example{} longer than what {} reads, and left out of its training.": (
        lambda: notes(training={"left_out": 2}), lambda: notes(training={}),
    ),
    "{} was tuned on the rows, and then learnt {} corrections against the answers they replaced "
    "(DPO; loss in each epoch {}, 0.69 where nothing is preferred).": (
        lambda: notes(training={"preferred": {"pairs": 9, "losses": [0.5]}}),
        lambda: notes(training={}),
    ),
    "then {} corrections against what they replaced (DPO, arXiv 2305.18290)": (
        lambda: trained(preferred={"pairs": 9, "losses": []}), lambda: trained(seconds=1),
    ),
    "{} can do less than before it was tuned: {}. {}": (
        lambda: notes(training={"guards": [{"lost": True, "said": "it forgot", "then": "Wait."}]}),
        lambda: notes(training={"guard": {"lost": False, "said": "it kept"}}),
    ),
    "{}: {} of {} examples were refused for what stands in them, and count as not answered: {}": (
        lambda: notes(**scored(refused=2, refusals={"filtered": 2})), lambda: notes(**scored()),
    ),
    "{}: costs with a ~ are estimated, since {} of {} answers came without token counts, or with "
    "counts that do not add up: the dearer reading is taken.": (
        lambda: notes(answers=answered(True)), lambda: notes(answers=answered(False)),
    ),
    "{} training examples {} the target ({})": (
        lambda: climbed.sentence(
            {"points": [{"n": 9, "outlook": "may reach", "chance": 0.9}], "reason": ""}
        ),
        lambda: climbed.sentence({"points": [], "reason": "no better than the base"}),
    ),
    "{} of {} not answered: {}": (lambda: failing(9, 3), lambda: failing(9, 2)),
    "{}. More than half fail: Ctrl-C stops, what is answered is kept, and the same command goes "
    "on when the server does": (lambda: failing(24, 24), lambda: failing(24, 3)),
    "measured on {} dev examples": (curve, lambda: curve(dev=False)),
    "measured; how many were asked is not known": (lambda: curve(dev=False), curve),
    "untrained, {} dev examples": (curve, lambda: curve(dev=False)),
    "{}: {}. {} training examples: {}{} [{}–{}], {}": (curve, lambda: curve(sizes=())),
    "Score on dev of {} by training examples": (curve, lambda: curve(sizes=())),
    "Scores of {} by training size": (curve, lambda: curve(sizes=())),
    "training examples": (curve, lambda: curve(sizes=())),
    "{} tokens read in all epochs": (lambda: trained(train_tokens=9), lambda: trained(seconds=1)),
    "{} of computing on this machine": (lambda: trained(seconds=1), lambda: trained(usd=1)),
    "{} epoch{}, the best by loss on dev kept": (
        lambda: trained(epochs_run=2), lambda: trained(seconds=1),
    ),
    "trained by {}, job {}": (
        lambda: trained(provider="p", job="j"), lambda: trained(seconds=1),
    ),
    "its price is not known": (
        lambda: trained(provider="p", job="j"), lambda: trained(provider="p", job="j", usd=2),
    ),
    "{} rows longer than the model's window were left out": (
        lambda: trained(left_out=2), lambda: trained(left_out=0, seconds=1),
    ),
    "{} epochs over {} rows": (
        lambda: encoded(epochs=4, rows=60), lambda: trained(seconds=1),
    ),
    "the best of {} recipes by dev, found in {} of it": (
        lambda: trained(race_seconds=3, tried=[HEAT]), lambda: trained(seconds=1),
    ),
    "rate {}, {} rows a step": (
        lambda: trained(race_seconds=3, tried=[HEAT]).splitlines()[-1], lambda: "",
    ),
    "Given the gold passages, {} scores {} on {} dev examples": (
        lambda: gold(beside=True),
        lambda: "\n".join(failures._probes(FinishedRun(SINGLE, ()))),
    ),
    "; beside it, on dev: {}.": (lambda: gold(beside=True), lambda: gold(beside=False)),
}  # fmt: skip
ALWAYS = {
    "LoRA rank {}, learning rate {}, {} rows a step",  # of every training: its own test
    "learning curve: {} training examples",  # while one is drawn
}
HEAT = {"learning_rate": 1e-4, "rows": 8, "score": 0.5, "dev_losses": [1.0], "seconds": 1}
FILED: dict[str, tuple[Filed, Filed]] = {
    "were shown (`rung reveal`)": (lambda t: kept(t, SHOWN), kept),
    "were dev in an earlier climb, which chose by them and shows their answers": (
        lambda t: kept(t, DEV), lambda t: kept(t, SHOWN),
    ),
    "were handed out for training (`rung export`, or a provider), and models may know them": (
        lambda t: kept(t, TAUGHT), lambda t: kept(t, DEV),
    ),
    "{} test examples {} and are left out: {} others certify.": (lambda t: kept(t, DEV), kept),
    "These test examples have been used by {} candidates, and the error of {} that a confidence "
    "of {} leaves is used up; add fresh test examples for {}, and give these up with `rung "
    "reveal`.": (refused, kept),
    "There are no test examples: nothing can be certified; add some.": (
        lambda t: unheld(t, 0), lambda t: unheld(t, 9),
    ),
    "These test examples {}: nothing is certified on them; add fresh test examples for {}.": (
        lambda t: unheld(t, 9, SHOWN), lambda t: unheld(t, 9),
    ),
    "{} cannot be read ({}): {}": (broken, kept),
    "restore it from a copy, or delete it and give fresh test examples; it keeps count of how "
    "often the test examples were used": (broken, kept),
}  # fmt: skip


def found(which: Search, elsewhere: bool = False) -> str:
    return refining.said_of_search(which, elsewhere)


PLAIN = Search(start="a", best="a", calls=9, variants=3, searched=("instruction",))
WON = PLAIN.model_copy(update={"best": "b", "before": 0.5, "after": 0.7, "n": 20})


@pytest.mark.parametrize(
    ("says", "true", "false"),
    [
        ("None did better on rows that had no part in choosing it", found(PLAIN), found(WON)),
        ("b won: 0.70 against 0.50 on 20 rows that had no part", found(WON), found(PLAIN)),
        ("and is on the ladder already", found(WON, True), found(WON)),
        ("nothing else fitted the budget", found(PLAIN.model_copy(update={"searched": ()})),
         found(PLAIN)),
        ("not tried: shots", found(PLAIN.model_copy(update={"untried": ("shots",)})), found(PLAIN)),
    ],
)  # fmt: skip
def test_what_a_search_found(says: str, true: str, false: str) -> None:
    assert says in true and says not in false


@pytest.mark.parametrize("speaker", SPEAKERS, ids=lambda s: s.__name__)
def test_every_note_has_its_two_cases(speaker: ModuleType) -> None:
    assert sentences(speaker) - {*SAID, *FILED, *ALWAYS} == set()


def test_a_training_is_described_by_what_it_took() -> None:
    assert "LoRA rank 4, " in trained(weights={"rank": 4})
    assert "LoRA rank 4, " not in trained(weights={"rank": 16})


def test_no_case_is_of_a_note_that_is_gone() -> None:
    said = set().union(*(phrases(str(s.__file__)) for s in SPEAKERS))
    assert {*SAID, *FILED} - said == set()


@pytest.mark.parametrize("sentence", [*SAID, *FILED])
def test_a_note_is_said_where_it_is_true_and_only_there(sentence: str, tmp_path: Path) -> None:
    pattern = ".*".join(map(re.escape, sentence.split("{}")))
    places = tmp_path / "true", tmp_path / "false"
    for place in places:
        place.mkdir()
    if sentence in SAID:
        true, false = (case() for case in SAID[sentence])
    else:
        cases = zip(FILED[sentence], places, strict=True)
        true, false = (case(place) for case, place in cases)
    assert re.search(pattern, true), true
    assert not re.search(pattern, false), false
