"""What `rung cost` and `rung advise` refuse or say of themselves: a case for it, and one against.

As `test_refusal_sentences.py`; what `rung cost` prints is in `test_cost_sentences.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from rung.cli import cost
from rung.cli.app import app
from rung.decide import advise
from rung.decide.rules import wording
from rung.decide.rules.answers import Answers
from rung.economics import analysis, model, settings, tables
from wordings import sentences, tell_apart

SPEAKERS = (analysis, cost, model, settings, tables, advise)
API, OWN = "a=openai/gpt-4o:500/100", "b=local/smollm2-135m-instruct:500/100"
Case = Callable[[], str]


def said(*given: str) -> str:
    result = CliRunner().invoke(app, ["cost", *given])
    return f"{result.output}\n{result.exception or ''}"


def priced(*prices: str) -> str:
    return said(API, OWN, *(word for price in prices for word in ("--price", price)))


def advised(**answers: object) -> str:
    return wording.text(advise.advise(Answers.read(answers), date(2026, 11, 21)))


SAID: dict[str, tuple[Case, Case]] = {
    "--on {} is no day; write it as YYYY-MM-DD.": (
        lambda: said(API, "--on", "11/21"), lambda: said(API, "--on", "2026-11-21"),
    ),
    "--on {}: prices of a day to come are not known.": (
        lambda: said(API, "--on", "2999-01-01"), lambda: said(API, "--on", "2026-11-21"),
    ),
    "--price {} changes nothing: no candidate here pays it, or all pay just that. `rung cost --why`"
    " shows what is paid; a listed model's price is models.NAME.input_usd_per_mtok.": (
        lambda: priced("gpu=l40s"), lambda: priced("machine_usd_per_hour=3"),
    ),
    "{} is not there; give a scenario (.toml), a run.json or a folder.": (
        lambda: said("nowhere.toml"), lambda: said(API),
    ),
    "Stated candidates": (lambda: said(API), lambda: said("nowhere.toml")),
    "Candidates need distinct keys, but {}; name each one.": (
        lambda: said(API, API), lambda: said(API, OWN),
    ),
    "{} is there twice": (lambda: said(API, API), lambda: said(API, OWN)),
    "A horizon needs at least one month, got {}.": (
        lambda: said(API, "--months", "0.5"), lambda: said(API, "--months", "1"),
    ),
    "expected by the model's parameters": (
        lambda: said(OWN, "--why"), lambda: said(API, "--why"),
    ),
    "requests per month": (  # the name of an input
        lambda: said(API, OWN), lambda: said(API),
    ),
    "Unknown key {} in [{}]; {}": (
        lambda: priced("gpus=l40s"), lambda: priced("machine_usd_per_hour=3"),
    ),
    "[costs] {} = {}: hours of people have no price; set [costs] labour_usd_per_hour too.": (
        lambda: priced("setup_hours=3"), lambda: priced("machine_usd_per_hour=3"),
    ),
    "[{}] is {}: it is a table of a model's prices, such as input_usd_per_mtok = 0.15.": (
        lambda: priced("models=3"), lambda: priced("models.openai/gpt-4o.input_usd_per_mtok=1"),
    ),
    "No row {} in the price table {}; {}": (
        lambda: priced("machine=foo"), lambda: priced("machine=neon-launch-cu"),
    ),
    # a prior
    "This is a prior: what `rung climb` measures on your own examples overrules it.": (
        advised, lambda: said(API),
    ),
    "Where answers are labels, a climb first tries what needs no language model, which none of the "
    "documents has: the nearest examples, a linear classifier.": (
        lambda: advised(use_case="classification"), lambda: advised(use_case="sql"),
    ),
    "rung init my-task": (
        advised, lambda: wording.text(advise.advise(Answers(), date(2026, 11, 21), "here")),
    ),
}  # fmt: skip


def helps() -> set[str]:
    """What `rung cost --help` says of its options, which claims nothing of a candidate."""
    options = get_command(app).commands["cost"].params  # type: ignore[attr-defined]
    return {option.help for option in options}


def test_every_sentence_has_its_two_cases() -> None:
    assert sentences(*(s.__file__ for s in SPEAKERS)) - helps() == {*SAID}


@pytest.mark.parametrize("sentence", SAID)
def test_a_sentence_is_said_where_it_is_true_and_only_there(sentence: str) -> None:
    true, false = SAID[sentence]
    tell_apart(sentence, true(), false())
