"""What refuses a climb, what is said of who won and of who words prompts: true and false cases.

As `test_climb_sentences.py`, for what a climb works with and keeps.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rung import candidate
from rung.candidate import Candidate, Context
from rung.climbing import refining, summary, tools, winner
from rung.climbing.tools import ClimbOptions, Tools
from rung.decide import ladder
from rung.decide.ladder import candidates, plan, said_of_encoder, too_long
from rung.errors import ProviderError, RungError
from rung.models.base import ChatRequest, Message
from rung.project import EVIDENCE_FILE
from rung.records import Answer, Attempt
from rung.records.results import Search
from rung.task.types import ClimbSettings, Document, Models
from scripted import ScriptedModel
from wordings import sentences, tell_apart

from .tasks import EMBEDDER, MODEL, climb, fact_task, label_task, model, options, share

SPEAKERS = (ladder, refining, summary, tools, winner)
Case = Callable[[Path], str]


def told(act: Callable[[], Any]) -> str:
    try:
        return str(act())
    except RungError as error:
        return str(error)


def lacking(folder: Path, right: int, **how: Any) -> str:
    """What `unproven` says of what a climb kept."""
    climb(label_task(test=60), folder, model(share(right)), only=("prompting",), **how)
    place = folder / "winner"
    return str(winner.unproven(place if place.exists() else folder / "best"))


def slow(folder: Path, reason: str) -> str:
    """The same of one that is good enough but for a limit."""
    lacking(folder, 100)
    path = folder / "winner" / EVIDENCE_FILE
    kept = json.loads(path.read_text())
    kept["verdict"]["choice"] = None
    kept["candidate"]["reason"] = reason
    path.write_text(json.dumps(kept))
    return str(winner.unproven(path.parent))


def worded(folder: Path, error: ProviderError | None) -> str:
    def answer(_: ChatRequest) -> str:
        if error is not None:
            raise error
        return "better"

    own = Tools(label_task(), options(folder, ScriptedModel(answer, MODEL)))
    message = (Message(role="user", content="word it"),)
    return told(lambda: asyncio.run(refining.written(own, MODEL, message)))


def encoder(train: int, effort: str = "quick") -> str:
    """What is said of tuning the embedder on so many rows."""
    climbed = ClimbSettings(effort=effort)  # type: ignore[arg-type]
    task = label_task(train=train, telling=True, climb=climbed)
    found = candidates(task, lambda _: model(), Context(), True)
    return " ".join(said_of_encoder(task, found))


def serious(folder: Path, effort: str, asked: str = MODEL) -> str:
    task = label_task(climb=ClimbSettings(effort=effort))  # type: ignore[arg-type]
    own = Tools(task, options(folder, model()))
    rungs = plan(task, [Candidate(model=asked)], own.chat, own.prices)
    return "\n".join(refining.what_serious_takes(task, rungs))


def refused(problem: str, finish: str = "refused") -> str:
    answer = Answer(text="", finish=finish, problem=problem)  # type: ignore[arg-type]
    return str(summary._refusal(
        Attempt(candidate="k", split="test", example_id="e", answer=answer, score=0.0)
    ))  # fmt: skip


def chained(folder: Path, *names: str) -> str:
    task = label_task(models=Models(to_try=names, embedder=EMBEDDER),
                      climb=ClimbSettings(fallback=True))  # fmt: skip
    own = Tools(task, options(folder, model(), extra={n: model() for n in names}))
    return told(lambda: candidates(task, own.chat, Candidate(model=MODEL).context))


def corrected(installed: bool) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ladder, "preferences", lambda _: 99)
        patch.setattr(ladder, "prefers_here", lambda: installed)
        return "\n".join(ladder.unlearnt(label_task(train=60)))


PLAIN = Search(start="a", best="a", calls=9, variants=3, searched=("instruction",))
WON = PLAIN.model_copy(update={"best": "b", "before": 0.5, "after": 0.7, "n": 20})
LONG = fact_task(documents=(Document(id="d", title="t", text="word " * 4000),))
SAID: dict[str, tuple[Case, Case]] = {
    "{} train rows hold the answer that was corrected: with TRL, a rung here learns them against "
    "it (DPO). pip install 'rung[trl]' offers it.": (
        lambda _: corrected(False), lambda _: corrected(True),
    ),
    "the budget is {} USD: give 0 or more, or none at all": (
        lambda _: told(lambda: ClimbOptions(budget_usd=-1)),
        lambda _: told(lambda: ClimbOptions(budget_usd=0)),
    ),
    "unproven: {} does not certify {}{}": (lambda t: lacking(t, 75), lambda t: lacking(t, 100)),
    "{} on {} {} examples": (lambda t: lacking(t, 75), lambda t: lacking(t, 100)),
    "{} of at least {}": (lambda t: lacking(t, 75), lambda t: lacking(t, 100)),
    " (takes 2 s)": (lambda t: slow(t, "takes 2 s"), lambda t: slow(t, "")),
    "{} (it words prompts here: [models] writer)": (
        lambda t: worded(t, ProviderError("down")), lambda t: worded(t, None),
    ),
    "the model refused to answer": (lambda _: refused(""), lambda _: refused("content filter")),
    "{} was searched on train and dev: {} prompts, {} answers ({}). ": (
        lambda _: refining.said_of_search(PLAIN, False), lambda t: lacking(t, 100),
    ),
    "None did better on rows that had no part in choosing it": (
        lambda _: refining.said_of_search(PLAIN, False),
        lambda _: refining.said_of_search(WON, False),
    ),
    ": {} against {} on {} rows that had no part in choosing it": (
        lambda _: refining.said_of_search(WON, False),
        lambda _: refining.said_of_search(PLAIN, False),
    ),
    ", and is on the ladder already": (
        lambda _: refining.said_of_search(WON, True), lambda _: refining.said_of_search(WON, False),
    ),
    "nothing else fitted the budget": (
        lambda _: refining.said_of_search(PLAIN.model_copy(update={"searched": ()}), False),
        lambda _: refining.said_of_search(PLAIN, False),
    ),
    "A serious climb": (lambda t: serious(t, "quick"), lambda t: serious(t, "serious")),
    ' ([climb] effort = "serious"; this one is quick)': (
        lambda t: serious(t, "quick"), lambda t: serious(t, "serious"),
    ),
    "{} looks on train and dev for the best of {} prompts first: at most {} answers more, about {} "
    "and {} minutes of this machine{}.": (
        lambda t: serious(t, "serious"), lambda t: serious(t, "serious", "no-llm/linear"),
    ),
    "[climb] fallback = true needs a second model to fall back to, but [models] try names only "
    "{}: add one, or take the setting out": (
        lambda t: chained(t, MODEL), lambda t: chained(t, MODEL, "scripted/n"),
    ),
    "All documents in the prompt are not tried on {}: they have about {} tokens, and {} of its "
    "window of {} is {}{}.": (
        lambda _: str(too_long(LONG, MODEL, 4000)), lambda _: str(too_long(LONG, MODEL, 40_000)),
    ),
    "{} answers by the embedder, tuned first on {}: {}.": (
        lambda _: encoder(60), lambda _: encoder(4_000),
    ),
    '{} is not tried: tuning the embedder on {} would take {}; [climb] effort = "serious" tries '
    "it.": (lambda _: encoder(4_000), lambda _: encoder(4_000, "serious")),
    "the labels of {} train rows": (lambda _: encoder(60), lambda _: encoder(40)),
    "about {} seconds of this machine": (lambda _: encoder(60), lambda _: encoder(40)),
    '; [models.settings."{}"] context_window states a larger one': (
        lambda _: str(too_long(LONG, "http://me/v1#m", 4000)),
        lambda _: str(too_long(LONG, MODEL, 4000)),
    ),
}  # fmt: skip


WITHIN = {"{} on {} {} examples", "{} of at least {}", " (takes 2 s)"}
"""Parts of a sentence, too short for one."""


def test_every_sentence_has_its_two_cases() -> None:
    said = sentences(*(str(s.__file__) for s in SPEAKERS))
    said |= {s for s in sentences(str(candidate.__file__)) if "[climb]" in s}
    assert said | WITHIN == {*SAID}


@pytest.mark.parametrize("sentence", SAID)
def test_a_sentence_is_said_where_it_is_true_and_only_there(sentence: str, tmp_path: Path) -> None:
    true, false = tmp_path / "true", tmp_path / "false"
    true.mkdir(), false.mkdir()
    says, denies = SAID[sentence]
    tell_apart(sentence, says(true), denies(false))
