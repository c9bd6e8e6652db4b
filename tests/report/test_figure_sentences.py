"""Every claim of a figure or of the causes beside it: a case for it, and one against.

The list is read from the source, as in `test_report_sentences.py`; titles and axes claim nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from rung.report import charts, diagnosis

from .sentence_runs import BASE, TASK, TOKENS, caused, crossed, drawn
from .synthetic import make_diagnosis
from .test_report_sentences import sentences

Case = Callable[[], str]
WHOLE = make_diagnosis(TASK, BASE).model_dump_json()
SAID: dict[str, tuple[Case, Case]] = {
    "Break-even with {}: {}": (
        lambda: str(charts.cost_volume(*drawn(TOKENS))), lambda: str(charts.cost_volume(*drawn())),
    ),
    "never: the same at every volume": (
        lambda: crossed(None, "", ""), lambda: crossed(None, "a", "a"),
    ),
    "never: dearer at every volume": (
        lambda: crossed(None, "a", "a"), lambda: crossed(None, "b", "b"),
    ),
    "never: cheaper at every volume": (
        lambda: crossed(None, "b", "b"), lambda: crossed(None, "a", "a"),
    ),
    "cheaper {} {} requests a month ({}: {} to {})": (
        lambda: crossed(900, "a", "b"), lambda: crossed(None, "a", "a"),
    ),
    "The causes of failures are left out: {}.": (lambda: caused("{"), lambda: caused(WHOLE)),
    "`rung explain` writes it anew": (lambda: caused("{"), lambda: caused(WHOLE)),
    "{}: {} of {} probed failures, {} ({} interval {} to {})": (
        lambda: str(diagnosis.cause_bars(make_diagnosis(TASK, BASE))),
        lambda: str(diagnosis.cause_bars(make_diagnosis(TASK, BASE).model_copy(
            update={"causes": ()}
        ))),
    ),
}  # fmt: skip
TITLES = {
    "Cost a month against volume",
    "Quality against cost a month",
    "USD a month (log)",
    "USD a month at {} requests, set-up included (log)",
    "choice minus other",
    "nats a token of the answer",
    "requests a month (log)",
}


def test_every_sentence_has_its_two_cases() -> None:
    assert sentences(charts) | sentences(diagnosis) == {*SAID, *TITLES}


@pytest.mark.parametrize("sentence", SAID)
def test_a_sentence_is_said_where_it_is_true_and_only_there(sentence: str) -> None:
    pattern = ".*".join(map(re.escape, sentence.split("{}")))
    true, false = SAID[sentence]
    assert re.search(pattern, true()), true()
    assert not re.search(pattern, false()), false()


@pytest.mark.parametrize(("below", "above", "side"), [("a", "b", "above"), ("b", "a", "below")])
def test_the_side_of_a_break_even_is_the_one_where_the_other_is_cheaper(
    below: str, above: str, side: str
) -> None:
    assert crossed(900, below, above).startswith(f"cheaper {side} 900 requests")
