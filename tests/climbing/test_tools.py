"""Live knowledge in a climb: recorded once, replayed, paid for, served; and a model that calls."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loopback import Handler, listening
from rung.candidate import Candidate, Context, Prompt
from rung.models.base import ChatRequest
from rung.models.openai_compatible import OpenAICompatible
from rung.solver import load
from rung.task.tools import ToolSettings
from rung.task.types import Models, Task
from scripted import ScriptedModel
from scripted_http import Call, Said, ScriptedServer, completion

from .tasks import MODEL, climb, fact_task, reading

PROMPT = Prompt(max_output_tokens=8)
LIVE = Candidate(model=MODEL, prompt=PROMPT, context=Context(kind="tool", tool="codes"))
SCHEMA = {"type": "object", "properties": {"part": {"type": "integer"}}, "required": ["part"]}
ASKED: list[int] = []
STATUS = [200]


class Codes(Handler):
    def do_POST(self) -> None:
        part = json.loads(self.body())["part"]
        ASKED.append(part)
        said = f"The code of part {part} is code-{part * 37}."
        self.say(json.dumps(said).encode(), STATUS[0])


@pytest.fixture
def address() -> Iterator[str]:
    ASKED.clear()
    STATUS[0] = 200
    with listening(Codes) as at:
        yield at


def task(address: str, **parts: Any) -> Task:
    codes = ToolSettings(name="codes", url=address, schema=SCHEMA, usd_per_call=0.01)
    return fact_task(documents=(), tools=(codes,), **parts)


def filling(request: ChatRequest) -> str:
    """Fills the arguments in, or reads what the tool said."""
    if request.json_schema is not None:
        found = re.search(r"part (\d+)", request.messages[-1].content)
        return json.dumps({"part": int(found[1])}) if found else "{}"
    return reading(request)


def test_what_a_tool_says_is_recorded_replayed_and_paid_once(address: str, tmp_path: Path) -> None:
    few = Candidate(model=MODEL, prompt=Prompt(max_output_tokens=9), context=LIVE.context)

    def run(**how: Any) -> Any:
        chat = ScriptedModel(filling, MODEL)
        both = {"candidates": (LIVE, few), "everything": True, **how}
        held = task(address, costs={"store_usd_per_month": 70_000})  # nothing of it is asked
        return climb(held, tmp_path, chat, **both)

    first = run()
    rows = {row.key: row for row in first.candidates}
    assert {row.state for row in rows.values()} == {"pass"}
    assert len(ASKED) == len(set(ASKED)) == 80, "the second candidate reads what the first did"
    assert 0.80 < first.spent_usd < 2.40, "80 calls of the tool, and the model's"
    row = rows[LIVE.key]
    assert row.technique == "rag" and 0.01 < row.cost_per_request_usd < 0.02
    assert row.monthly_usd is not None and 10_000 * 0.01 <= row.monthly_usd < 70_000
    assert any("recorded once and replayed" in note for note in first.notes)
    again = run()
    assert len(ASKED) == 80 and again.run == first.run and again.spent_usd == 0
    anew = run(record=True)
    assert len(ASKED) == 160 and anew.run != first.run


def test_a_climb_without_tools_speaks_of_no_recording(tmp_path: Path) -> None:
    plain = Candidate(model=MODEL, prompt=PROMPT)
    result = climb(fact_task(), tmp_path, ScriptedModel(reading, MODEL), candidates=(plain,))
    assert result.candidates and not any("recorded once" in note for note in result.notes)


def test_a_winner_asks_the_tool_live_and_keeps_its_step(address: str, tmp_path: Path) -> None:
    climb(task(address), tmp_path, ScriptedModel(filling, MODEL), candidates=(LIVE,))
    before = len(ASKED)
    chat = ScriptedModel(filling, MODEL)
    solver = load(tmp_path / "winner", lambda _: chat, lambda _: None)  # type: ignore[arg-type, return-value]
    answer = solver.ask("What is the code of part 7?")
    assert answer.value == "code-259" and answer.citations == (0,) and answer.calls == 2
    (step,) = answer.steps
    assert (step.name, step.given, step.usd) == ("codes", '{"part": 7}', 0.01)
    assert step.at in answer.passages[0].title and answer.latency_s >= step.seconds > 0
    assert len(ASKED) == before + 1


@pytest.mark.parametrize("status", [500, 403])
def test_a_tool_that_fails_is_no_score(address: str, tmp_path: Path, status: int) -> None:
    STATUS[0] = status
    plain = Candidate(model=MODEL, prompt=PROMPT)
    both = {"candidates": (LIVE, plain), "everything": True}
    result = climb(task(address), tmp_path, ScriptedModel(filling, MODEL), **both)
    rows = {row.key: row for row in result.candidates}
    live = rows[LIVE.key]
    assert live.state == "incomplete" and (live.test is None or live.test.n == 0)
    assert rows[plain.key].test is not None, "the model is not at fault"


def test_arguments_that_do_not_fit_ask_nothing(address: str, tmp_path: Path) -> None:
    def wrong(request: ChatRequest) -> str:
        return '{"part": "x"}' if request.json_schema is not None else reading(request)

    result = climb(task(address), tmp_path, ScriptedModel(wrong, MODEL), candidates=(LIVE,))
    assert ASKED == [] and result.candidates[0].state == "hopeless"


def test_a_tool_that_is_not_named_is_said(address: str, tmp_path: Path) -> None:
    other = Candidate(model=MODEL, context=Context(kind="tool", tool="weather"))
    caller = Candidate(model=MODEL, way="tools")
    result = climb(task(address), tmp_path, ScriptedModel(filling, MODEL), candidates=(other,))
    assert "asks the tool 'weather', but the task names codes" in result.candidates[0].reason
    bare = climb(fact_task(), tmp_path / "x", ScriptedModel(filling, MODEL), candidates=(caller,))
    assert "the task names none: add [[tools]]" in bare.candidates[0].reason


def calling(call: Call) -> Said | None:
    """A model that calls the tool first, by OpenAI's protocol; once wrongly where it is told so."""
    turns = call.body["messages"]
    results = [turn for turn in turns if turn["role"] == "tool"]
    asked = next(t["content"] for t in turns if t["role"] == "user")
    found = re.search(r"code of part (\d+)\?", asked)
    if found is None or "tools" not in call.body:
        return None
    if call.body.get("tool_choice") == "none" or any("code-" in t["content"] for t in results):
        said = re.search(r"code-\d+", results[-1]["content"])
        return completion(said[0] if said else "unknown", call)
    name = "nothing" if "wrongly" in asked and not results else "codes"
    wanted = {"name": name, "arguments": json.dumps({"part": int(found[1])})}
    made = {"id": f"call_{len(results)}", "type": "function", "function": wanted}
    return completion("", call, "tool_calls", tool_calls=[made])


