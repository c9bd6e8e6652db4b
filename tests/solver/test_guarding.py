"""What is asked before and after a tuning beside the pairs of sentences."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest

from rung.behaviour.trainers.base import Order, TuningExample
from rung.behaviour.trainers.guard import INSTRUCTIONS, THEN, Guarded, guards
from rung.candidate import Candidate, Prompt, Weights
from rung.errors import UserError
from rung.models.base import Adapter, ChatReply, ChatRequest, Message
from rung.records import Usage
from rung.solver.guarding import SHORT_ROOM, further_guards
from rung.solver.solver import Parts, Solver, SolverSpec
from rung.task.load import load_task
from rung.task.types import Example, Target, Task, TextOutput
from scripted import ScriptedModel

OUTPUT = TextOutput(no_answer="unanswerable")
LESSON = TuningExample(messages=(Message(role="user", content="x"),), answer="y")


class Tuned(ScriptedModel):
    """Says one thing without an adapter, another with it, which takes twice as long."""

    def __init__(self, before: str, after: str, constrains: bool = True) -> None:
        super().__init__(lambda _: "", name="m", constrains=constrains)
        self.says = {False: before, True: after}
        self.instructed: list[ChatRequest] = []

    async def reply(self, request: ChatRequest) -> ChatReply:
        ours = request.messages[-1].content in dict(INSTRUCTIONS)
        (self.instructed if ours else self.requests).append(request)
        adapted = request.adapter is not None
        return ChatReply(
            text=self.says[adapted], usage=Usage(seconds=2.0 if adapted else 1.0), latency_s=0.0
        )


def task(unanswerable: int = 10, prompts: int = 0, output: TextOutput = OUTPUT) -> Task:
    rows = [Example(id=f"d{i}", input=f"what is {i}", expected="") for i in range(unanswerable)]
    rows += [Example(id="known", input="what is known", expected="this")]
    asked = [
        Example(id=f"p{i}", input="Name the capital of France.", expected="Paris",
                alternatives=("the city of light",))
        for i in range(prompts)
    ]  # fmt: skip
    target = Target(metric="token_f1", score=0.5)
    made = {"dev": tuple(rows), "guard": tuple(asked)}
    return Task(name="t", instruction="Answer.", output=output, target=target, **made)


def further(model: Tuned, of: Task, folder: Path, adapter: bool = True, dev: int = 5) -> dict:
    candidate = Candidate(
        model="m", prompt=Prompt(contract=False, repairs=0), weights=Weights(kind="lora")
    )
    spec = SolverSpec(candidate=candidate, task="t", instruction="Answer.", output=of.output)
    held = Adapter(path="a", digest="d") if adapter else None
    untuned, tuned = Solver(spec, Parts(chat=model)), Solver(spec, Parts(chat=model, adapter=held))
    order = Order(model="m", weights=candidate.weights, train=(LESSON,), dev=(LESSON,) * dev)
    return asyncio.run(further_guards(untuned, tuned, order, of, folder))


def test_a_reader_that_no_longer_refuses_is_flagged_and_asked_once(tmp_path):
    model = Tuned("Unanswerable.", "42")
    _, refusing = (told := further(model, task(), tmp_path))["guards"]
    assert (refusing["before"], refusing["after"], refusing["lost"]) == (1.0, 0.0, True)
    assert "10 dev rows" in refusing["said"] and "add train rows" in refusing["then"]
    first = model.requests[0].messages
    assert any("write exactly: unanswerable" in m.content for m in first)  # the base is told how
    asked = len(model.requests)
    assert further(model, task(), tmp_path) == told and len(model.requests) == asked


def test_refusing_as_before_is_no_loss(tmp_path):
    _, refusing = further(Tuned("unanswerable", "unanswerable"), task(), tmp_path)["guards"]
    assert refusing["after"] == 1.0 and not refusing["lost"]


@pytest.mark.parametrize("of", [task(4), task(10, output=TextOutput())])
def test_nothing_is_said_of_refusing_where_nothing_refuses_or_few_rows_do(of, tmp_path):
    (instructed,) = further(Tuned("a", "b"), of, tmp_path)["guards"]
    assert "short instructions" in instructed["said"]


def test_the_users_own_prompts_are_right_where_an_answer_holds_what_is_expected(tmp_path):
    model = Tuned("It is Paris, the capital.", "billing", constrains=False)
    told = further(model, task(0, prompts=3), tmp_path)
    _, own = told["guards"]
    assert (own["before"], own["after"], own["lost"], own["then"]) == (1.0, 0.0, True, THEN)
    assert own["said"].startswith("your 3 guard prompts: 1.00 before") and "latency" not in told
    assert model.requests[0].messages == (
        Message(role="user", content="Name the capital of France."),
    )
    other = Tuned("The city of light!", "the city of light", constrains=False)
    _, own = further(other, task(0, prompts=3), tmp_path / "b")["guards"]
    assert own["after"] == own["before"] == 1.0


RIGHT = (
    "Paris", "It is cold.", "Small", "1, 2, 3, 4, 5", "One, two, three, four, five",
    "The train leaves at noon.", "umbrella", "QX-4711", "No, it is a star.", "Yes.",
    "An elephant is bigger than a mouse.", "Seven", "2 + 3 = 5", "Tuesday", "Bonjour!", "children",
    "The hat is red.", "Mia lives in Rome.", "Room 12", "It is positive.", '{"name": "Ada"}',
    "H2O", "It is in Japan.", 'It is "blue".',
)  # fmt: skip
WRONG = {
    "What is 2 + 3?": "2 + 3 = 15",
    "Which is bigger, a mouse or an elephant?": "A mouse is bigger than an elephant.",
    "Is this review positive or negative? I loved it.": "It is positive, and negative as well.",
    "Is the sun a planet? Answer yes or no.": "There is no planet like it.",
    "What is the last word of this line: red green blue": "red green blue",
    "Write the numbers from 1 to 5.": "1, 2, 3, 4, 50",
    'Write JSON with the key "name" and the value "Ada".': "The name is Ada.",
}


def test_our_instructions_are_marked_by_what_a_right_answer_holds():
    for (asked, pattern), answer in zip(INSTRUCTIONS, RIGHT, strict=True):
        assert re.search(pattern, answer), asked
        assert not re.search(pattern, "I am glad to help you with that."), asked
        assert not re.search(pattern, WRONG.get(asked, "")), asked
    assert set(WRONG) < set(dict(INSTRUCTIONS))


def test_a_model_that_no_longer_follows_instructions_is_flagged_and_asked_once(tmp_path):
    answers = dict(zip(dict(INSTRUCTIONS), RIGHT, strict=True))

    class Forgot(Tuned):
        """Knows all of them, and with the adapter all but so many."""

        forgotten = 3

        async def reply(self, request: ChatRequest) -> ChatReply:
            asked = request.messages[-1].content
            lost = list(answers)[: self.forgotten] if request.adapter else []
            self.says[request.adapter is not None] = "billing" if asked in lost else answers[asked]
            return await super().reply(request)

    model = Forgot("", "")
    (told,) = further(model, task(0), tmp_path, dev=0)["guards"]
    assert (
        told["said"] == ("24 short instructions: 1.00 before tuning, 0.88 after, lost")
        and told["then"] == THEN
    )
    assert {r.max_tokens for r in model.instructed} == {SHORT_ROOM}
    assert all(len(r.messages) == 1 for r in model.instructed) and len(model.instructed) == 48
    assert further(model, task(0), tmp_path, dev=0)["guards"] == [told]
    assert len(model.instructed) == 48
    Forgot.forgotten = 2
    (kept,) = further(Forgot("", ""), task(0), tmp_path / "b", dev=0)["guards"]
    assert kept["after"] == 22 / 24 and not kept["lost"]


def test_one_request_is_timed_with_the_adapter_and_without_and_kept(tmp_path):
    model = Tuned("y", "y")
    told = further(model, task(0), tmp_path)["latency"]
    assert (told["merged"], told["unmerged"], told["rows"]) == (1.0, 2.0, 4)
    assert "2.000 s of this machine with the adapter beside" in told["said"]
    assert [r.adapter is None for r in model.requests] == [True, False] * 4
    model.says[True] = "z"
    assert further(model, task(0), tmp_path)["latency"] == told and len(model.requests) == 8


def test_without_an_adapter_or_dev_rows_there_is_nothing_to_ask(tmp_path):
    assert further(Tuned("a", "b"), task(prompts=2), tmp_path, adapter=False) == {}
    assert set(further(Tuned("a", "b"), task(0), tmp_path, dev=0)) == {"guards"}


def test_of_few_answers_one_is_no_loss_and_two_are():
    assert not Guarded(before=1.0, after=0.8, pairs=5).lost
    assert Guarded(before=1.0, after=0.6, pairs=5).lost
    assert not Guarded(before=1.0, after=0.9, pairs=60).lost  # the margin itself
    assert Guarded(before=1.0, after=53 / 60, pairs=60).lost
    assert guards({"guard": {"said": "a"}, "guards": [{"said": "b"}]})[1] == {"said": "b"}
    assert guards({}) == guards({"guard": None}) == []


def folder_of(place: Path, *prompts: dict) -> Path:
    rows = [{"input": f"row {i}", "expected": "ab"[i % 2]} for i in range(60)]
    (place / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (place / "guard.jsonl").write_text("\n".join(map(json.dumps, prompts)))
    (place / "rung.toml").write_text(
        '[task]\nname = "t"\ninstruction = "Which?"\nexamples = "rows.jsonl"\n'
        'guard = "guard.jsonl"\n[output]\nlabels = ["a", "b"]\n'
        '[target]\nmetric = "accuracy"\nscore = 0.8\n'
    )
    return place


def test_prompts_are_read_from_the_file_that_the_task_names_and_change_no_answer(tmp_path):
    prompt = {"input": "Say hi.", "expected": "hi", "alternatives": ["hello"]}
    loaded = load_task(folder_of(tmp_path, prompt))
    assert [e.references for e in loaded.guard] == [("hi", "hello")]
    bare = loaded.model_copy(update={"guard": ()})
    assert loaded.fingerprint() == bare.fingerprint()


@pytest.mark.parametrize("expected", ["", "  "])
def test_a_prompt_without_a_right_answer_is_refused(tmp_path, expected):
    with pytest.raises(UserError, match=r"guard.jsonl: 'expected' of .* is empty"):
        load_task(folder_of(tmp_path, {"input": "Say hi.", "expected": expected}))
