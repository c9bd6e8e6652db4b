"""What the comment for a pull request says, and what is cut: a case for each phrase, one against.

As `test_report_sentences.py`; all other sentences of a comment are the report's own. What always
stands there has figures that it is said of, and others.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rung.records.results import RunResult
from rung.report import markdown, texts
from wordings import phrases, tell_apart

from .sentence_runs import BASE, CHOICE, EMPTY, NONE, flag, rowed, run, without

Case = Callable[[], str]


def comment(result: RunResult = BASE, *changes: str) -> str:
    return markdown.markdown(result, changes)


STATUS = {"sufficient": BASE, "insufficient": NONE, "undecided": without("undecided")}
PARTS = (comment, lambda: comment(EMPTY))
SAID: dict[str, tuple[str, Case, Case]] = {
    **{
        status: (f"# {markdown.BADGES[status]} ticket-routing: {status}",
                 lambda r=result: comment(r), lambda s=status: comment(STATUS[next(
                     other for other in STATUS if other != s)]))
        for status, result in STATUS.items()
    },
    "**What would change it**": (
        "**What would change it** - Volume: more.", lambda: comment(BASE, "Volume: more."), comment,
    ),
    "<details><summary>By part, on dev, of {}": ("<summary>By part, on dev, of Prompt", *PARTS),
    "{}</summary>": ("</summary> | part | right | recall | precision |", *PARTS),
    "</details>": ("</details>", *PARTS),
    "Target: {} ≥ {} {}.": (
        "≥ 0.5 with 90% confidence", lambda: comment(run(target=0.5, confidence=0.9)), comment,
    ),
    "**Next:** {}": ("**Next:** ", comment, lambda: comment().partition("**Next")[0]),
    "> Red flag: {}": (
        "> Red flag: ", lambda: comment(run(flags=(flag("warn"),))), lambda: comment(run(flags=())),
    ),
    "<sub>{} · run `{}` · seed {}</sub>": (
        "· run `r9` · seed 7</sub>", lambda: comment(run(run="r9", seed=7)), comment,
    ),
    "p95": ("| – | good enough", lambda: comment(rowed(CHOICE, latency_p95_s=None)), comment),
    "{} … [{} of {} characters cut]": (
        "ab … [1,998 of 2,000 characters cut]",
        lambda: texts.cut("ab" * 1000, 2), lambda: texts.cut("ab" * 1000, 2000),
    ),
}  # fmt: skip
HEADS = {"$/month", "at least", "candidate", "part", "precision", "recall", "right", "score",
         "technique", "verdict", "<code>{}</code>"}  # fmt: skip
"""Heads of columns, and mark-up."""


def test_every_phrase_has_its_two_cases() -> None:
    assert phrases(markdown.__file__) | phrases(texts.__file__) == {*SAID, *HEADS} - {"p95"}


@pytest.mark.parametrize("phrase", SAID)
def test_a_phrase_is_said_where_it_is_true_and_only_there(phrase: str) -> None:
    said, true, false = SAID[phrase]
    tell_apart(said, true(), false())
