"""Room for an answer: enough from the start, more where answers are cut, nothing paid twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from climbing import tasks
from climbing.tasks import MODEL, asked, label_of, label_task
from rung.candidate import Candidate, Prompt
from rung.decide.room import LEAST, answer_tokens
from rung.errors import ProviderError
from rung.models.base import ChatReply, ChatRequest, Message
from rung.records import Usage
from rung.solver import Solver, SolverSpec
from rung.solver.room import FOR_THOUGHTS
from rung.solver.solver import Parts
from rung.task.types import TextOutput
from scripted import ScriptedModel


class Thinker(ScriptedModel):
    """Uses up `needs` tokens before it says a word."""

    def __init__(self, needs: int, answers: Callable[[ChatRequest], str], **more: object) -> None:
        super().__init__(answers, MODEL, **more)  # type: ignore[arg-type]
        self.needs = needs

    async def reply(self, request: ChatRequest) -> ChatReply:
        said = await super().reply(request)
        if request.max_tokens > self.needs:
            return said.model_copy(update={"thought": True})
        usage = Usage(input_tokens=9, output_tokens=request.max_tokens)
        cut = {"text": "", "finish": "length", "thought": True, "usage": usage}
        return said.model_copy(update=cut)


def solver(chat: ScriptedModel, room: int = 64, *, fixed: bool = False) -> Solver:
    prompt = Prompt(constrained=False, max_output_tokens=room, fixed_room=fixed)
    candidate = Candidate(model=MODEL, prompt=prompt)
    spec = SolverSpec(candidate=candidate, task="t", instruction="i", output=TextOutput())
    return Solver(spec, Parts(chat=chat))


@pytest.mark.parametrize(
    ("needs", "rooms"), [(10, [64]), (500, [64, 1024]), (3000, [64, 1024, 4096])]
)
def test_a_cut_answer_is_asked_for_again_with_more_room(needs: int, rooms: list[int]) -> None:
    chat = Thinker(needs, lambda _: "yes")
    first = solver(chat)
    answer = first.ask("q")
    assert (answer.text, answer.finish, answer.calls) == ("yes", "stop", len(rooms))
    assert [r.max_tokens for r in chat.requests] == rooms
    assert answer.usage.output_tokens == sum(rooms[:-1]) + 1  # what was cut is paid for
    first.ask("another")
    assert [r.max_tokens for r in chat.requests] == [*rooms, rooms[-1]]  # kept from then on


def test_a_model_that_never_says_anything_is_no_wrong_answer() -> None:
    chat = Thinker(10**6, lambda _: "yes")
    with pytest.raises(ProviderError, match="max_tokens") as failed:
        solver(chat).ask("q")
    assert not failed.value.final and not failed.value.outage
    assert max(r.max_tokens for r in chat.requests) < chat.context_window


def test_room_that_the_task_sets_does_not_grow() -> None:
    chat = Thinker(500, lambda _: "yes")
    with pytest.raises(ProviderError, match="all 64 tokens"):
        solver(chat, fixed=True).ask("q")
    assert chat.calls == 1


def test_an_answer_that_goes_round_in_circles_is_not_given_more() -> None:
    class Circling(ScriptedModel):
        async def reply(self, request: ChatRequest) -> ChatReply:
            said = await super().reply(request)
            return said.model_copy(update={"finish": "length"})

    chat = Circling(lambda _: "and so it goes on and on, " * 9)
    assert solver(chat).ask("q").finish == "length"
    assert chat.calls == 1


def test_the_window_bounds_it() -> None:
    chat = Thinker(10**6, lambda _: "yes", context_window=600)
    with pytest.raises(ProviderError):
        solver(chat).ask("word " * 100)
    assert 64 < max(r.max_tokens for r in chat.requests) <= 500


@pytest.mark.lengthy
def test_cut_calls_are_found_again_after_a_kill(tmp_path: Path) -> None:
    task = label_task()
    chat = Thinker(300, lambda r: label_of(asked(r)))
    tried = (Candidate(model=MODEL, prompt=Prompt(constrained=False, max_output_tokens=8)),)
    tasks.climb(task, tmp_path, chat, candidates=tried, everything=True)
    made = chat.calls
    for gone in (tmp_path / "runs").glob("*/attempts*"):
        gone.unlink()
    again = Thinker(300, lambda r: label_of(asked(r)))
    run = tasks.climb(task, tmp_path, again, candidates=tried, everything=True)
    assert made > 10 and run.candidates[0].score is not None
    # Which answers were cut before the room was known may differ: at most one each at a time.
    assert again.calls <= 4


def test_room_for_what_the_task_expects() -> None:
    plain = ScriptedModel(lambda _: "x", MODEL, constrains=True)
    served = ScriptedModel(lambda _: "x", MODEL)
    assert answer_tokens(label_task(), plain) < LEAST <= answer_tokens(label_task(), served)
    set_by_hand = label_task().model_copy(update={"max_output_tokens": 40})
    assert answer_tokens(set_by_hand, served) == 40


def test_an_answer_full_of_digits_counts_by_its_tokens() -> None:
    """A short answer of digits takes more tokens than a longer one of words."""

    class Digits(ScriptedModel):
        def count_tokens(self, messages: tuple[object, ...]) -> int:
            text = "".join(m.content for m in messages)  # type: ignore[attr-defined]
            return sum(c.isdigit() for c in text) + len(text) // 4

    one = label_task().train[0]
    words = [one.model_copy(update={"id": f"w{i}", "expected": "word " * 60}) for i in range(20)]
    digits = one.model_copy(update={"id": "d", "expected": "1234567890" * 25})
    task = label_task().model_copy(
        update={"output": TextOutput(), "train": (*words, digits), "max_output_tokens": None}
    )
    chat = Digits(lambda _: "x", MODEL, constrains=True)
    assert answer_tokens(task, chat) >= 250 * 3 // 2


def test_a_verdict_names_what_most_failures_have_in_common(tmp_path: Path) -> None:
    class Cut(ScriptedModel):
        async def reply(self, request: ChatRequest) -> ChatReply:
            said = await super().reply(request)
            return said.model_copy(update={"text": said.text[:1], "finish": "length"})

    task = label_task()
    prompt = Prompt(constrained=False, max_output_tokens=8, fixed_room=True)
    run = tasks.climb(
        task, tmp_path, Cut(lambda r: label_of(asked(r)), MODEL),
        candidates=(Candidate(model=MODEL, prompt=prompt),),
    )  # fmt: skip
    score = run.candidates[0].score
    assert score is not None and score.hindered.cut == score.hindered.failed > 0
    assert run.verdict.status == "undecided"  # the limit was measured, not the model
    assert "failures were cut at 8 tokens" in " ".join(tasks.why(run))
    assert "[output] max_tokens above 8" in tasks.then(run)
    assert "stronger" not in tasks.then(run)


def test_a_model_that_thinks_has_room_for_thoughts_and_a_strict_template_is_no_obstacle() -> None:
    class Strict(ScriptedModel):
        thinks = True

        def count_tokens(self, messages: tuple[Message, ...]) -> int:
            assert messages[0].role != "assistant", "turns must begin with the user's"
            return super().count_tokens(messages)

    plain, strict = ScriptedModel(label_of), Strict(label_of)
    assert answer_tokens(label_task(), strict) == min(
        answer_tokens(label_task(), plain) + FOR_THOUGHTS[0], strict.context_window // 2
    )
