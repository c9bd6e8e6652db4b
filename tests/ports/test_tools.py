"""A solver that calls a tool is one way beside the others: one file, one line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from climbing.tasks import MODEL, fact_task
from climbing.tasks import asked as number_of
from rung.behaviour.spec import SolverSpec
from rung.candidate import Candidate
from rung.models.base import ChatRequest, Message
from rung.models.chain import Link
from rung.records import Answer, Step
from rung.solver import load
from rung.solver.ways import WAYS, Asked, answer_of
from rung.task.contract import parse
from scripted import ScriptedModel

from .rungs import SHORT, climbed

CANDIDATE = Candidate(model=MODEL, prompt=SHORT, way="lookup")


class Lookup:
    """Lets the model name a part, looks its code up, and asks again with what it found."""

    def __init__(self, spec: SolverSpec, head: object) -> None:
        self.spec = spec

    async def answer(self, link: Link, asked: Asked) -> Answer:
        first = await link.chat.reply(asked.request)
        named = re.search(r"part (\d+)", first.text)
        assert named is not None
        result = f"code-{int(named[1]) * 37}"
        more = (
            Message(role="assistant", content=first.text),
            Message(role="user", content=f"The code is {result}."),
        )
        request = asked.request.model_copy(update={"messages": (*asked.request.messages, *more)})
        second = await link.chat.reply(request)
        parsed = parse(self.spec.output, second.text)
        steps = (Step(name="lookup", given=named[0], got=result),)
        return answer_of(link.name, second.text, parsed, [first, second], asked, steps)


def using(request: ChatRequest) -> str:
    """Calls the tool first, and says what it gave then."""
    told = re.match(r"The code is (code-\d+)\.", request.messages[-1].content)
    return told[1] if told else f"part {number_of(request)}"


def test_a_climb_measures_it_and_its_winner_uses_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(WAYS, "lookup", Lookup)
    plain = Candidate(model=MODEL, prompt=SHORT)
    rows = climbed(
        tmp_path,
        plain,
        CANDIDATE,
        task=fact_task(documents=()),
        model=ScriptedModel(using, MODEL),
        everything=False,
    )
    assert rows[CANDIDATE.key].state == "pass" and rows[plain.key].state != "pass"
    chat = ScriptedModel(using, MODEL)
    opened = load(tmp_path / "winner", lambda _: chat, lambda _: None)  # type: ignore[arg-type, return-value]
    answer = opened.ask("What is the code of part 3?")
    assert answer.value == "code-111" and answer.calls == 2
    assert answer.steps == (Step(name="lookup", given="part 3", got="code-111"),)


def test_a_name_that_is_not_on_the_shelf_is_said(tmp_path: Path) -> None:
    (row,) = climbed(tmp_path, CANDIDATE, model=ScriptedModel(using, MODEL)).values()
    assert row.state == "skipped" and "'lookup' to an answer is unknown; known are" in row.reason
