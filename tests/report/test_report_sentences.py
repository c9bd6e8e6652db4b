"""Every sentence of the report's own: a run that makes it true, and one that makes it false.

The list is read from the source: a sentence that is added without both is a failing test. The
verdict's reasons have their own list (`tests/decide/test_wordings.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from rung.audit.fix import Written
from rung.candidate import Candidate, Context
from rung.records import Usage
from rung.report import about, planning, red_flags, rows, terminal, timing, verdict_view, words
from wordings import phrases

from .sentence_runs import (
    AHEAD,
    CHOICE,
    DEAR,
    EMPTY,
    HOURLY,
    LINEAR,
    LORA,
    NONE,
    OPEN,
    OVER,
    SINGLE,
    STOPPED,
    TEST,
    TOKENS,
    base,
    beyond,
    compared,
    expected,
    fell,
    flag,
    named,
    own,
    planned,
    rowed,
    run,
    say,
    scored,
    stale,
    top,
    without,
)
from .synthetic import SHAPES, SMALL

SPEAKERS = (about, planning, red_flags, rows, terminal, timing, verdict_view, words)
FEWEST_LETTERS = 12
Case = Callable[[], str]
SAID: dict[str, tuple[Case, Case]] = {
    # the first screen
    "The cheapest of {} tried that is": (base, lambda: say(SINGLE)),
    "The {} one tried is": (lambda: say(SINGLE), base),
    "{} good enough: {} {}, {}, for {}.": (base, lambda: say(NONE)),
    "{} candidate{} measured, none certified at {}.": (lambda: say(NONE), lambda: say(OVER)),
    "Of {} measured, {} certified at {}{}.": (lambda: say(OVER), lambda: say(NONE)),
    ", none shown to keep the limits of [target]": (
        lambda: say(OVER), lambda: say(without("undecided", stopped="interrupted")),
    ),
    "; the climb is not over": (
        lambda: say(without("undecided", stopped="interrupted")), lambda: say(OVER),
    ),
    " within the limits of [target]": (lambda: say(OVER), lambda: say(NONE)),
    "Stopped before the cheapest that reaches {} was known": (
        lambda: say(without("undecided", stopped="interrupted")),
        lambda: say(without("undecided", NONE, stopped="interrupted")),
    ),
    "Not good enough": (lambda: say(NONE), base),
    "The next technique was not tried: {} is expected to cost {} a month{}.": (
        lambda: say(STOPPED), base,
    ),
    "is not shown to score differently: {}": (
        lambda: say(compared(-0.1, 0.1)), lambda: say(compared(0.01, 0.1)),
    ),
    "scores higher: {}": (lambda: say(compared(-0.2, -0.1)), lambda: say(compared(0.1, 0.2))),
    "scores lower: {}": (lambda: say(compared(0.1, 0.2)), lambda: say(compared(-0.2, -0.1))),
    "{} [{}, {}] on {} common examples": (base, lambda: say(NONE)),
    "Nothing was measured.": (lambda: say(EMPTY), base),
    "nothing was scored": (lambda: say(EMPTY), base),
    "nothing is certified": (
        lambda: say(rowed(None, NONE, test=None)), base,
    ),
    "certified {}; target {}": (base, lambda: say(EMPTY)),
    "What it costs a month": (base, lambda: say(EMPTY)),
    "all in, at {} requests{}; the calls alone {}{}": (base, lambda: say(EMPTY)),
    "are not priced": (lambda: say(rowed(CHOICE, cost_per_request_usd=None)), base),
    "What is served of this run is {}.": (lambda: say(doubt="unproven"), base),
    "{}{} on {} {} {}, {} interval {}": (base, lambda: say(EMPTY)),
    "95 of 100 timed requests, asked alone, took no longer. {}": (
        base, lambda: say(rowed(CHOICE, latency_p95_s=None)),
    ),
    "timed only for candidates that are good enough": (
        lambda: say(rowed(CHOICE, latency_p95_s=None)), base,
    ),
    # what would change it
    "Cost: {} is good enough too, for {}; of costs within 1% of each other the lower rung is "
    "chosen.": (lambda: say(DEAR), base),
    "Volume: with {} than {} requests a month (now {}), {} is cheaper.": (
        lambda: say(TOKENS), lambda: say(HOURLY),
    ),
    "Price: a request would have to cost {} times as much before {} is cheaper.": (
        base, lambda: say(SINGLE),
    ),
    "Target: above {} this choice is no longer certified (now {})": (base, lambda: say(NONE)),
    "Target: {} or less is certified already, by {}.": (lambda: say(NONE), base),
    "Quality: of the cheaper candidates that were left, {} comes closest, with {} on {} for {}.": (
        lambda: say(rowed(LINEAR, standing="below", monthly_usd=0.01)), lambda: say(OPEN),
    ),
    "More test {}: {} costs less and could not be decided{}.": (
        lambda: say(OPEN), lambda: say(rowed(LINEAR, standing="below", monthly_usd=0.01)),
    ),
    "More test {}: {} could not be decided{}.": (
        lambda: say(without(base=OPEN)), lambda: say(NONE),
    ),
    " (with {} {} the chance to certify it is {})": (
        lambda: say(rowed(LINEAR, OPEN, forecast=AHEAD)), lambda: say(OPEN),
    ),
    "{} was not settled: {}.": (lambda: say(rowed(LINEAR, state="incomplete")), base),
    "Not tried, expected to cost more a month: {}.": (
        lambda: say(STOPPED), lambda: say(SINGLE),
    ),
    "Limits: {} is good enough, but {}.": (
        lambda: say(rowed(CHOICE, OVER, reason="takes 2 s")), lambda: say(NONE),
    ),
    # words
    "* with set-up that nobody stated: {}. Yours: [costs] setup_hours": (
        lambda: say(rowed(LORA, assumed_monthly_usd=5.0)), base,
    ),
    ", of which {} is set-up that nobody stated": (
        lambda: say(rowed(LORA, assumed_monthly_usd=5.0)), base,
    ),
    "Nothing tried{} reaches {}": (
        lambda: say(rowed(None, NONE, standing="below")),
        lambda: say(rowed(LINEAR, NONE, standing="unlikely")),
    ),
    "Nothing tried{} is likely to reach {}": (
        lambda: say(rowed(LINEAR, NONE, standing="unlikely")),
        lambda: say(rowed(None, NONE, standing="below")),
    ),
    " at plain settings": (
        lambda: say(without(base=NONE, next_step=beyond(2))),
        lambda: say(without(base=NONE, next_step=beyond(0))),
    ),
    "The budget ran out before anything was shown to reach {}": (
        lambda: say(without("undecided", stopped="budget")), lambda: say(without("undecided")),
    ),
    "Stopped before anything was shown to reach {}": (
        lambda: say(without("undecided", NONE, stopped="interrupted")),
        lambda: say(without("undecided", stopped="interrupted")),
    ),
    "Calls went unanswered: what reaches {} is not known": (
        lambda: say(without("undecided", rowed(LINEAR, state="incomplete"))),
        lambda: say(without("undecided")),
    ),
    "The data cannot tell what reaches {}": (
        lambda: say(without("undecided")),
        lambda: say(without("undecided", stopped="budget")),
    ),
    "No language model: nearest labelled examples": (
        lambda: named(SHAPES[0][0]), lambda: named(SHAPES[1][0]),
    ),
    "No language model: linear head on embeddings": (
        lambda: named(SHAPES[1][0]), lambda: named(SHAPES[0][0]),
    ),
    "No language model: embedder tuned on the labels": (
        lambda: named(Candidate(model="no-llm/encoder")), lambda: named(SHAPES[0][0]),
    ),
    "No language model: spans of the input": (
        lambda: named(Candidate(model="no-llm/spans")), lambda: named(SHAPES[0][0]),
    ),
    "Prompt with all documents": (
        lambda: named(Candidate(model=SMALL, context=Context(kind="all"))),
        lambda: named(Candidate(model=SMALL)),
    ),
    "Fine-tuned reader with retrieval": (
        lambda: named(SHAPES[7][0]), lambda: named(SHAPES[6][0]),
    ),
    "what most of {} say": (
        lambda: named(Candidate(model=SMALL, way="vote")), lambda: named(Candidate(model=SMALL)),
    ),
    "{} where it is sure, else {}": (
        lambda: named(Candidate(model=SMALL, first="no-llm/linear")),
        lambda: named(Candidate(model=SMALL)),
    ),
    "Nearest example": (
        lambda: words.name_and_model(Candidate(model=SMALL, first="no-llm/nearest"))[0],
        lambda: words.name_and_model(Candidate(model=SMALL, first="no-llm/linear"))[0],
    ),
    "Tuned embedder": (
        lambda: words.name_and_model(Candidate(model=SMALL, first="no-llm/encoder"))[0],
        lambda: words.name_and_model(Candidate(model=SMALL, first="no-llm/linear"))[0],
    ),
    "; passed on: {}": (lambda: fell("refused"), lambda: fell(None)),
    "a model did not answer": (lambda: fell("outage"), lambda: fell("refused")),
    "the first model refused": (lambda: fell("refused"), lambda: fell("outage")),
    "the first model was not sure": (lambda: fell("unsure"), lambda: fell("outage")),
    "the first model's answer was not valid": (lambda: fell("invalid"), lambda: fell("outage")),
    # the ladder's figures
    "Nothing was scored.": (lambda: say(EMPTY), lambda: say(SINGLE)),
    "Nothing was asked.": (lambda: say(EMPTY), lambda: say(SINGLE)),
    "No pilot was scored on dev.": (lambda: say(rowed(None, SINGLE, dev=None)),
                                    lambda: say(SINGLE)),
    "Pilot: mean of {} dev scores, {}.": (lambda: say(SINGLE),
                                          lambda: say(rowed(None, SINGLE, dev=None))),
    "Only scores on test certify anything.": (base, lambda: say(SINGLE)),
    "Highest target that {} test scores certify{} of {} for the whole ladder: {}.": (
        base, lambda: say(EMPTY),
    ),
    " at an error of {}, this candidate's share": (
        lambda: say(SINGLE), lambda: say(rowed(None, SINGLE, alpha=None)),
    ),
    "{} interval {}, method: {}.": (base, lambda: say(EMPTY)),
    "Secondary measures: {}.": (
        lambda: say(SINGLE), lambda: say(rowed(None, SINGLE, **scored(details={}))),
    ),
    "Scored answers without any credit, {}.": (base, lambda: say(EMPTY)),
    "Examples refused for what stands in them, {}: counted as not answered. ": (
        base, lambda: say(EMPTY),
    ),
    "Examples that got no answer, {}: never 'wrong'.": (base, lambda: say(EMPTY)),
    "Answers that no scorer could judge, {}.": (base, lambda: say(EMPTY)),
    "Asks no language model.": (base, lambda: say(SINGLE)),
    "Model calls behind the recorded attempts, repairs included / one call for every pilot and "
    "test example.": (base, lambda: say(run(keep=(0, 1)))),
    "Mean of its answers.": (base, lambda: say(SINGLE)),
    "A probe is never shipped.": (base, lambda: say(SINGLE)),
    "Nothing was answered, so nothing was priced.": (base, lambda: say(SINGLE)),
    "Mean of {} answers ({} each), 95% interval {}.{}": (base, lambda: say(EMPTY)),
    "{} tokens in, {} out, {} s": (base, lambda: say(EMPTY)),
    ", partly estimated": (
        lambda: say(rowed(None, SINGLE, usage=Usage(input_tokens=1, estimated=True))), base,
    ),
    "All in at {} requests{}; with every measured input at the ends of its 95% interval: {} to "
    "{}.": (base, lambda: say(EMPTY)),
    ", {} once spread over {} months included": (base, lambda: say(SINGLE)),
    "Timed only for candidates that are good enough.": (base, lambda: say(SINGLE)),
    "95th percentile, requests asked one at a time, nothing from the cache. {}": (
        base, lambda: say(EMPTY),
    ),
    "No interval: too few requests.": (
        lambda: say(SINGLE), lambda: say(rowed(None, SINGLE, latency_low_s=0.2)),
    ),
    "At least {} (95% confidence), no upper end from so few.": (
        lambda: say(rowed(None, SINGLE, latency_low_s=0.2)), lambda: say(SINGLE),
    ),
    "Between {} and {}, each end with 95% confidence.": (
        lambda: say(rowed(None, SINGLE, latency_low_s=0.2, latency_high_s=0.4)),
        lambda: say(rowed(None, SINGLE, latency_low_s=0.2)),
    ),
    "asked alone: 95% within {}": (base, lambda: say(rowed(None, latency_p95_s=None))),
    "in its batch: half within {}, 95% within {}": (base, lambda: say(EMPTY)),
    "{} model calls made, {} answered from the cache, {} answers used of {} exhaustive ({}), {} "
    "tokens where {} were forecast; {} s, {} spent": (base, lambda: planned()),
    # about the run, and what to be careful of
    "task fingerprint": (base, lambda: planned()),
    "no: the budget ran out": (
        lambda: say(without("undecided", stopped="budget")), base,
    ),
    "no: the climb was interrupted": (lambda: say(run(finished=False)), base),
    "your own figure": (lambda: say(own()), base),
    "{} a machine hour": (lambda: say(HOURLY), lambda: say(TOKENS)),
    "{} in, {} out per 1M tokens": (lambda: say(TOKENS), lambda: say(HOURLY)),
    "The climb was interrupted: this is what was known then. Run it again.": (
        lambda: say(run(finished=False)), base,
    ),
    "The budget ran out: candidates that were not reached may be good enough.": (
        lambda: say(without("undecided", stopped="budget")), base,
    ),
    "Only {} test examples: intervals are wide.": (
        lambda: say(run(sizes={"test": 49})), lambda: say(run(sizes={"test": 50})),
    ),
    "The run kept no prices: costs cannot be traced.": (lambda: say(run(prices={})), base),
    "Price older than 90 days on the day of the run: {}.": (lambda: say(stale()),
                                                            lambda: say(HOURLY)),
    "{} recorded attempts could not be read and are left out.": (
        lambda: say(unreadable=2), base,
    ),
    "The task's files have changed since this run: texts may not be those asked.": (
        lambda: say(run(fingerprint="other")), base,
    ),
    "Shown without the task's files: no inputs and expected answers.": (
        lambda: say(task=None), base,
    ),
    "{} without an answer, {} unscored": (
        lambda: say(rowed(None, SINGLE, **scored(errors=2))),
        lambda: say(rowed(None, SINGLE, **scored(errors=0))),
    ),
    "Examples that are in no score, and not counted as wrong. {}.": (
        lambda: say(rowed(None, SINGLE, **scored(errors=2))),
        lambda: say(rowed(None, SINGLE, **scored(errors=0))),
    ),
    "Nothing that was measured speaks for or against what was expected.": (
        lambda: say(NONE), base,
    ),
    "{}: the measurement overrules what was expected.": (
        lambda: expected("rag"), lambda: expected("fine-tuning", "planned"),
    ),
    "{}; what was expected was not measured.": (
        lambda: expected("fine-tuning", "planned"), lambda: expected("rag"),
    ),
    "{}: {} by the judge's own mark, {} as people would mark it.": (
        lambda: about._by_both(("a", TEST.model_copy(update={"details": {"judge_mark": 0.9}}))),
        base,
    ),
    # the audit
    "Ceiling: this data can show at most {} [{}, {}] of a system that is always right, going by "
    "{} {}.": (top, base),
    "{} Errors made in the same way everywhere are not seen by it.": (
        top, lambda: top(strict=0.85),
    ),
    "{} No system at all exceeds {} on the test examples.": (lambda: top(strict=0.85), top),
    "{} {}worth knowing: `rung audit` shows them": (
        lambda: say(run(flags=(flag("info"),))), lambda: say(run(flags=(flag("warn"),))),
    ),
    "{} to review in review.jsonl": (
        lambda: red_flags.copy_text(Written(Path("x"), taken_out=1, to_review=2, redactions=0)),
        base,
    ),
    # a plan
    "{}, {} of computing on this machine": (lambda: planned(minutes=3.0), planned),
    "under a minute": (lambda: planned(minutes=0.4), lambda: planned(minutes=3.0)),
    "about a minute": (lambda: planned(minutes=1.2), lambda: planned(minutes=3.0)),
    "about {} minutes": (lambda: planned(minutes=3.0), lambda: planned(minutes=1.2)),
    "Training comes on top: {}.": (
        lambda: planned(rung={"training_seconds": 9.0}), planned,
    ),
    "{} tokens in all epochs": (
        lambda: planned(rung={"training_tokens": 9}),
        lambda: planned(rung={"training_seconds": 9.0}),
    ),
    "of computing on this machine ({})": (
        lambda: planned(rung={"training_tokens": 9, "training_seconds": 99.0}),
        lambda: planned(rung={"training_tokens": 9}),
    ),
    "In it, a race on dev finds each tuned rung's recipe: no recipe is begun there that would "
    "take it beyond {}.": (lambda: planned(rung={"raced": True}), planned),
    "Set-up, mostly people's time: {}. Yours: [costs] labour_usd_per_hour with setup_hours and "
    "rag_setup_hours.": (lambda: planned(rung={"setup_usd": 9.0}), planned),
    "Cascades are assumed to pass {} of the requests on to their last model: nothing is known of "
    "it before their pilots.": (lambda: planned(rung={"passed_on": 0.3}), planned),
    "There are no test examples: nothing can be certified.": (
        lambda: planned(proof={"units": 0}), planned,
    ),
    "With {} test examples, graded scores are certified by their mean and spread (error {} at "
    "most).": (lambda: planned(proof={"graded": True}), planned),
    "With {} test examples not even all right certifies {} (error {} at most): add test "
    "examples, or lower the target.": (lambda: planned(proof={"must_see": None}), planned),
    "With {} test examples you must see {} right ({}) to certify {} (error {} at most).": (
        planned, lambda: planned(proof={"must_see": None}),
    ),
    "{} buys training from the model's provider, at {}.": (
        lambda: planned(rung={"hosted": True}), planned,
    ),
    "a price that is not known: set [costs] training_usd_per_mtok": (
        lambda: planned(rung={"hosted": True}),
        lambda: planned(rung={"hosted": True, "training_usd": 5.0}),
    ),
}  # fmt: skip
PHASES = set(words.PHASES.values())
"""What a climb is busy with: said while it is, by tests/climbing."""
LABELS = {"read with care", "worth knowing", "target {} ≥ {} at {} confidence",
          "Least often right on dev, of {}: {}.",
          "against {}: {} [{}, {}] on {} common examples ({})"}  # fmt: skip
"""Words that claim nothing by themselves, or print a row's figures as they are."""


def sentences(speaker: ModuleType) -> set[str]:
    """Wordings of a module that are more than a label."""
    assert speaker.__file__ is not None
    return {
        text
        for text in phrases(speaker.__file__)
        if " " in text.strip() and sum(map(str.isalpha, text)) >= FEWEST_LETTERS
    }


@pytest.mark.parametrize("speaker", SPEAKERS, ids=lambda s: s.__name__)
def test_every_sentence_has_its_two_cases(speaker: ModuleType) -> None:
    assert sentences(speaker) - {*SAID, *PHASES, *LABELS} == set()


def test_no_case_is_of_a_sentence_that_is_gone() -> None:
    assert {*SAID, *LABELS} - set().union(*(phrases(str(s.__file__)) for s in SPEAKERS)) == set()


@pytest.mark.parametrize("sentence", SAID)
def test_a_sentence_is_said_where_it_is_true_and_only_there(sentence: str) -> None:
    pattern = ".*".join(map(re.escape, sentence.split("{}")))
    true, false = SAID[sentence]
    assert re.search(pattern, true()), true()
    assert not re.search(pattern, false()), re.search(pattern, false())
