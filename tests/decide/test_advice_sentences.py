"""Every sentence of `rung advise`'s own: a case that makes it true, and one that makes it false.

What its rules say is tested rule by rule (test_rules.py).
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest

from rung.decide.advise import advise
from rung.decide.rules import wording
from rung.decide.rules.answers import Answers
from rung.economics.show import WIDTH
from wordings import phrases

ON = date(2026, 11, 21)
Given = dict[str, Any]
NOTHING: Given = {}
STOP = {"score_now": 0.9, "score_needed": 0.85}
BOTH = {"behaviour_wrong": True, "knowledge_missing": True, "examples": 900}

SAID: dict[str, tuple[str, Given, Given]] = {
    # wording: (what is printed of it, answers that make it true, answers that make it false)
    "Expected: {}": ("Expected: hybrid", BOTH, NOTHING),
    "Build in this order: {}": ("this order: prompting, then rag, then hybrid", BOTH, STOP),
    ", then ": ("prompting, then rag", BOTH, NOTHING),
    "nothing: what is there is good enough": (
        "Build in this order: nothing: what is there is good enough", STOP, NOTHING,
    ),
    "Why": ("\nWhy\n", {"symptoms": ["format"]}, NOTHING),
    "What each would mend here": (
        "What each would mend here", {"symptoms": ["format"]}, NOTHING,
    ),
    "nothing of it": ("rag: nothing of it", {"symptoms": ["format"]}, {"symptoms": ["outdated"]}),
    "; not {}": ("prompting: nothing of it; not a style", {"symptoms": ["style"]}, NOTHING),
    "Nearest use case: {} ({})": (
        "Nearest use case: SQL, standard tables (D)", {"use_case": "sql"}, {"use_case": "other"},
    ),
    "  prompting: {}; RAG: {}; fine-tuning: {}": (
        "prompting: with few-shot; RAG: not relevant", {"use_case": "sql"}, {"use_case": "other"},
    ),
    "Red flags": ("Red flags", {"task_is_broad": True}, {"task_is_broad": False}),
    "Before building (x: done, blank: missing, ?: not known)": (
        "[x] A real week on prompts.", {"prompt_effort": "week"}, NOTHING,
    ),
    "  {}: {}. Used {} {}": (
        "labelled examples for fine-tuning: at least 100 (A)",
        {"behaviour_wrong": True, "examples": 150}, {"behaviour_wrong": True, "examples": 900},
    ),
    "Where the documents disagree, and it changes the answer here": (
        "Where the documents disagree",
        {"behaviour_wrong": True, "examples": 150}, {"behaviour_wrong": True, "examples": 900},
    ),
    "Costs at {} requests a month, on assumptions (prices of {})": (
        "Costs at 10,000 requests a month, on assumptions (prices of 2026-11-21)", NOTHING,
        {"requests_per_month": 5_000},
    ),
    "  assumed: ": (
        "assumed: 10,000 requests a month; 400 tokens of prompt", NOTHING,
        {"requests_per_month": 10_000},
    ),
    "{}\n\nNext: {}\n": ("Next: rung init my-task", NOTHING, {}),
}  # fmt: skip
PARTS = {
    "done", "missing", "not known",  # marks of the checklist, by test_advise.py
    "technique", "running a month", "once", "a month, all in",  # heads of columns
    "hybrid", "costs", "ladder.prompting.",  # names in the code
    "Documents. ",  # always there: test_advise.py counts each title
}  # fmt: skip
OLD = "  older than 90 days: {}"


def said(given: Given, on: date = ON) -> str:
    return wording.text(advise(Answers.read(given), on))


def test_every_wording_has_its_two_cases() -> None:
    assert phrases(wording.__file__) == {*SAID, *PARTS, OLD}


@pytest.mark.parametrize("name", SAID)
def test_a_sentence_is_said_where_it_is_true_and_only_there(name: str) -> None:
    printed, true, false = SAID[name]
    pattern = r"\s+".join(map(re.escape, printed.split(" ")))  # lines are as wide as a terminal
    assert re.search(pattern, said(true))
    if name == "{}\n\nNext: {}\n":
        assert "rung climb here" in wording.text(advise(Answers(), ON, "here"))
    else:
        assert not re.search(pattern, said(false))


def test_prices_that_are_old_are_said_to_be() -> None:
    assert "older than 90 days" in said({}, date(2027, 6, 1))
    assert "older than 90 days" not in said({}, ON)


@pytest.mark.parametrize("given", [NOTHING, BOTH, STOP, {"symptoms": ["style", "outdated"]}])
def test_it_fits_a_terminal(given: Given) -> None:
    assert max(map(len, said(given).splitlines())) <= WIDTH
