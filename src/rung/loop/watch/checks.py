"""The checks of one look: each compares traffic with what was measured, at its share of alpha."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from rung.evidence import drift
from rung.evidence.drift import TwoSamples
from rung.loop.watch.topics import Asked, topics
from rung.models.base import Vectors
from rung.money import usd
from rung.records import Answer, Attempt
from rung.task.types import Frozen, LabelsOutput, Task
from rung.task.wording import shown
from rung.traffic import Judged, TrafficRecord

State = Literal["quiet", "alarm", "too little data", "not tested"]
FEWEST = 30
"""Values of either side below which a check says nothing."""
COST_SLACK = 1.25
"""Costs may exceed what was measured by this factor before it is worth an alarm."""


LEAST_USD_PER_MONTH = 10.0
"""What a month must cost more before it is worth an alarm: less than the time to look into it. Our
own figure; `[target] max_cost_per_request` is a limit whatever it comes to."""


class Check(Frozen):
    """What one check found."""

    name: str
    state: State
    said: str
    """One sentence with its figures."""
    advice: str = ""
    """What to do, where it alarms."""
    p_value: float | None = None
    alpha: float | None = None
    method: str = ""


@dataclass
class Seen:
    """What a look has to compare."""

    task: Task
    measured: Sequence[Attempt]
    """Of the served winner, on dev and test."""
    traffic: Sequence[TrafficRecord]
    examples: Vectors | None
    """Embedded inputs of the examples."""
    inputs: Vectors | None
    """Embedded inputs of the traffic, repeats taken out."""
    asked: Sequence[Asked]
    """Their texts, row by row."""
    judged_right: Sequence[float]
    """Scores of judged answers that were drawn at random."""
    cost_usd: float | None
    """Measured, per request."""
    by_the_hour: bool
    """Its machine is paid whatever is asked: what a request takes of it costs nothing more."""
    per_month: float | None
    """Requests a month at the pace of the traffic."""
    alpha: float
    """Of each test."""
    seed: int = 0

    @property
    def answers(self) -> list[Answer]:
        """Answers of the traffic that were made as the measured ones: with every model there."""
        given = [r.answer for r in self.traffic if r.answer]
        return [a for a in given if a.passed_on != "outage"]


def inputs(seen: Seen) -> Check:
    """Do people ask what the examples ask?"""
    name = "inputs"
    if seen.examples is None or seen.inputs is None:
        return _none(name, "not tested", "there is no embedder")
    test = drift.shift(seen.examples.astype(float), seen.inputs.astype(float), seen.seed)
    if test is None:
        return _none(name, "too little data", f"{len(seen.inputs)} different inputs")
    sentence = (
        f"a classifier tells traffic from examples with an area under the curve of "
        f"{test.effect:.2f} (0.50: not at all), {test.n} examples against {test.m} inputs"
    )
    return _check(name, test, seen.alpha, sentence, "label some of the traffic (`rung harvest`)")


def off_topic(seen: Seen) -> Check:
    """Do people ask what no example is like? The kinds that stand out are listed."""
    name = "off topic"
    if seen.examples is None or seen.inputs is None:
        return _none(name, "not tested", "there is no embedder")
    far_off = topics(seen.examples, seen.inputs, seen.asked, seen.seed)
    if far_off is None:
        return _none(name, "too little data", f"{len(seen.examples)} different examples")
    far, usual = far_off.far, far_off.usual
    sentence = f"{far_off.share:.0%} of {far.m} inputs are far from the examples, {usual:.0%} usual"
    kinds = "; ".join(f"{kind.requests} requests like {shown(kind.like)}" for kind in far_off.kinds)
    sentence += f": {kinds}" if kinds else ""
    return _check(name, far, seen.alpha, sentence, "label some of them (`rung harvest`)")


def answers(seen: Seen) -> Check:
    """Are the labels given as often as when they were measured?"""
    name, output = "answers", seen.task.output
    if not isinstance(output, LabelsOutput):
        return _none(name, "not tested", "answers are not labels")
    old = Counter(str(a.answer.value) for a in seen.measured if a.answer and a.answer.valid)
    new = Counter(str(a.value) for a in seen.answers if a.valid)
    if min(old.total(), new.total()) < FEWEST:
        return _none(name, "too little data", f"{old.total()} measured, {new.total()} answered")
    labels = output.labels
    test = drift.shares(
        [old[label] for label in labels], [new[label] for label in labels], seen.alpha, seen.seed
    )
    most = max(labels, key=lambda x: abs(new[x] / new.total() - old[x] / old.total()))
    sentence = (
        f"shares of labels differ by {test.effect:.2f} in all, most for {most!r}: "
        f"{old[most] / old.total():.0%} measured, {new[most] / new.total():.0%} now"
    )
    return _check(
        name, test, seen.alpha, sentence, "see whether the task has moved (`rung harvest`)"
    )


def invalid(seen: Seen) -> Check:
    """Are more answers not valid?"""
    old = [a.answer.valid for a in seen.measured if a.answer]
    new = [a.valid for a in seen.answers]
    return _rate("validity", "answers not valid", old, new, seen, "look at them: `rung review`")


def errors(seen: Seen) -> Check:
    """Do more requests fail?"""
    old = [a.error is None for a in seen.measured]
    new = [r.error is None for r in seen.traffic]
    return _rate("errors", "requests failed", old, new, seen, "look at the server's log")


def confidence(seen: Seen) -> Check:
    """Is the winner less sure than it was?"""
    name = "confidence"
    old = [a.answer.confidence for a in seen.measured if a.answer]
    new = [a.confidence for a in seen.answers]
    known = [c for c in old if c is not None], [c for c in new if c is not None]
    if not known[0] or not known[1]:
        return _none(name, "not tested", "the candidate does not know how sure it is")
    if min(map(len, known)) < FEWEST:
        return _none(name, "too little data", f"{len(known[0])} measured, {len(known[1])} answered")
    test = drift.higher([-c for c in known[0]], [-c for c in known[1]])
    sentence = f"median {np.median(known[0]):.2f} measured, {np.median(known[1]):.2f} now"
    return _check(name, test, seen.alpha, sentence, "label unsure answers (`rung harvest`)")


def quality(seen: Seen) -> Check:
    """Are answers that were drawn at random and judged worse than the measured ones?"""
    name = "quality"
    old = [a.score for a in seen.measured if a.split == "test" and a.score is not None]
    new = list(seen.judged_right)
    if not new:
        return _none(name, "not tested", "no answer of `rung harvest`'s random draw was judged yet")
    if min(len(old), len(new)) < FEWEST:
        return _none(name, "too little data", f"{len(old)} measured, {len(new)} judged")
    if set(old) | set(new) <= {0.0, 1.0}:
        test = drift.more_often(
            len(old) - int(sum(old)), len(old), len(new) - int(sum(new)), len(new)
        )
    else:
        test = drift.higher([-s for s in old], [-s for s in new])
    sentence = (
        f"mean score {np.mean(old):.3f} measured on {len(old)}, {np.mean(new):.3f} of {len(new)} "
        "answers drawn at random and judged"
    )
    return _check(name, test, seen.alpha, sentence, "harvest the corrections and climb again")


def latency(seen: Seen) -> Check:
    """Does more than a twentieth of the requests take longer than the target allows?"""
    name, limit = "latency", seen.task.target.max_latency_p95_s
    new = [r.latency_s for r in seen.traffic if r.answer]
    if limit is None:
        slow = f"p95 {np.quantile(new, 0.95):.2f} s" if new else "no answers"
        return _none(name, "not tested", f"{slow}; [target] max_latency_p95_s sets no limit")
    if len(new) < FEWEST:
        return _none(name, "too little data", f"{len(new)} answers")
    test = drift.above_share(sum(s > limit for s in new), len(new), 0.05)
    sentence = f"p95 {np.quantile(new, 0.95):.2f} s, {limit:g} s allowed, {len(new)} answers"
    return _check(name, test, seen.alpha, sentence, "add workers or choose a faster rung")


def cost(seen: Seen) -> Check:
    """Does a request cost more than the plan says?"""
    name = "cost"
    new = [r.cost_usd for r in seen.traffic if r.cost_usd is not None]
    limits = [seen.task.target.max_cost_per_request]
    if seen.cost_usd and not seen.by_the_hour:
        limits.append(seen.cost_usd * COST_SLACK)
    known = [x for x in limits if x is not None]
    if not known:
        why = "no cost was measured and [target] sets no limit"
        if seen.by_the_hour:
            why = "a machine of your own is paid by the hour, whatever a request takes of it"
        return _none(name, "not tested", why)
    if len(new) < FEWEST:
        return _none(name, "too little data", f"{len(new)} answers with a price")
    test = drift.mean_above(new, min(known))
    mean, stated = float(np.mean(new)), limits[0]
    planned = "not measured" if seen.cost_usd is None else usd(seen.cost_usd * 1000)
    sentence = f"{usd(mean * 1000)} per 1,000 requests, {planned} measured"
    check = _check(name, test, seen.alpha, sentence, "run `rung cost` with today's usage")
    if check.state != "alarm" or (stated is not None and mean > stated) or seen.per_month is None:
        return check
    more = (mean - (seen.cost_usd or 0.0)) * seen.per_month
    if more >= LEAST_USD_PER_MONTH:
        return check
    little = f"{sentence}: {usd(more)} a month more, not worth an alarm"
    return check.model_copy(update={"state": "quiet", "said": little, "advice": ""})


CHECKS = (inputs, off_topic, answers, invalid, errors, confidence, quality, latency, cost)
"""Every statistical check; alpha is shared over all of them, tested or not."""


def _rate(
    name: str, what: str, old: Sequence[bool], new: Sequence[bool], seen: Seen, advice: str
) -> Check:
    if min(len(old), len(new)) < FEWEST:
        return _none(name, "too little data", f"{len(old)} measured, {len(new)} now")
    test = drift.more_often(old.count(False), len(old), new.count(False), len(new))
    sentence = (
        f"{what}: {old.count(False)} of {len(old)} measured, {new.count(False)} of {len(new)} now"
    )
    return _check(name, test, seen.alpha, sentence, advice)


def _check(name: str, test: TwoSamples, alpha: float, sentence: str, advice: str) -> Check:
    alarm = test.p_value <= alpha
    return Check(
        name=name,
        state="alarm" if alarm else "quiet",
        said=sentence,
        advice=advice if alarm else "",
        p_value=test.p_value,
        alpha=alpha,
        method=test.method,
    )


def _none(name: str, state: State, sentence: str) -> Check:
    return Check(name=name, state=state, said=sentence)


def marked(judged: Sequence[Judged]) -> Check:
    """What people said of answers by themselves: shown, and tested by nothing."""
    verdicts = Counter(one.feedback.verdict for one in judged if one.feedback is not None)
    if not verdicts:
        return _none("feedback", "not tested", "nobody marked an answer")
    each = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common())
    sentence = (
        f"{verdicts.total()} of {len(judged)} answers were marked: {each}; self-selected, so no "
    )
    return _none("feedback", "not tested", sentence + "share of all answers")
