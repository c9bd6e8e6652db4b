"""Questions that no single document answers, measured apart from the others of a run."""

from collections.abc import Sequence

from rung.audit.base import these
from rung.audit.checks.several import KINDS, kinds
from rung.evidence import binomial_interval
from rung.records import Attempt
from rung.task.types import Example, Frozen, Task

ADVICE = {
    KINDS[0]: "one search rarely finds all documents of several hops: more passages, whole "
    "documents in the prompt, or a solver that searches in steps",
    KINDS[1]: "passages show a part of a pattern over many documents: labelled summaries of them, "
    "asked or tuned on",
}
"""The framework, section 3, B to D."""


class KindOfQuestion(Frozen):
    """How one kind was answered; examples without a score are left out."""

    kind: str
    """One of `KINDS`, or "others"."""
    n: int
    right: int
    all_given: int
    """Those that were given a passage of every document that they name."""
    held_back: bool = False
    """Answered worse than the others by more than chance: their 95 % intervals do not meet."""

    def sentence(self) -> str:
        """For a person."""
        counts = f"{these(self.n, 'question')} ({self.kind}): {self.right} right"
        if self.kind in KINDS:
            counts += f", all of their documents given for {self.all_given}"
        advice = f"; worse than the others: {ADVICE[self.kind]}" if self.held_back else ""
        return f"{counts}{advice}."


def kinds_of_questions(
    task: Task, attempts: Sequence[tuple[Example, Attempt]], cut: float
) -> tuple[KindOfQuestion, ...]:
    """Each kind that there is, and the others; empty where every question is of the others.

    Right is a score of at least `cut`.
    """
    kind_of = kinds(task, [e for e, _ in attempts if e.context_ids])
    rows: dict[str, list[tuple[bool, bool]]] = {}
    for example, attempt in attempts:
        if attempt.score is not None:
            read = attempt.answer.passages if attempt.answer else ()
            given = set(example.context_ids) <= {p.document_id for p in read}
            kind = kind_of.get(example.id, "others")
            rows.setdefault(kind, []).append((attempt.score >= cut, given))
    if not rows.keys() & set(KINDS):
        return ()
    spans = {
        kind: binomial_interval(sum(right for right, _ in some), len(some))
        for kind, some in rows.items()
    }
    rest = spans.get("others")
    return tuple(
        KindOfQuestion(
            kind=kind,
            n=len(rows[kind]),
            right=sum(right for right, _ in rows[kind]),
            all_given=sum(given for _, given in rows[kind]),
            held_back=rest is not None and spans[kind].high < rest.low,
        )
        for kind in (*KINDS, "others")
        if kind in rows
    )
