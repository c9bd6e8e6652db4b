"""One look at the served winner: statistical checks on the traffic, plain ones on the documents.

False alarms: in any `LOOKS` looks in a row, the chance that some statistical check alarms though
nothing changed is at most alpha. Requests are taken as independent of one another; repeats of an
input are taken out of the check of the inputs.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from rung.climbing.tools import ClimbOptions, Tools
from rung.economics.pricing import runs_here
from rung.evidence.drift import per_test
from rung.loop.harvest.build import RANDOM
from rung.loop.harvest.queue import queued
from rung.loop.shipping.reindex import document_changes
from rung.loop.watch.checks import CHECKS, Check, Seen, marked
from rung.loop.watch.state import Change, Snapshot, hashes, rates, read_history, remember
from rung.loop.watch.topics import Asked
from rung.measure.store import RunStore
from rung.models.base import Vectors
from rung.models.registry import is_path
from rung.project import EVIDENCE_FILE, ProjectFolder
from rung.records import Attempt
from rung.scorers import scorer_for
from rung.solver import load
from rung.solver.store import digest_of
from rung.state import EVIDENCE_CURE, read_object
from rung.task.duplicates import normalised
from rung.task.load import load_task
from rung.task.types import Example, Frozen, render_input
from rung.traffic import Judged, Query, TrafficRecord, open_store
from rung.traffic.records import now

ALPHA = 0.05
LOOKS = 52
"""A year of weekly looks."""
WINDOW = 1000
"""The newest requests to the served winner that are compared."""
FEWEST_NEW = 50
"""Requests since the last look below which nothing is tested: the same data is not asked again."""


class Look(Frozen):
    """What a look found."""

    winner: str
    """Hash of the served winner."""
    requests: int
    """To this winner, in the window."""
    checks: tuple[Check, ...]
    documents: dict[str, int] | None = None
    """Since the winner's index was made; None where it reads none."""
    task_changes: Change
    document_changes: Change
    alpha: float
    looks: int = LOOKS
    per_month: float | None = None
    """Requests a month at the pace of the window, those that were not kept counted in."""
    spent_usd: float = 0.0
    """At a hosted embedder or judge, for this look."""

    @property
    def alarms(self) -> tuple[Check, ...]:
        """Checks that alarm."""
        return tuple(c for c in self.checks if c.state == "alarm")

    @property
    def told(self) -> bool:
        """Whether any check could tell."""
        return any(c.state in ("quiet", "alarm") for c in self.checks)


class _Evidence(NamedTuple):
    attempts: list[Attempt]
    cost_usd: float | None
    model: str = ""


def watch(
    folder: str | Path,
    log: str | None = None,
    *,
    since: datetime | None = None,
    alpha: float = ALPHA,
    options: ClimbOptions | None = None,
) -> Look:
    """Look at the traffic of the served winner of the task in `folder`.

    Raises `StoreError` where there is no winner, `UserError` for an impossible alpha,
    `BudgetExceeded` where a hosted embedder or judge would cost more than the options' budget or
    the task's: no look is kept then.
    """
    each = per_test(alpha, len(CHECKS), LOOKS)
    task = load_task(folder, whole=True)
    root = task.root or Path(folder)
    winner = ProjectFolder(root).winner
    digest = digest_of(winner)
    judged, total = _traffic(root, log, digest, since)
    history = read_history(root)
    last = history.looks[-1] if history.looks else None
    fresh = total - (last.requests if last is not None and last.winner == digest else 0)
    tested = judged if fresh >= FEWEST_NEW else None
    tools = Tools(task, options or ClimbOptions())
    changed, seen, spent = asyncio.run(_asked(tools, root, winner, tested, each))
    if seen is not None:
        checks = [*(check(seen) for check in CHECKS), marked(judged)]
    else:
        sentence = f"{max(0, fresh)} requests since the last look, {FEWEST_NEW} are needed"
        checks = [Check(name="traffic", state="too little data", said=sentence)]
    looked = Snapshot(
        at=now(),
        winner=digest,
        requests=total if seen is not None else total - fresh,
        task=task.model_copy(update={"documents": ()}).fingerprint(),
        documents=hashes(task.documents),
    )
    on_task, on_documents = rates(remember(root, history, looked))
    return Look(
        winner=digest,
        requests=len(judged),
        checks=(*checks, *([] if changed is None else [_document_check(changed)])),
        documents=changed,
        task_changes=on_task,
        document_changes=on_documents,
        alpha=alpha,
        per_month=_per_month([j.record for j in judged]),
        spent_usd=spent,
    )