def test_a_model_calls_tools_over_http_and_is_measured_and_served(
    address: str, tmp_path: Path
) -> None:
    with ScriptedServer(lambda _: "unknown", calling) as server:
        made = task(
            address,
            test=30,
            models=Models(to_try=(server.model,)),
            costs={"input_usd_per_mtok": 1, "output_usd_per_mtok": 1},
        )
        caller = Candidate(model=server.model, prompt=PROMPT, way="tools")
        plain = Candidate(model=server.model, prompt=PROMPT)
        chat = OpenAICompatible(server.model)
        result = climb(
            made,
            tmp_path,
            chat,
            candidates=(plain, caller),
            extra={server.model: chat},  # type: ignore[arg-type, dict-item]
        )
        rows = {row.key: row for row in result.candidates}
        assert rows[caller.key].state == "pass" and "+tools~" in caller.key
        assert rows[plain.key].state in ("hopeless", "skipped", "planned")
        assert rows[caller.key].cost_per_request_usd >= 0.01
        solver = load(tmp_path / "winner", OpenAICompatible, lambda _: None)  # type: ignore[arg-type, return-value]
        answer = solver.ask("What is the code of part 3?")
        assert answer.value == "code-111" and answer.calls == 2 and len(answer.by_call) == 2
        assert [step.name for step in answer.steps] == ["codes"]
        sent = server.calls[-1].body["messages"][-2:]
        assert sent[0]["tool_calls"][0]["function"]["name"] == "codes"
        assert sent[1]["tool_call_id"] == "call_0" and "code-111" in sent[1]["content"]
        wrong = solver.ask("What, wrongly, is the code of part 3?")
        assert wrong.value == "code-111"
        assert wrong.steps[0].got == "error: there is only codes"


def test_calls_are_bounded(address: str, tmp_path: Path) -> None:
    def endless(call: Call) -> Said | None:
        if "tools" not in call.body or call.body.get("tool_choice") == "none":
            return None
        wanted = {"name": "codes", "arguments": '{"part": 1}'}
        calls = [{"id": f"c{n}", "type": "function", "function": wanted} for n in range(3)]
        return completion("", call, "tool_calls", tool_calls=calls)

    with ScriptedServer(lambda _: "code-37", endless) as server:
        made = task(address, test=30, models=Models(to_try=(server.model,)))
        caller = Candidate(model=server.model, prompt=PROMPT, way="tools", steps=2)
        chat = OpenAICompatible(server.model)
        climb(
            made, tmp_path, chat, candidates=(caller,), everything=True, extra={server.model: chat}
        )  # type: ignore[arg-type, dict-item]
        from rung.measure.store import RunStore

        (run,) = (tmp_path / "runs").iterdir()
        for attempt in RunStore(run).attempts.values():
            assert attempt.answer is not None and attempt.answer.text == "code-37"
            assert [s.got for s in attempt.answer.steps][2:] == ["error: no more calls; answer now"]
            assert attempt.answer.calls == 2
