"""Examples and answers as compact data inside the page; a little script shows rows on demand.

Texts are kept once however often they are said, and cut where a run has too many of them: the
whole of every answer stays in `attempts.jsonl`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rung.climbing.ledger import row_name, shown_names
from rung.records import Answer, Attempt
from rung.report.diagnosis import cause_name
from rung.report.reading import FinishedRun
from rung.report.rows import places
from rung.report.texts import clean, cut
from rung.report.words import answered_by
from rung.task.types import Example, Task, render_expected

GENEROUS = ((20_000, 1_200_000), (4_000, 1_400_000))
STRICT = (1_500, 600, 240, 120)
"""Characters a text may have, the first that keeps all texts within so many bytes: up to about
1.4 MB with long texts, up to `MOST_BYTES` with short ones."""
MOST_BYTES = 4_500_000
MOST_EXAMPLES = 10_000
NAME_CHARS = 200
RIGHT = 1.0 - 1e-9


@dataclass(frozen=True)
class ExampleData:
    """What the page embeds, and what it says of it."""

    data: dict[str, Any]
    shown: int
    left_out: int
    """Examples beyond `MOST_EXAMPLES`."""
    cut_at: int
    """Characters; texts that are longer end with a note."""
    cut: int
    """Texts that were cut."""


class _Texts:
    """Texts by number, each kept once."""

    def __init__(self, limit: int) -> None:
        self.limit, self.cut, self.bytes = limit, 0, 0
        self.kept: list[str] = []
        self._numbers: dict[str, int] = {}

    def number(self, text: str, limit: int | None = None) -> int:
        known = self._numbers.get(text)
        if known is not None:
            return known
        most = self.limit if limit is None else limit
        self.cut += len(text) > most
        shown = cut(text, most)
        self._numbers[text] = number = len(self.kept)
        self.kept.append(shown)
        self.bytes += len(shown.encode())
        return number


Answers = Mapping[tuple[str, str], Mapping[str, Attempt]]
"""Attempts by split and example, then by candidate."""


def example_data(run: FinishedRun, task: Task | None) -> ExampleData:
    """Every example that any candidate was asked, with all answers to it."""
    order, asked, known = all_asked(run, task)
    shown = order[:MOST_EXAMPLES]
    texts, rows, passages = _within_size(run, shown, asked, known)
    named = places(run.result)
    keys = [r.key for r in run.result.candidates]
    candidates = [
        [named[r.key], clean(run.label(r)), r.technique, clean(r.key)]
        for r in run.result.candidates
    ]
    causes = _causes(run)
    for (split, name), row in zip(shown, rows, strict=False):
        row.append(causes.index(why) if (why := cause_of(run, split, name)) else -1)
    data = {
        "causes": [cause_name(cause) for cause in causes],
        "candidates": candidates,
        "chosen": keys.index(c) if (c := run.result.verdict.choice) in keys else -1,
        "texts": texts.kept,
        "passages": passages,
        "examples": rows,
    }
    return ExampleData(data, len(shown), len(order) - len(shown), texts.limit, texts.cut)


def all_asked(
    run: FinishedRun, task: Task | None
) -> tuple[list[tuple[str, str]], Answers, Mapping[tuple[str, str], Example]]:
    """Splits and ids of the examples asked, in their order; answers to each; what is known of it.

    Test first, in the order of the files; then what the files no longer hold. Test examples only
    where `rung reveal` has shown them: whoever reads their answers tunes on them.
    """
    shown = shown_names(task.root if task else None)
    known = _examples(task)
    asked: dict[tuple[str, str], dict[str, Attempt]] = {}
    for one in (*run.probed, *run.attempts):
        example = known.get((one.split, one.example_id))
        if one.split == "test" and (example is None or row_name(example) not in shown):
            continue
        asked.setdefault((one.split, one.example_id), {})[one.candidate] = one
    order = [place for place in known if place in asked]
    order += [place for place in asked if place not in known]
    order.sort(key=lambda place: place[0] != "test")
    return order, asked, known


def cause_of(run: FinishedRun, split: str, example_id: str) -> str | None:
    """Why the diagnosed candidate failed an example; None where it did not, or was not probed."""
    if run.diagnosis is None or run.diagnosis.split != split:
        return None
    cause = run.diagnosis.examples.get(example_id)
    return cause.cause if cause else None


def _causes(run: FinishedRun) -> list[str]:
    diagnosis = run.diagnosis
    return sorted({f.cause for f in diagnosis.examples.values()}) if diagnosis else []


def _examples(task: Task | None) -> dict[tuple[str, str], Example]:
    if task is None:
        return {}
    return {(s, e.id): e for s in ("test", "dev") for e in task.split(s)}


def _within_size(
    run: FinishedRun,
    shown: Sequence[tuple[str, str]],
    asked: Answers,
    known: Mapping[tuple[str, str], Example],
) -> tuple[_Texts, list[Any], list[Any]]:
    """The most generous cut whose texts are small enough together."""
    tries = [*GENEROUS, *((limit, MOST_BYTES) for limit in STRICT)]
    for limit, most in tries:
        texts = _Texts(limit)
        rows, passages = _rows(run, shown, asked, known, texts, most)
        if texts.bytes <= most:
            break
    return texts, rows, passages


def _rows(
    run: FinishedRun,
    shown: Sequence[tuple[str, str]],
    asked: Answers,
    known: Mapping[tuple[str, str], Example],
    texts: _Texts,
    most: int,
) -> tuple[list[Any], list[Any]]:
    keys = [r.key for r in run.result.candidates]
    several = {r.key for r in run.result.candidates if len(r.candidate.models) > 1}
    passages: dict[tuple[int, int, int, int], int] = {}
    rows = []
    for place in shown:
        if texts.bytes > most and texts.limit != STRICT[-1]:
            break  # too large already: the caller tries a shorter cut
        example = known.get(place)
        answers = asked[place]
        rows.append(
            [
                texts.number(place[1], NAME_CHARS),
                place[0],
                -1 if example is None else texts.number(example.input_text()),
                -1 if example is None else texts.number(render_expected(example.expected)),
                [] if example is None else [texts.number(i, NAME_CHARS)
                                            for i in example.context_ids],
                [
                    _attempt(answers[k], texts, passages, several=k in several)
                    if k in answers
                    else 0
                    for k in keys
                ],
            ]
        )  # fmt: skip
    return rows, [list(p) for p in passages]


def _attempt(
    one: Attempt,
    texts: _Texts,
    passages: dict[tuple[int, int, int, int], int],
    *,
    several: bool,
) -> list[Any]:
    """[outcome, score, answer, problem, passages, citations, tokens in, out, ms, calls, by].

    Outcome: r right, p partly, w wrong, u unscored, e error. A tail of nothing is left out. By:
    which of a candidate's several models answered.
    """
    answer = one.answer
    text = -1 if answer is None else texts.number(answer.text)
    problem = one.error or (answer.problem if answer else None)
    row: list[Any] = [
        outcome(one),
        None if one.score is None else round(one.score, 3),
        text,
        texts.number(problem) if problem else -1,
    ]
    if answer is not None:
        row += _facts(answer, texts, passages)
        if several and (by := answered_by(answer)):
            row.append(texts.number(by))
    return row


def _facts(
    answer: Answer, texts: _Texts, passages: dict[tuple[int, int, int, int], int]
) -> list[Any]:
    numbers = []
    for p in answer.passages:
        key = (
            texts.number(p.document_id, NAME_CHARS),
            texts.number(p.title, NAME_CHARS),
            texts.number(p.text),
            p.start,
        )
        numbers.append(passages.setdefault(key, len(passages)))
    used = answer.usage
    return [
        numbers,
        list(answer.citations),
        used.input_tokens,
        used.output_tokens,
        round(answer.latency_s * 1000),
        answer.calls,
    ]


def outcome(one: Attempt) -> str:
    """One letter: what became of an attempt."""
    if one.state == "errored":
        return "e"
    if one.score is None:
        return "u"
    if one.score >= RIGHT:
        return "r"
    return "p" if one.score > 0 else "w"