def _traffic(
    root: Path, log: str | None, digest: str, since: datetime | None
) -> tuple[list[Judged], int]:
    """The newest requests to this winner, oldest first; and how many the log holds of it."""
    if log is None and not ProjectFolder(root).traffic.exists():
        return [], 0  # documents may have changed before the first request
    store = open_store(log or root, create=False)
    try:
        query = Query(solver=digest, since=since)
        judged: list[Judged] = []
        for one in store.judged(query, newest_first=True):
            judged.append(one)
            if len(judged) == WINDOW:
                break
        return judged[::-1], store.count(query)
    finally:
        store.close()


async def _asked(
    tools: Tools, root: Path, winner: Path, judged: Sequence[Judged] | None, alpha: float
) -> tuple[dict[str, int] | None, Seen | None, float]:
    """How the documents changed, what the checks look at (None where nothing is tested), and the
    USD that it took."""
    before = tools.budget.spent
    try:
        solver = load(winner, tools.chat, tools.embedder)
        changed = document_changes(solver, tools.task.documents)
        seen = None if judged is None else await _seen(tools, root, winner, judged, alpha)
        return changed, seen, float(tools.budget.spent - before)
    finally:
        await tools.aclose()


async def _seen(
    tools: Tools, root: Path, winner: Path, judged: Sequence[Judged], alpha: float
) -> Seen:
    evidence, task = _evidence(winner, root), tools.task
    records = [j.record for j in judged]
    examples, inputs, asked = await _embedded(tools, records)
    return Seen(
        task=task,
        measured=evidence.attempts,
        traffic=records,
        examples=examples,
        inputs=inputs,
        asked=asked,
        judged_right=await _scores(tools, root, judged),
        cost_usd=evidence.cost_usd,
        by_the_hour=runs_here(evidence.model) or is_path(evidence.model, root),
        per_month=_per_month(records),
        alpha=alpha,
        seed=task.climb.seed,
    )


async def _embedded(
    tools: Tools, records: Sequence[TrafficRecord]
) -> tuple[Vectors | None, Vectors | None, list[Asked]]:
    """Inputs of examples and traffic, each text once, and how often the latter were asked."""
    task = tools.task
    known = {
        normalised(e.input_text()): e.input_text() for e in (*task.train, *task.dev, *task.test)
    }
    texts = [render_input(r.input) for r in records]
    asked, times = {normalised(t): t for t in texts}, Counter(map(normalised, texts))
    if not known or not asked:
        return None, None, []
    embedder = tools.embedder(task.models.embedder)
    ours = await embedder.embed(list(known.values()))
    theirs = await embedder.embed(list(asked.values()))
    return ours, theirs, [Asked(text, times[key]) for key, text in asked.items()]


async def _scores(tools: Tools, root: Path, judged: Sequence[Judged]) -> list[float]:
    """Scores of the answers that `rung harvest` drew at random, by what people say is right."""
    reasons, judge = queued(root), tools.task.models.judge
    scorer = scorer_for(tools.task, tools.chat(judge) if judge else None)
    scores = []
    for record, feedback in judged:
        if feedback is None or record.answer is None or record.answer.passed_on == "outage":
            continue
        if RANDOM not in reasons.get(record.id, ()):
            continue
        if feedback.verdict == "right":
            scores.append(1.0)
        elif feedback.verdict == "wrong":
            scores.append(0.0)
        else:
            right = Example(id=record.id, input=record.input, expected=feedback.corrected)
            value = (await scorer.score(right, record.answer)).value
            scores += [] if value is None else [value]
    return scores


def _evidence(winner: Path, root: Path) -> _Evidence:
    """The attempts behind the winner and its measured cost; none for one that was re-indexed."""
    path = winner / EVIDENCE_FILE
    plain = read_object(path, EVIDENCE_CURE) if path.exists() else {}
    given = plain.get("candidate")
    row = given if isinstance(given, dict) else {}
    folder = ProjectFolder(root).runs / str(plain.get("run"))
    if not plain.get("run") or not folder.is_dir():
        return _Evidence([], row.get("cost_per_request_usd"), str(row.get("model", "")))
    store = RunStore(folder)
    store.close()
    attempts = [a for a in store.attempts.values() if a.candidate == row.get("key")]
    return _Evidence(attempts, row.get("cost_per_request_usd"), str(row.get("model", "")))


def _document_check(changed: dict[str, int]) -> Check:
    moved = changed["changed"] + changed["added"] + changed["removed"]
    sentence = (
        f"{changed['changed']} of {changed['documents']} documents changed since the winner's "
        f"index was made, {changed['added']} new, {changed['removed']} gone"
    )
    advice = "run `rung reindex`: the served winner answers from the old ones" if moved else ""
    return Check(
        name="documents", state="alarm" if moved else "quiet", said=sentence, advice=advice
    )


def _per_month(records: Sequence[TrafficRecord]) -> float | None:
    """None where the window is shorter than an hour."""
    if len(records) < 2:
        return None
    days = (records[-1].at - records[0].at).total_seconds() / 86_400
    if days < 1 / 24:
        return None
    return sum(1 / r.share for r in records) / days * 30.4
