"""A judge's errors are in no certificate, and the audit says so."""

from __future__ import annotations

import pytest

from rung.audit.checks.judge import check

from .tasks import label_task, material


@pytest.mark.parametrize(
    ("known", "ident", "words"),
    [
        ("", "judge-unmeasured", "how far people agree with it is not known"),
        ("Judge: kappa .6.", "judge-error", "if it errs as on those. Judge: kappa .6."),
    ],
)
def test_a_judge_is_flagged_whether_people_marked_answers_or_not(
    known: str, ident: str, words: str
) -> None:
    seen = material(label_task(), embedded=False)
    assert not check(seen).flags and check(seen).skipped
    seen.judge_against_people = known
    (flag,) = check(seen).flags
    assert (flag.id, flag.severity) == (ident, "warn") and words in flag.text
